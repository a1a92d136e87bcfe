"""docker-compose-prod.yaml as an operator uses it, through what a server goes
through: kills, restarts, upgrades, a stop under load, a backup."""

import json
import os
import shutil
import time
import unittest

import engine
import project
import viewers
from support.waiting import eventually

docker = engine.prepare()

IMAGE_BYTES_MAX = 110e6
ADDED_BYTES_MAX = 30e6  # by us, on top of the base image
SERVICES = ("rabbit", "history", "streaming")
OURS = ("history", "streaming")
DATA_FOLDERS = {"rabbit": "/var/lib/rabbitmq", "history": "/data", "streaming": "/data"}


class Production(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # The older generation and the older builder first; both newer ones
        # follow with the upgrade.
        cls.it = project.Project(
            docker,
            ["docker-compose-prod.yaml"],
            project.compose_1() or project.compose_2(),
            buildkit=False,
        )
        cls.addClassCleanup(cls.it.remove)
        cls.it.run("docker/make-secrets.sh")
        began = time.monotonic()
        cls.it.compose("build")
        print(f"built in {time.monotonic() - began:.0f} s", flush=True)
        began = time.monotonic()
        cls.it.compose("up", "-d")
        cls.it.wait_ready()
        print(f"up in {time.monotonic() - began:.0f} s", flush=True)
        cls.sessions = []

    def view(self):
        """One more view; it joins those that must always be there."""
        self.sessions.append(viewers.one_view(self.it.url("streaming", "")))

    def assert_all_views(self, timeout_s=60):
        """Every view that was ever accepted is there, once."""
        eventually(
            lambda: viewers.assert_each_once(self.sessions, self.it.rows()) is None,
            timeout_s,
        )

    def password(self, service):
        url = self.it.read(f"secrets/rabbit_url_{service}")
        return url.split(":")[2].split("@")[0]

    def authenticate(self, password):
        docker.docker(
            "exec", self.it.container("rabbit"),
            "rabbitmqctl", "-q", "authenticate_user", "history", password,
        )

    def wait_healthy(self, timeout_s=120):
        for service in SERVICES:
            with self.subTest(service=service):
                eventually(
                    lambda: self.it.inspect(service)["State"]["Health"]["Status"]
                    == "healthy",
                    timeout_s,
                    0.2,
                )

    def test_01_a_view_is_counted_with_generated_secrets(self):
        self.view()
        self.assert_all_views()
        self.wait_healthy()

    def test_02_every_container_is_confined(self):
        users = {"rabbit": "999:999", "history": "10001:10001", "streaming": "10001:10001"}
        for service in SERVICES:
            found = self.it.inspect(service)
            host = found["HostConfig"]
            self.assertEqual(found["Config"]["User"], users[service])
            self.assertTrue(host["ReadonlyRootfs"])
            self.assertTrue(host["Init"])
            self.assertEqual(host["CapDrop"], ["ALL"])
            self.assertIn(host["CapAdd"], (None, []))
            self.assertFalse(host["Privileged"])
            self.assertIn("no-new-privileges:true", host["SecurityOpt"])
            self.assertEqual(host["Memory"], 1 << 30)
            self.assertIn(host["PidsLimit"], (512, 2048))
            self.assertEqual(host["RestartPolicy"]["Name"], "unless-stopped")
            self.assertEqual(host["LogConfig"]["Type"], "json-file")
            self.assertEqual(
                host["LogConfig"]["Config"], {"max-size": "10m", "max-file": "5"}
            )
            self.assertEqual(list(host["Tmpfs"]), ["/tmp"])
            self.assertEqual(found["Config"]["StopTimeout"], 60 if service == "rabbit" else 20)
            # Its data is in a named volume.
            self.assertIn(
                (f"{self.it.name}_{service}-data", DATA_FOLDERS[service]),
                {
                    (mount.get("Name"), mount["Destination"])
                    for mount in found["Mounts"]
                    if mount["Type"] == "volume"
                },
            )
        # The broker's data lives under its host's name.
        self.assertEqual(self.it.inspect("rabbit")["Config"]["Hostname"], "rabbit")

    def test_03_what_runs_inside_has_no_root_no_capability_and_cannot_write(self):
        for service in SERVICES:
            container = self.it.container(service)
            status = docker.docker(
                "exec", container, "sh", "-c", "cat /proc/1/status /proc/self/status"
            )
            for line in status.splitlines():
                if line.startswith("Uid:"):
                    self.assertNotIn("0", line.split()[1:])
                if line.startswith(("CapPrm:", "CapEff:", "CapBnd:", "CapAmb:")):
                    self.assertEqual(int(line.split()[1], 16), 0, line)
                if line.startswith("NoNewPrivs:"):
                    self.assertEqual(line.split()[1], "1")
            wrote = docker.docker(
                "exec", container, "sh", "-c",
                "touch /usr/bin/x /etc/x /videos/x 2>/dev/null; ls /usr/bin/x /etc/x "
                "/videos/x 2>/dev/null || true",
            )
            self.assertEqual(wrote.strip(), "")

    def test_04_health_is_asked_by_the_programs_themselves(self):
        for service in OURS:
            check = self.it.inspect(service)["Config"]["Healthcheck"]
            self.assertEqual(check["Test"], ["CMD", service, "--healthcheck"])
        check = self.it.inspect("rabbit")["Config"]["Healthcheck"]
        self.assertIn("check_port_connectivity", check["Test"])

    def test_05_the_broker_holds_back_before_its_memory_or_disk_is_used_up(self):
        status = json.loads(
            docker.docker(
                "exec", self.it.container("rabbit"),
                "rabbitmqctl", "-q", "status", "--formatter", "json",
            )
        )
        self.assertEqual(status["vm_memory_high_watermark_limit"], 600 << 20)
        self.assertEqual(status["disk_free_limit"], 2e9)

    def test_06_the_two_http_ports_are_published_and_no_other(self):
        published = {
            service: {
                inside: [(at["HostIp"], at["HostPort"]) for at in outside]
                for inside, outside in self.it.inspect(service)["NetworkSettings"][
                    "Ports"
                ].items()
                if outside
            }
            for service in SERVICES
        }
        self.assertEqual(
            published,
            {
                "rabbit": {},
                "history": {"80/tcp": [("127.0.0.1", str(self.it.ports["HISTORY"]))]},
                "streaming": {
                    "80/tcp": [("127.0.0.1", str(self.it.ports["STREAMING"]))]
                },
            },
        )

    def test_07_no_password_can_be_seen_and_guest_does_not_exist(self):
        passwords = [self.password(service) for service in OURS]
        self.assertNotEqual(passwords[0], passwords[1])
        seen = self.it.last_logs() + "".join(
            json.dumps(self.it.inspect(service)) for service in SERVICES
        )
        seen += self.it.read("secrets/rabbit_definitions")
        for password in passwords:
            self.assertGreaterEqual(len(password), 32)
            self.assertNotIn(password, seen)
        users = docker.docker(
            "exec", self.it.container("rabbit"), "rabbitmqctl", "-q", "list_users"
        )
        names = {line.split()[0] for line in users.splitlines()[1:] if line.strip()}
        self.assertEqual(names, {"history", "streaming"})
        secrets = os.stat(os.path.join(self.it.folder, "secrets"))
        self.assertEqual(secrets.st_mode & 0o077, 0)

    def test_08_the_images_are_small(self):
        base = docker.image_bytes(engine.BASE_IMAGE)
        for service in OURS:
            size = docker.image_bytes(f"flixtube-{service}:{self.it.name}")
            print(
                f"flixtube-{service}: {size / 1e6:.1f} MB, "
                f"{(size - base) / 1e6:.1f} MB on {engine.BASE_IMAGE}",
                flush=True,
            )
            self.assertLess(size, IMAGE_BYTES_MAX)
            self.assertLess(size - base, ADDED_BYTES_MAX)

    def test_09_views_survive_a_kill_of_each_container_in_turn(self):
        for service in SERVICES:
            self.view()
            before = self.it.inspect(service)
            docker.kill_processes([before["State"]["Pid"]])
            # By the restart policy alone.
            eventually(
                lambda: self.it.inspect(service)["State"]["Pid"]
                not in (0, before["State"]["Pid"]),
                60,
            )
            self.it.wait_ready()
            self.view()
            self.assert_all_views()
            self.assertGreater(self.it.inspect(service)["RestartCount"], 0)

    def test_10_a_stop_under_load_ends_each_with_exit_code_0_and_loses_nothing(self):
        # First a queue: history is away while views come in.
        self.it.compose("stop", "history")
        self.sessions += (
            viewers.Viewers(self.it.url("streaming", ""), 300).start().join()
        )
        self.it.compose("start", "history")
        watching = viewers.Viewers(self.it.url("streaming", ""), 100000).start()
        eventually(lambda: len(watching.accepted) > 20)
        began = time.monotonic()
        self.it.compose("stop")
        print(f"stopped under load in {time.monotonic() - began:.1f} s", flush=True)
        self.sessions += watching.stop()
        for service in SERVICES:
            state = self.it.inspect(service)["State"]
            self.assertEqual(state["ExitCode"], 0, self.it.log(service)[-3000:])
        self.it.compose("start")
        self.it.wait_ready()
        self.assert_all_views()

    def test_11_views_survive_down_and_up(self):
        self.view()
        self.it.compose("down")
        self.assertEqual(self.it.container("history"), "")
        self.it.compose("up", "-d")
        self.it.wait_ready()
        self.view()
        self.assert_all_views()

    def test_12_views_survive_an_upgrade_by_the_other_compose_and_builder(self):
        old = {service: self.it.inspect(service)["Image"] for service in OURS}
        self.view()
        self.it.compose("down")
        self.it.compose_command = project.compose_2()
        self.it.use_builder(buildkit=True)
        lists = self.it.read("CMakeLists.txt")
        self.it.write("CMakeLists.txt", lists.replace("VERSION 0.", "VERSION 77."))
        self.it.compose("up", "-d", "--build")
        self.it.wait_ready()
        for service in OURS:
            self.assertNotEqual(self.it.inspect(service)["Image"], old[service])
            version = docker.docker(
                "exec", self.it.container(service), service, "--version"
            )
            self.assertIn(" 77.", version)
        self.view()
        self.assert_all_views()

    def test_13_views_survive_a_restart_of_the_host(self):
        if not docker.own:
            self.skipTest("the engine that runs here is not ours to restart")
        self.view()
        engine.crash_own(
            [self.it.inspect(service)["State"]["Pid"] for service in SERVICES]
        )
        engine.get_engine()
        self.it.wait_ready()  # nobody starts them: the restart policy does
        self.view()
        self.assert_all_views()

    def test_14_a_backup_restores_every_view_and_new_passwords_replace_the_old(self):
        self.view()
        kept = list(self.sessions)
        compose = " ".join(self.it.compose_command)
        print(self.it.run("docker/backup.sh", "../backup", COMPOSE=compose), end="")
        self.it.wait_ready()
        self.view()
        self.assert_all_views()
        # All is gone, the passwords as well. The broker's data in the backup
        # has the old ones.
        self.it.compose("down", "-v")
        old = self.password("history")
        shutil.rmtree(os.path.join(self.it.folder, "secrets"))
        self.it.run("docker/make-secrets.sh")
        print(self.it.run("docker/restore.sh", "../backup", COMPOSE=compose), end="")
        self.it.wait_ready()
        self.sessions[:] = kept
        self.assert_all_views()
        self.view()
        self.assert_all_views()
        self.authenticate(self.password("history"))
        with self.assertRaises(AssertionError):
            self.authenticate(old)

    def test_15_a_damaged_backup_changes_nothing(self):
        backup = os.path.join(self.it.parent, "backup", "history.tar")
        with open(backup, "r+b") as file:
            file.seek(600)
            file.write(b"damage")
        with self.assertRaisesRegex(AssertionError, "nothing was changed"):
            self.it.run("docker/restore.sh", "../backup",
                        COMPOSE=" ".join(self.it.compose_command))
        self.assert_all_views()


if __name__ == "__main__":
    unittest.main(verbosity=2, failfast=True)
