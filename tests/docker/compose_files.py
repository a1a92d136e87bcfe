"""The Compose files, read by both generations of Compose. No container runs."""

import itertools
import json
import subprocess
import unittest

import engine
import project

docker = engine.prepare()

DEVELOPMENT = ["docker-compose.yaml"]
PRODUCTION = ["docker-compose-prod.yaml"]
WITH_TLS = PRODUCTION + ["docker/prod-tls.yaml"]
SCALE = ["docker-compose-scale.yaml"]
NODES = {"rabbit-1", "rabbit-2", "rabbit-3"}
HISTORIES = {"history-1", "history-2"}


def run(compose, files, *arguments, **environment):
    command = list(compose)
    for file in files:
        command += ["-f", file]
    kept = {
        name: value
        for name, value in docker.environment.items()
        if name in ("PATH", "HOME", "DOCKER_HOST")
    }
    return subprocess.run(
        [*command, *arguments],
        cwd=engine.ROOT,
        env=dict(kept, COMPOSE_ENV_FILES="/dev/null", **environment),
        capture_output=True,
        text=True,
        timeout=60,
    )


class ComposeFiles(unittest.TestCase):
    def each(self):
        generations = project.generations()
        print("with", " and ".join(generations), flush=True)
        for name, compose in generations.items():
            with self.subTest(compose=name):
                yield compose

    def test_every_file_is_accepted(self):
        for compose in self.each():
            for files in (DEVELOPMENT, PRODUCTION, WITH_TLS, SCALE):
                done = run(compose, files, "config", "-q", FLIXTUBE_SECRETS="/secrets")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(done.stderr.strip(), "")  # no warning either

    def test_production_without_secrets_is_refused_in_one_line_that_helps(self):
        for compose in self.each():
            for files, arguments in itertools.product(
                    (PRODUCTION, SCALE), (["config", "-q"], ["up", "-d"])):
                done = run(compose, files, *arguments, FLIXTUBE_SECRETS="")
                self.assertNotEqual(done.returncode, 0)
                said = (done.stdout + done.stderr).strip()
                self.assertEqual(len(said.splitlines()), 1, said)
                self.assertIn("FLIXTUBE_SECRETS", said)
                self.assertIn("docker/make-secrets.sh", said)

    def services(self, files):
        done = run(
            project.compose_2(),
            files,
            "config",
            "--format",
            "json",
            FLIXTUBE_SECRETS="/secrets",
        )
        return json.loads(done.stdout)["services"]

    def test_production_publishes_the_two_http_ports_and_no_other(self):
        ports = {
            name: [
                (port["host_ip"], port["published"], port["target"])
                for port in service.get("ports", [])
            ]
            for name, service in self.services(PRODUCTION).items()
        }
        self.assertEqual(
            ports,
            {
                "rabbit": [],
                "history": [("127.0.0.1", "4001", 80)],
                "streaming": [("127.0.0.1", "4000", 80)],
            },
        )

    def test_production_starts_each_service_when_what_it_needs_is_healthy(self):
        waits_for = {
            name: {
                other
                for other, how in service.get("depends_on", {}).items()
                if how["condition"] == "service_healthy"
            }
            for name, service in self.services(PRODUCTION).items()
        }
        self.assertEqual(
            waits_for,
            {"rabbit": set(), "history": {"rabbit"}, "streaming": {"rabbit", "history"}},
        )

    def test_scale_publishes_the_two_http_ports_of_its_proxy_and_no_other(self):
        ports = {
            (name, port["host_ip"], port["published"], port["target"])
            for name, service in self.services(SCALE).items()
            for port in service.get("ports", [])
        }
        self.assertEqual(ports, {("proxy", "127.0.0.1", "4000", 4000),
                                 ("proxy", "127.0.0.1", "4001", 4001)})

    def test_scale_has_three_nodes_one_store_and_two_histories_on_both(self):
        services = self.services(SCALE)
        self.assertEqual(set(services),
                         NODES | HISTORIES | {"postgres", "streaming", "proxy"})
        for name in NODES:  # its data lives under this name, in a volume of its own
            self.assertEqual(services[name]["hostname"], name)
            self.assertIn((f"{name}-data", "/var/lib/rabbitmq"),
                          self.volumes_of(services[name]))
        self.assertIn(("postgres-data", "/var/lib/postgresql"),
                      self.volumes_of(services["postgres"]))
        for name in HISTORIES:
            self.assertEqual(set(services[name]["depends_on"]), NODES | {"postgres"})
            secrets = {secret["source"] for secret in services[name]["secrets"]}
            self.assertEqual(secrets, {"rabbit_url_history", "history_db"})
        proxy = (engine.ROOT / "docker/proxy/haproxy.cfg").read_text()
        for name in HISTORIES | {"streaming"}:
            self.assertRegex(proxy, rf"server {name} {name}:80\b")
        cluster = (engine.ROOT / "docker/rabbitmq/scale.conf").read_text()
        for name in NODES:
            self.assertRegex(cluster, rf"nodes\.\d = rabbit@{name}\b")

    def volumes_of(self, service):
        return {(volume["source"], volume["target"]) for volume in service["volumes"]
                if volume["type"] == "volume"}

    def test_scale_confines_each_service_as_production_does(self):
        for name, service in self.services(SCALE).items():
            with self.subTest(service=name):
                self.assertTrue(service["read_only"])
                self.assertTrue(service["init"])
                self.assertEqual(service["cap_drop"], ["ALL"])
                self.assertEqual(service["security_opt"], ["no-new-privileges:true"])
                self.assertEqual(service["restart"], "unless-stopped")
                self.assertGreater(int(service["mem_limit"]), 0)
                self.assertGreater(service["pids_limit"], 0)
                # What the images of ours have is not repeated.
                self.assertTrue("healthcheck" in service
                                or name in HISTORIES | {"streaming"})

    def test_all_take_the_official_broker_unless_told_otherwise(self):
        secrets = {"FLIXTUBE_SECRETS": "/secrets"}
        for files, name in (
            (DEVELOPMENT, "rabbitmq:4.2-management"),
            (PRODUCTION, "rabbitmq:4.2"),
            (SCALE, "rabbitmq:4.2"),
        ):
            done = run(project.compose_2(), files, "config", **secrets)
            self.assertIn(f"image: {name}\n", done.stdout)
            done = run(
                project.compose_2(), files, "config", RABBIT_IMAGE="mine:1", **secrets
            )
            self.assertIn("image: mine:1\n", done.stdout)

    def test_no_password_is_in_the_production_files(self):
        for name in WITH_TLS + SCALE + [
                "docker/rabbitmq/prod.conf", "docker/rabbitmq/scale.conf",
                "docker/postgres/postgresql.conf", "docker/proxy/haproxy.cfg"]:
            text = (engine.ROOT / name).read_text()
            self.assertNotIn("amqp://", text, name)
            self.assertNotIn("postgresql://", text, name)
            self.assertNotIn("default_pass", text, name)
            self.assertNotIn("guest:", text, name)


if __name__ == "__main__":
    unittest.main(verbosity=2)
