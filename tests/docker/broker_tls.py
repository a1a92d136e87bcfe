"""docker/prod-tls.yaml: between the services and the broker nothing is plain."""

import unittest

import engine
import project
import viewers
from support.waiting import eventually

docker = engine.prepare()


class BrokerTls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.it = project.Project(
            docker,
            ["docker-compose-prod.yaml", "docker/prod-tls.yaml"],
            project.compose_2(),
            buildkit=True,
        )
        cls.addClassCleanup(cls.it.remove)
        cls.it.run("docker/make-secrets.sh", "--tls")
        cls.it.compose("up", "-d", "--build")
        cls.it.wait_ready()

    def test_a_view_reaches_history_through_tls(self):
        session = viewers.one_view(self.it.url("streaming", ""))
        eventually(
            lambda: viewers.assert_each_once([session], self.it.rows()) is None
        )
        for service in ("history", "streaming"):
            self.it.wait_log(service, "broker connected .*rabbit:5671")
        connections = docker.docker(
            "exec", self.it.container("rabbit"), "rabbitmqctl", "-q",
            "list_connections", "user", "ssl",
        )
        rows = [line.split() for line in connections.splitlines()[1:] if line.strip()]
        self.assertEqual({user for user, _ in rows}, {"history", "streaming"})
        self.assertEqual({tls for _, tls in rows}, {"true"})

    def test_the_broker_does_not_listen_without_tls(self):
        listeners = docker.docker(
            "exec", self.it.container("rabbit"), "rabbitmq-diagnostics", "-q", "listeners"
        )
        self.assertIn("port: 5671", listeners)
        self.assertNotIn("port: 5672,", listeners)

    def test_a_service_that_does_not_trust_the_authority_does_not_connect(self):
        # Without RABBIT_CA_FILE only the public authorities are trusted.
        distrustful = docker.docker(
            "run", "-d", "--network", f"{self.it.name}_broker",
            "-v", f"{self.it.folder}/secrets/rabbit_url_streaming:/url:ro",
            "-v", f"{self.it.folder}/videos:/videos:ro",
            "-e", "RABBIT_FILE=/url",
            f"flixtube-streaming:{self.it.name}",
        ).strip()
        self.addCleanup(docker.docker, "rm", "-f", "-v", distrustful)
        eventually(lambda: "verification failed" in docker.logs(distrustful), 30)
        self.assertNotIn("broker connected", docker.logs(distrustful))


if __name__ == "__main__":
    unittest.main(verbosity=2)
