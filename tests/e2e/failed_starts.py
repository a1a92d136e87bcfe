"""A start that cannot work says why in one line, and by its exit code."""

import os
import re
import socket
import sqlite3
import unittest

from support.claims import Claims
from support.ports import free_port
from support.service import History, Streaming, run
from support.waiting import eventually

USAGE, CANNOT_START = 2, 3
LOGGED = re.compile(r"\d{4}-\d\d-\d\dT\S+ (debug|info|warn) ")
NOWHERE = "amqp://guest:secret-word@127.0.0.1:1"


class FailedStarts(Claims):
    def refused(self, name, code, words, **settings):
        env = {
            "PORT": free_port(),
            "RABBIT": NOWHERE,
            "HISTORY_DB": os.path.join(self.folder, "history.db"),
            "OUTBOX_DB": os.path.join(self.folder, "outbox.db"),
            "VIDEOS": self.folder,
            **settings,
        }
        done = run(name, env=env)
        lines = done.stderr.splitlines()
        with self.subTest(program=name, **settings):
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertEqual(done.stdout, "")
            # Beside the log of what it had begun, a line begins with its name.
            errors = [line for line in lines if not LOGGED.match(line)]
            self.assertEqual(len(errors), 1, done.stderr)
            for word in words:
                self.assertIn(word, errors[0])
            self.assertNotIn("secret-word", done.stderr)

    def file_of(self, kind):
        return {"history": "HISTORY_DB", "streaming": "OUTBOX_DB"}[kind]

    def test_a_port_that_is_taken(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            for name in ("history", "streaming"):
                self.refused(name, CANNOT_START, [str(port)], PORT=port)

    def test_several_queues_without_what_they_need(self):
        self.refused("history", USAGE, ["QUEUE ", "1 to 3"], QUEUES=3)
        self.refused("history", USAGE, ["one store", "HISTORY_DB"],
                     QUEUES=3, QUEUE=2)
        for name in ("history", "streaming"):
            self.refused(name, USAGE, ["QUEUES", "1 to 64"], QUEUES=65)
            self.refused(name, USAGE, ["QUEUE", "0 to 2"], QUEUES=2, QUEUE=3)

    def test_a_file_in_a_folder_that_is_not_there(self):
        path = os.path.join(self.folder, "none", "x.db")
        for name in ("history", "streaming"):
            self.refused(name, CANNOT_START, [path], **{self.file_of(name): path})

    def test_a_file_that_cannot_be_written(self):
        path = os.path.join(self.folder, "folder.db")
        os.mkdir(path)
        for name in ("history", "streaming"):
            self.refused(name, CANNOT_START, [path], **{self.file_of(name): path})

    def test_a_file_that_is_no_database(self):
        path = os.path.join(self.folder, "text.db")
        with open(path, "w") as file:
            file.write("no database, but a text of some length\n" * 100)
        for name in ("history", "streaming"):
            self.refused(name, CANNOT_START, [path], **{self.file_of(name): path})
        with open(path) as file:
            self.assertTrue(file.read().startswith("no database"))

    def test_a_database_of_another_program(self):
        path = os.path.join(self.folder, "other.db")
        with sqlite3.connect(path) as other:
            other.execute("CREATE TABLE bookmarks (url TEXT)")
        other.close()
        before = self.content(path)
        for name in ("history", "streaming"):
            self.refused(
                name, CANNOT_START, ["another program"], **{self.file_of(name): path}
            )
        self.assertEqual(self.content(path), before, "it changed the file")

    def test_the_other_service_s_file(self):
        views = self.history(self.vhost())
        views.stop()
        path = views.settings["HISTORY_DB"]
        self.refused("streaming", CANNOT_START, ["file"], OUTBOX_DB=path)

    def test_a_file_of_a_newer_version(self):
        views = self.history(self.vhost())
        views.stop()
        path = views.settings["HISTORY_DB"]
        with sqlite3.connect(path) as file:
            (version,) = file.execute("PRAGMA user_version").fetchone()
            file.execute(f"PRAGMA user_version = {version + 1}")
        file.close()
        self.refused(
            "history", CANNOT_START, [f"version {version + 1}"], HISTORY_DB=path
        )

    @staticmethod
    def content(path):
        with open(path, "rb") as file:
            return file.read()

    def test_a_bad_setting_is_named(self):
        both = {"PORT": "70000", "LOG_LEVEL": "loud", "LOG_FORMAT": "xml"}
        settings = {
            "history": {"BATCH_MAX": "0", "PREFETCH": "many", "READERS": "-1", **both},
            "streaming": {"SESSION_IDLE_MS": "soon", **both},
        }
        for name, values in settings.items():
            for setting, value in values.items():
                self.refused(name, USAGE, [setting], **{setting: value})

    def test_an_address_that_is_none_is_repeated(self):
        for name in ("history", "streaming"):
            self.refused(name, CANNOT_START, ["nowhere.example"], BIND="nowhere.example")

    def test_a_bad_url_does_not_show_its_password(self):
        for url in (
            "http://guest:secret-word@localhost",
            "amqp://guest:secret-word@localhost:99999",
            "amqp//guest:secret-word@localhost",
        ):
            for name in ("history", "streaming"):
                self.refused(name, USAGE, ["broker's URL"], RABBIT=url)

    def test_a_videos_folder_that_is_not_there(self):
        path = os.path.join(self.folder, "none")
        self.refused("streaming", CANNOT_START, [path], VIDEOS=path)

    def test_a_word_that_is_no_command(self):
        for name in ("history", "streaming"):
            for words in (["fly"], ["--fly"], ["serve", "now"]):
                with self.subTest(program=name, words=words):
                    done = run(name, *words)
                    self.assertEqual(done.returncode, USAGE)
                    self.assertEqual(len(done.stderr.splitlines()), 1)

    def test_without_a_broker_history_starts_answers_and_takes_views(self):
        views = History(self.folder, RABBIT=NOWHERE).start(ready=False)
        self.addCleanup(views.stop)
        eventually(lambda: views.get("/healthz").status == 200)
        answer = views.get("/readyz")
        self.assertEqual(answer.status, 503)
        self.assertIn("broker", " ".join(answer.json()["reasons"]))
        self.assertEqual(views.post("/viewed", {"videoPath": "./v"}).status, 200)
        self.assertEqual(len(views.rows()), 1)

    def test_without_a_broker_streaming_starts_and_serves(self):
        videos = Streaming(self.folder, RABBIT=NOWHERE).start(ready=False)
        self.addCleanup(videos.stop)
        eventually(lambda: videos.get("/healthz").status == 200)
        ready = videos.get("/readyz")  # views wait in the outbox, and it says so
        self.assertEqual(ready.status, 200)
        self.assertIn("broker", " ".join(ready.json()["reasons"]))
        self.assertEqual(videos.get("/video").status, 200)

    def test_help_and_version(self):
        for name in ("history", "streaming"):
            with self.subTest(name):
                done = run(name, "--help")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn("serve", done.stdout)
                done = run(name, "--version")
                self.assertEqual(done.returncode, 0)
                self.assertRegex(done.stdout, re.compile(r"\d+\.\d+\.\d+"))

    def test_healthcheck_says_whether_it_runs(self):
        for service in (self.history(self.vhost()), self.streaming(self.vhost())):
            with self.subTest(service.name):
                done = run(service.name, "--healthcheck", env={"PORT": service.port})
                self.assertEqual(done.returncode, 0, done.stderr)
                done = run(service.name, "--healthcheck", env={"PORT": free_port()})
                self.assertEqual(done.returncode, 1)


if __name__ == "__main__":
    unittest.main()
