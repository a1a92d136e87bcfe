"""docker-compose-scale.yaml: a node of the broker and a history are killed while
people watch, and each view is there once, by the proxy."""

import json
import time
import unittest
import uuid

import engine
import project
import viewers
from support.event_source import EventSource
from support.waiting import eventually
from support.web import request

docker = engine.prepare()

NODES = ("rabbit-1", "rabbit-2", "rabbit-3")
HISTORIES = ("history-1", "history-2")
SERVICES = (*NODES, *HISTORIES, "postgres", "streaming", "proxy")
WITHIN_S = 90


class Scale(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # By the builder that production's test ended with: its layers are there.
        cls.it = project.Project(docker, ["docker-compose-scale.yaml"],
                                 project.compose_2(), buildkit=True, services=SERVICES)
        cls.addClassCleanup(cls.it.remove)
        cls.it.run("docker/make-secrets.sh", "--scale")
        began = time.monotonic()
        cls.it.compose("build")
        print(f"built in {time.monotonic() - began:.0f} s", flush=True)
        began = time.monotonic()
        cls.it.compose("up", "-d")
        cls.it.wait_ready()
        print(f"up in {time.monotonic() - began:.0f} s", flush=True)

    def ask(self, service, *command):
        return docker.docker("exec", self.it.container(service), *command)

    def kill(self, service):
        docker.kill_processes([self.it.inspect(service)["State"]["Pid"]])

    def leader(self):
        """The node that leads the queue, by its service's name."""
        told = self.ask(NODES[0], "rabbitmqctl", "-q", "list_queues", "name", "leader",
                        "--formatter", "json")
        leaders = {queue["name"]: queue["leader"] for queue in json.loads(told)}
        return leaders["history.viewed"].split("@")[1]

    def post(self, count):
        """Views by POST /viewed, all in one; their sessions. A client that has no
        answer asks again: the ids say that it is the same."""
        views = [{"id": str(uuid.uuid4()), "userId": str(uuid.uuid4()),
                  "sessionId": str(uuid.uuid4()), "video": {"id": viewers.VIDEO}}
                 for _ in range(count)]
        answer = eventually(lambda: self.posted(json.dumps(views)), WITHIN_S)
        self.assertIn(answer.status, (200, 201), answer.body)
        return [view["sessionId"] for view in views]

    def posted(self, body):
        answer = request("POST", self.it.url("history", "/viewed"), body=body,
                         headers={"Content-Type": "application/json"}, timeout_s=30)
        return answer if answer.status < 500 else None

    def heard(self, readers):
        return sorted(data["_id"] for reader in readers for _, data, _ in reader.events)

    def wait_healthy(self, services):
        for service in services:
            eventually(lambda: self.it.inspect(service)["State"]["Health"]["Status"]
                       == "healthy", WITHIN_S, 0.2)

    def all_are_there_once(self, sessions):
        eventually(lambda: viewers.assert_each_once(sessions, self.it.rows()) is None,
                   WITHIN_S)

    def test_1_each_part_is_as_it_should_be(self):
        for service in SERVICES:
            with self.subTest(service=service):
                host = self.it.inspect(service)["HostConfig"]
                self.assertTrue(host["ReadonlyRootfs"])
                self.assertEqual(host["CapDrop"], ["ALL"])
                self.assertGreater(host["Memory"], 0)
                self.assertEqual(host["RestartPolicy"]["Name"], "unless-stopped")
                self.assertNotIn(self.it.inspect(service)["Config"]["User"], ("", "0", "root"))
        shown = self.ask("postgres", "psql", "-h", "/tmp", "-U", "postgres", "-At", "-c",
                         "SELECT string_agg(current_setting(name), ' ') FROM unnest(ARRAY["
                         "'fsync', 'synchronous_commit', 'full_page_writes', "
                         "'data_checksums']) AS name")
        self.assertEqual(shown.split(), ["on"] * 4)
        told = self.ask(NODES[0], "rabbitmqctl", "-q", "list_queues", "name", "members",
                        "--formatter", "json")
        members = {queue["name"]: len(queue["members"]) for queue in json.loads(told)}
        self.assertEqual(members, {"history.viewed": 3, "history.viewed.dead": 3,
                                   "viewed.log": 3})
        for name in ("postgres_password", "rabbit_cookie"):
            secret = self.it.read(f"secrets/{name}")
            self.assertGreaterEqual(len(secret), 32)
            for service in SERVICES:
                seen = self.it.log(service) + json.dumps(self.it.inspect(service))
                self.assertFalse(secret in seen, f"{service} shows {name}")

    def test_2_a_killed_node_and_a_killed_history_lose_no_view(self):
        port = self.it.ports["HISTORY"]
        self.wait_healthy(HISTORIES)
        readers = [EventSource(port) for _ in range(2)]
        self.addCleanup(lambda: [reader.close() for reader in readers])
        watching = viewers.Viewers(self.it.url("streaming", ""), 100000).start()
        try:
            eventually(lambda: len(watching.accepted) > 20, WITHIN_S)
            posted = self.post(20)
            self.kill(self.leader())
            self.kill(HISTORIES[0])
            so_far = len(watching.accepted)
            # The proxy goes on with the other one.
            posted += self.post(20)
            eventually(lambda: len(watching.accepted) > so_far + 50, WITHIN_S)
        finally:
            sessions = watching.stop()
        self.all_are_there_once(sessions + posted)
        print(f"{len(sessions)} watched and {len(posted)} posted views, each once", flush=True)
        # A reader hears of all views, each once, whichever history stored them. Of
        # these two, one was cut off, and goes on with the other history.
        ids = sorted(row["_id"] for row in self.it.rows())
        for reader in list(readers):
            parts = [reader]
            if reader.ended.is_set():
                parts.append(EventSource(port, last_id=reader.last_id))
                readers.append(parts[1])
            eventually(lambda: len(self.heard(parts)) >= len(ids), WITHIN_S)
            self.assertEqual(self.heard(parts), ids)
        self.assertGreater(len(readers), 2)

    def test_3_both_come_back_by_themselves(self):
        self.wait_healthy(SERVICES)
        self.kill(HISTORIES[1])  # the other one answers by now
        session = viewers.one_view(self.it.url("streaming", ""))
        eventually(lambda: session in {row["sessionId"] for row in self.it.rows()}, WITHIN_S)


if __name__ == "__main__":
    unittest.main(verbosity=2, failfast=True)
