"""Both Compose files, read by both generations of Compose. No container runs."""

import json
import subprocess
import unittest

import engine
import project

docker = engine.prepare()

DEVELOPMENT = ["docker-compose.yaml"]
PRODUCTION = ["docker-compose-prod.yaml"]
WITH_TLS = PRODUCTION + ["docker/prod-tls.yaml"]


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
            for files in (DEVELOPMENT, PRODUCTION, WITH_TLS):
                done = run(compose, files, "config", "-q", FLIXTUBE_SECRETS="/secrets")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(done.stderr.strip(), "")  # no warning either

    def test_production_without_secrets_is_refused_in_one_line_that_helps(self):
        for compose in self.each():
            for arguments in (["config", "-q"], ["up", "-d"]):
                done = run(compose, PRODUCTION, *arguments, FLIXTUBE_SECRETS="")
                self.assertNotEqual(done.returncode, 0)
                said = (done.stdout + done.stderr).strip()
                self.assertEqual(len(said.splitlines()), 1, said)
                self.assertIn("FLIXTUBE_SECRETS", said)
                self.assertIn("docker/make-secrets.sh", said)

    def production_services(self):
        done = run(
            project.compose_2(),
            PRODUCTION,
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
            for name, service in self.production_services().items()
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
            for name, service in self.production_services().items()
        }
        self.assertEqual(
            waits_for,
            {"rabbit": set(), "history": {"rabbit"}, "streaming": {"rabbit", "history"}},
        )

    def test_both_take_the_official_broker_unless_told_otherwise(self):
        secrets = {"FLIXTUBE_SECRETS": "/secrets"}
        for files, name in (
            (DEVELOPMENT, "rabbitmq:4.2-management"),
            (PRODUCTION, "rabbitmq:4.2"),
        ):
            done = run(project.compose_2(), files, "config", **secrets)
            self.assertIn(f"image: {name}\n", done.stdout)
            done = run(
                project.compose_2(), files, "config", RABBIT_IMAGE="mine:1", **secrets
            )
            self.assertIn("image: mine:1\n", done.stdout)

    def test_no_password_is_in_the_production_files(self):
        for name in WITH_TLS + ["docker/rabbitmq/prod.conf"]:
            text = (engine.ROOT / name).read_text()
            self.assertNotIn("amqp://", text, name)
            self.assertNotIn("default_pass", text, name)
            self.assertNotIn("guest:", text, name)


if __name__ == "__main__":
    unittest.main(verbosity=2)
