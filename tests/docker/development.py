"""docker-compose.yaml as a developer uses it: sources on the host, services in
containers, and a save away from each other."""

import os
import random
import re
import statistics
import subprocess
import threading
import time
import unittest

import engine
import project
import viewers
from support.waiting import eventually

docker = engine.prepare()

# The developer's, as far as the files can tell.
OWNER = 12345 if os.geteuid() == 0 else os.geteuid()
SAVES = 10
VIEWS = 500
LOOK_S = 0.25  # reload looks at the files so often
MESSAGE_FILE = "history/serve.c"
MESSAGE = '"history ready"'


class Log:
    """A container's log as it comes, with the time at which each line came."""

    def __init__(self, environment, container):
        self.lines = []
        self.news = threading.Condition()
        self.process = subprocess.Popen(
            [engine.client(), "logs", "-f", "--tail", "0", container],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            with self.news:
                self.lines.append((time.monotonic(), line))
                self.news.notify_all()

    def wait_for(self, pattern, since_s, timeout_s=60):
        """When the first line with it came that came after since_s."""
        deadline = time.monotonic() + timeout_s
        with self.news:
            while True:
                for came_s, line in self.lines:
                    if came_s >= since_s and re.search(pattern, line):
                        return came_s
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    log = "".join(line for _, line in self.lines[-40:])
                    raise AssertionError(f"no line with '{pattern}':\n{log}")
                self.news.wait(left_s)

    def end(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


class Development(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.it = project.Project(
            docker, ["docker-compose.yaml"], project.compose_2(), buildkit=True
        )
        cls.addClassCleanup(cls.it.remove)
        if OWNER != os.geteuid():
            subprocess.run(["chown", "-R", str(OWNER), cls.it.folder], check=True)
        cls.files_before = cls.host_files()
        began = time.monotonic()
        cls.it.compose("up", "--build", "-d")
        cls.it.wait_ready()
        print(f"up from nothing in {time.monotonic() - began:.0f} s", flush=True)
        cls.history = Log(cls.it.environment, cls.it.container("history"))
        cls.streaming = Log(cls.it.environment, cls.it.container("streaming"))
        cls.addClassCleanup(cls.history.end)
        cls.addClassCleanup(cls.streaming.end)

    @classmethod
    def host_files(cls):
        """Each path below the project's folder, with its owner."""
        found = {}
        for folder, folders, files in os.walk(cls.it.folder):
            for name in folders + files:
                path = os.path.join(folder, name)
                found[os.path.relpath(path, cls.it.folder)] = os.lstat(path).st_uid
        return found

    def say(self, words):
        """Saves another start-up message; the time of the save."""
        text = re.sub(
            r'"history ready[^"]*"', f'"history ready {words}"', self.it.read(MESSAGE_FILE)
        )
        saved_s = time.monotonic()
        self.it.write(MESSAGE_FILE, text)
        return saved_s

    def test_01_a_view_made_through_streaming_is_in_history(self):
        session = viewers.one_view(self.it.url("streaming", ""))
        eventually(
            lambda: viewers.assert_each_once([session], self.it.rows()) is None
        )

    def test_02_ten_saves_run_within_two_seconds_and_no_view_of_five_hundred_is_lost(
        self,
    ):
        self.assertIn(MESSAGE, self.it.read(MESSAGE_FILE))
        watching = viewers.Viewers(
            self.it.url("streaming", ""), VIEWS, threads=8
        ).start()
        times_s = []
        for number in range(SAVES):
            time.sleep(random.uniform(0, LOOK_S))  # at any moment of its looks
            saved_s = self.say(f"for the {number}. time")
            came_s = self.history.wait_for(
                f"history ready for the {number}[.] time", saved_s
            )
            times_s.append(came_s - saved_s)
            share = VIEWS * (number + 1) // SAVES
            eventually(lambda: len(watching.accepted) >= share)
        sessions = watching.join()
        print(
            f"save to running, of {SAVES}: median {statistics.median(times_s):.2f} s, "
            f"best {min(times_s):.2f} s, worst {max(times_s):.2f} s",
            flush=True,
        )
        self.assertEqual(len(sessions), VIEWS)
        eventually(
            lambda: viewers.assert_each_once(sessions, self.it.rows()) is None, 60
        )
        self.assertLess(statistics.median(times_s), 2)

    def test_03_a_syntax_error_is_shown_and_leaves_the_old_service_answering(self):
        text = self.it.read(MESSAGE_FILE)
        saved_s = time.monotonic()
        self.it.write(MESSAGE_FILE, text + "\nint broken(\n")
        self.history.wait_for(r"history/serve\.c:\d+:\d+:.* error", saved_s)
        self.history.wait_for("the build failed", saved_s)
        self.assertEqual(self.it.get("history", "/readyz").status, 200)
        session = viewers.one_view(self.it.url("streaming", ""))
        eventually(
            lambda: viewers.assert_each_once([session], self.it.rows()) is None
        )
        self.it.write(MESSAGE_FILE, text)
        self.history.wait_for("history is the same as before", saved_s)

    def test_04_a_change_in_common_restarts_both(self):
        text = self.it.read("common/log.c")
        saved_s = time.monotonic()
        # By another file and a rename, as many editors save.
        self.it.write("common/.log.c.swp", text + "\nextern int shared_by_both;\n"
                      "int shared_by_both = 1;\n"
                      "__attribute__((constructor)) static void use(void)\n"
                      "{\n    shared_by_both = 2;\n}\n")
        os.rename(
            os.path.join(self.it.folder, "common/.log.c.swp"),
            os.path.join(self.it.folder, "common/log.c"),
        )
        self.history.wait_for("history ready", saved_s)
        self.streaming.wait_for("streaming ready", saved_s)

    def test_05_a_change_of_a_header_in_schema_restarts_both(self):
        text = self.it.read("schema/viewed_message.h")
        saved_s = time.monotonic()
        self.it.write("schema/viewed_message.h", "/* Moved down. */\n" + text)
        self.history.wait_for("history ready", saved_s)
        self.streaming.wait_for("streaming ready", saved_s)

    def test_06_new_and_renamed_files_with_their_cmakelists_are_built(self):
        self.it.write(
            "history/added.c",
            "const char *added(void);\n"
            'const char *added(void)\n{\n    return "history ready by another file";\n}\n',
        )
        text = self.it.read(MESSAGE_FILE)
        self.it.write(
            MESSAGE_FILE,
            "const char *added(void);\n"
            + re.sub(r'"history ready[^"]*"', "added()", text),
        )
        lists = self.it.read("history/CMakeLists.txt")
        saved_s = time.monotonic()
        self.it.write(
            "history/CMakeLists.txt", lists.replace("    serve.c", "    added.c serve.c")
        )
        self.history.wait_for("history ready by another file", saved_s)

        os.rename(
            os.path.join(self.it.folder, "history/added.c"),
            os.path.join(self.it.folder, "history/renamed.c"),
        )
        renamed = self.it.read("history/renamed.c")
        self.it.write("history/renamed.c", renamed.replace("another", "a renamed"))
        saved_s = time.monotonic()
        self.it.write(
            "history/CMakeLists.txt",
            lists.replace("    serve.c", "    renamed.c serve.c"),
        )
        self.history.wait_for("history ready by a renamed file", saved_s)

    def test_07_nothing_on_the_host_was_made_or_taken_by_root(self):
        edited = {"history/added.c", "history/renamed.c", "common/log.c"}
        for path, owner in self.host_files().items():
            if path in edited:
                continue  # this test wrote those, and it may be root
            self.assertIn(path, self.files_before)
            self.assertEqual(owner, OWNER, path)

    def test_08_the_brokers_page_answers(self):
        answer = self.it.get("rabbit_page", "/")
        self.assertEqual(answer.status, 200)
        self.assertIn("RabbitMQ", answer.text())

    def test_09_a_stop_ends_each_with_exit_code_0(self):
        began = time.monotonic()
        self.it.compose("stop")
        print(f"stopped in {time.monotonic() - began:.1f} s", flush=True)
        for service in ("history", "streaming"):
            state = self.it.inspect(service)["State"]
            self.assertEqual(state["ExitCode"], 0, self.it.log(service)[-3000:])

    def test_10_the_older_compose_and_builder_take_over(self):
        if not project.compose_1():
            self.skipTest("there is no docker-compose 1 here")
        self.it.compose("down")
        self.it.compose_command = project.compose_1()
        self.it.use_builder(buildkit=False)
        began = time.monotonic()
        self.it.compose("up", "--build", "-d")
        self.it.wait_ready()
        print(f"up by docker-compose 1 in {time.monotonic() - began:.0f} s", flush=True)
        session = viewers.one_view(self.it.url("streaming", ""))
        eventually(
            lambda: viewers.assert_each_once([session], self.it.rows()) is None
        )
        self.assertGreater(len(self.it.rows()), VIEWS)  # with those of before


if __name__ == "__main__":
    unittest.main(verbosity=2)
