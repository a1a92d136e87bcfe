"""A RabbitMQ for tests: the run's shared one, or one of a test's own."""

import atexit
import base64
import json
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.parse
import urllib.request
import uuid

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOL = os.path.join(ROOT, "tools", "broker")


class Broker:
    """One that tools/broker started in a folder; its ports and data stay."""

    def __init__(self, folder):
        self.folder = folder
        self._read_env()

    @classmethod
    def start_in(cls, folder, *options):
        subprocess.run(
            [TOOL, "start", folder, *options],
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=120,
        )
        return cls(folder)

    def _read_env(self):
        with open(os.path.join(self.folder, "broker.env")) as file:
            env = dict(line.strip().split("=", 1) for line in file)
        self.url = env["amqp"]
        self.management = env["management"]
        self.pid = int(env["pid"])

    def _tool(self, *arguments):
        subprocess.run(
            [TOOL, *arguments], check=True, stdout=subprocess.DEVNULL, timeout=120
        )

    def kill(self):
        """As a crash would end it."""
        self._tool("kill", self.folder)

    def stop(self):
        self._tool("stop", self.folder, "--now")

    def stop_gracefully(self):
        self._tool("stop", self.folder)

    def start_again(self):
        self._tool("start", self.folder)
        self._read_env()

    def halt(self):
        """It keeps its connections and answers nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self):
        os.kill(self.pid, signal.SIGCONT)

    def manage(self, method, path, body=None):
        """A call of the management API; the answer, or None without one."""
        token = base64.b64encode(b"guest:guest").decode()
        request = urllib.request.Request(
            self.management + "/api" + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": "Basic " + token,
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def add_vhost(self):
        """A part of the broker for one test; its AMQP URL."""
        name = "test-" + uuid.uuid4().hex
        self.manage("PUT", f"/vhosts/{name}", {})
        self.manage(
            "PUT",
            f"/permissions/{name}/guest",
            {"configure": ".*", "write": ".*", "read": ".*"},
        )
        return f"{self.url}/{name}"

    def remove_vhost(self, url):
        self.manage("DELETE", "/vhosts/" + vhost_of(url))

    def queue(self, url, name):
        """What the management API says of a queue."""
        return self.manage("GET", f"/queues/{vhost_of(url)}/{name}")


def vhost_of(url):
    """The vhost's name, quoted for the management API's paths."""
    path = urllib.parse.urlsplit(url).path
    return path[1:] or "%2F"


_shared = None


def shared_broker():
    """The broker of the whole CTest run, or of this process without one."""
    global _shared
    if _shared is None:
        folder = os.environ.get("FLIXTUBE_BROKER")
        if folder:
            _shared = Broker(folder)
        else:
            folder = tempfile.mkdtemp(prefix="flixtube-broker-")
            _shared = Broker.start_in(folder)
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            atexit.register(_shared.stop)
    return _shared
