"""A RabbitMQ of several nodes on this machine, with a name daemon of their own."""

import os
import shutil
import subprocess
import urllib.parse

from support.broker import Broker
from support.service import free_port
from support.waiting import eventually

COOKIE = "a-cookie-of-the-tests"
WHOLE_WITHIN_S = 60


class Cluster:
    """Nodes that keep their ports and data; `url` has the address of each."""

    def __init__(self, folder, size=3):
        self.folder = folder
        self.names_port = free_port()
        self.names = subprocess.Popen(
            [shutil.which("epmd") or "/usr/bin/epmd", "-port", str(self.names_port),
             "-address", "127.0.0.1", "-relaxed_command_check"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        self.nodes = []
        try:
            for number in range(1, size + 1):
                self.nodes.append(self._start(f"rabbit{number}"))
            eventually(self.is_whole, WHOLE_WITHIN_S)
        except BaseException:
            self.stop()
            raise

    def _folder(self, name):
        return os.path.join(self.folder, name)

    def _options(self, name):
        options = ["--node", name, "--epmd", str(self.names_port),
                   "--set", "cluster_partition_handling=pause_minority"]
        if name != "rabbit1":
            options += [
                "--set", "cluster_formation.peer_discovery_backend=classic_config",
                "--set", "cluster_formation.classic_config.nodes.1=rabbit1@localhost"]
        return options

    def _start(self, name):
        home = os.path.join(self._folder(name), "home")
        os.makedirs(home)
        cookie = os.path.join(home, ".erlang.cookie")
        with open(cookie, "w") as file:
            file.write(COOKIE)
        os.chmod(cookie, 0o400)
        return Broker.start_in(self._folder(name), *self._options(name))

    def start_again(self, number):
        name = f"rabbit{number + 1}"
        self.nodes[number] = Broker.start_in(self._folder(name), *self._options(name))

    def is_whole(self):
        """Each node answers, and hears all of the others."""
        try:
            return all(
                sum(other["running"] for other in node.manage("GET", "/nodes"))
                == len(self.nodes) for node in self.nodes)
        except OSError:
            return False

    def add_vhost(self):
        """The URL of a vhost, with each node's address."""
        url = urllib.parse.urlsplit(eventually(self._make_vhost, WHOLE_WITHIN_S))
        ports = [urllib.parse.urlsplit(node.url).port for node in self.nodes]
        hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
        return f"amqp://guest:guest@{hosts}{url.path}"

    def _make_vhost(self):
        """None where it takes the nodes for ever to agree, as it may just after
        they met."""
        try:
            return self.nodes[0].add_vhost()
        except OSError:
            return None

    def leader(self, url, queue):
        """The number of the node that leads the queue."""
        vhost = urllib.parse.urlsplit(url).path[1:]
        told = self._anyone("GET", f"/queues/{vhost}/{queue}")
        return int(told["leader"].split("@")[0][len("rabbit"):]) - 1

    def replicas(self, url, queue):
        """The nodes that have it now."""
        vhost = urllib.parse.urlsplit(url).path[1:]
        return self._anyone("GET", f"/queues/{vhost}/{queue}").get("online", [])

    def _anyone(self, method, path):
        def asked():
            for node in self.nodes:
                try:
                    return node.manage(method, path)
                except OSError:
                    continue
            return None

        return eventually(asked)

    def evaluate(self, number, code):
        """Erlang in that node."""
        node = self.nodes[number]
        env = dict(os.environ, HOME=os.path.join(node.folder, "home"),
                   ERL_EPMD_PORT=str(self.names_port))
        return subprocess.run(
            ["/usr/lib/rabbitmq/bin/rabbitmqctl", "-n", f"rabbit{number + 1}@localhost",
             "eval", code],
            env=env, check=True, capture_output=True, text=True, timeout=60).stdout

    def cut_off(self, number):
        """That node and the others do not hear each other: it takes their cookie
        for a wrong one, of all at once, since a node that hears some of the
        others would make those pause as well."""
        self._split(number, "another-cookie")

    def heal(self, number):
        self._split(number, COOKIE)

    def _split(self, number, cookie):
        others = ", ".join(f"'rabbit{other + 1}@localhost'"
                           for other in range(len(self.nodes)) if other != number)
        self.evaluate(number, f"[begin erlang:set_cookie(Node, '{cookie}'), "
                      f"erlang:disconnect_node(Node) end || Node <- [{others}]].")

    def stop(self):
        for node in self.nodes:
            node.stop()
        self.names.kill()
        self.names.wait()
