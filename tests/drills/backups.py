"""A store can be looked through, copied while it is in use, and put back."""

import glob
import json
import os
import pathlib
import shutil
import sqlite3
import threading
import unittest
import uuid

from support.amqp import channel_to, publish
from support.claims import Claims
from support.service import run
from support.waiting import eventually

VIEWS = 3000  # more than a quiet store leaves unmerged


def views_made(count, seed):
    return [
        {
            "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{seed}/{n}")),
            "userId": f"user-{n % 13}",
            "video": {"id": f"video-{n % 7}.mp4"},
            "videoPath": f"./video-{n % 7}.mp4",
            "viewedAt": f"2026-01-01T{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}Z",
        }
        for n in range(count)
    ]


def send(rabbit, views):
    with channel_to(rabbit) as channel:
        for view in views:
            publish(channel, view)


def send_until(stop, rabbit, views):
    """At some 5,000 views a second, which history keeps up with."""
    with channel_to(rabbit) as channel:
        for at in range(0, len(views), 50):
            if stop.is_set():
                return
            for view in views[at : at + 50]:
                publish(channel, view)
            channel.connection.sleep(0.01)


class Backups(Claims):
    def setUp(self):
        super().setUp()
        self.db = os.path.join(self.folder, "history.db")
        self.copy = os.path.join(self.folder, "copy.db")

    def command(self, *words, code=0, db=None):
        if words[0] == "restore" and "--help" not in words and len(words) > 1:
            words += ("--no-replay",)  # see restores.py
        done = run("history", *words, env={"HISTORY_DB": db or self.db})
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def report(self, path, code=0):
        return json.loads(self.command("verify", path, "--json", code=code).stdout)

    def digest(self, path):
        return self.report(path)["digest"]

    def problem(self, path):
        found = self.report(path, code=1)
        self.assertFalse(found["good"])
        text = self.command("verify", path, code=1).stdout
        self.assertEqual(len(text.splitlines()), len(set(text.splitlines())))
        for line in text.splitlines():  # each one has its name and a value
            self.assertRegex(line, r"^[a-z][a-z ]{17} \S")
        return found["problem"]

    def loaded(self, count=VIEWS):
        """A closed store, merged as far as a quiet one is."""
        rabbit = self.vhost()
        service = self.history(rabbit)
        send(rabbit, views_made(count, "a"))
        eventually(lambda: self.report(self.db)["views"] == count)
        eventually(lambda: count < 2000 or self.report(self.db)["entries"] > 0)
        service.stop()

    def altered(self, sql):
        """A copy of the store, changed past the service."""
        path = os.path.join(self.folder, "altered.db")
        shutil.copy(self.db, path)
        with sqlite3.connect(path) as db:
            db.execute(sql)
        db.close()
        return path

    def files(self):
        """Name and content of all that a command could have changed."""
        return {
            path: pathlib.Path(path).read_bytes()
            for path in glob.glob(os.path.join(self.folder, "*"))
            if not path.endswith((".log", "-lock"))
        }

    def test_a_backup_under_writes_is_whole_and_equals_its_rows_rebuilt(self):
        rabbit, views, stop = self.vhost(), views_made(40000, "a"), threading.Event()
        live = self.history(rabbit)
        writer = threading.Thread(target=send_until, args=(stop, rabbit, views))
        self.addCleanup(writer.join)
        self.addCleanup(stop.set)
        writer.start()
        eventually(lambda: self.report(self.db)["views"] >= 1000)
        made = json.loads(self.command("backup", self.copy, "--json").stdout)
        eventually(lambda: self.report(self.db)["views"] > made["views"])
        stop.set()
        writer.join()
        live.stop()
        found = self.report(self.copy)
        self.assertTrue(found["good"])
        self.assertEqual(
            (found["views"], found["digest"]), (made["views"], made["digest"])
        )
        self.assertNotEqual(self.digest(self.db), found["digest"])
        # The same rows, in another order, by another store.
        with sqlite3.connect(self.copy) as db:
            ids = {uuid.UUID(bytes=row[0]) for row in db.execute("SELECT id FROM views")}
        db.close()
        self.assertEqual(len(ids), found["views"])
        same = [view for view in views if uuid.UUID(view["id"]) in ids]
        rabbit, rebuilt = self.vhost(), os.path.join(self.folder, "rebuilt.db")
        self.history(rabbit, HISTORY_DB=rebuilt)
        send(rabbit, reversed(same))
        eventually(lambda: self.report(rebuilt)["views"] == len(same))
        self.assertEqual(self.digest(rebuilt), found["digest"])

    def test_a_backup_replaces_nothing_unless_it_is_told_to(self):
        self.loaded(10)
        self.command("backup", self.copy)
        self.assertEqual(os.stat(self.copy).st_mode & 0o777, 0o600)
        before = self.files()
        self.command("backup", self.copy, code=2)
        self.command("backup", self.db, "--force", code=2)
        self.command("backup", self.copy, code=3, db=self.db + ".none")
        self.assertEqual(self.files(), before)
        self.command("backup", "--force", self.copy)
        self.assertEqual(self.digest(self.copy), self.digest(self.db))

    def test_restore_brings_the_digest_back(self):
        self.loaded()
        digest = self.digest(self.db)
        self.command("backup", self.copy)
        for path in glob.glob(self.db + "*"):
            os.unlink(path)
        self.command("restore", self.copy)
        self.assertEqual(self.digest(self.db), digest)
        service = self.history(self.vhost())
        self.assertEqual(len(service.ids()), VIEWS)

    def test_restore_sets_a_store_aside_only_when_it_is_told_to(self):
        self.loaded(10)
        self.command("backup", self.copy)
        service = self.history(self.vhost())
        more = {"id": str(uuid.uuid4()), "videoPath": "./more.mp4"}
        self.assertEqual(service.post("/viewed", more).status, 200)
        service.stop()
        digest, before = self.digest(self.db), self.files()
        self.assertIn("--force", self.command("restore", self.copy, code=2).stderr)
        self.assertEqual(self.files(), before)
        said = self.command("restore", "--force", self.copy).stdout
        (aside,) = glob.glob(self.db + ".replaced-*")
        self.assertIn(aside, said)
        self.assertEqual(self.digest(aside), digest)
        self.assertEqual(self.digest(self.db), self.digest(self.copy))

    def test_restore_refuses_while_the_store_is_served(self):
        self.loaded(10)
        self.command("backup", self.copy)
        service = self.history(self.vhost())
        inode = os.stat(self.db).st_ino
        refused = self.command("restore", "--force", self.copy, code=3)
        self.assertIn("in use", refused.stderr)
        self.assertEqual(os.stat(self.db).st_ino, inode)
        self.assertEqual(glob.glob(self.db + ".*"), [])
        self.assertEqual(len(service.ids()), 10)

    def test_restore_refuses_a_damaged_file_and_leaves_all_as_it_was(self):
        self.loaded()
        self.command("backup", self.copy)
        with open(self.copy, "r+b") as file:
            file.seek(os.path.getsize(self.copy) // 2)
            file.write(os.urandom(20000))
        before = self.files()
        self.command("restore", "--force", self.copy, code=1)
        self.command("restore", "--force", self.copy + ".none", code=3)
        self.assertEqual(self.files(), before)

    def test_verify_tells_what_is_wrong_with_a_store(self):
        self.loaded()
        good = self.report(self.db)
        self.assertEqual((good["good"], good["views"]), (True, VIEWS))
        with self.subTest("a view that was altered"):
            path = self.altered("UPDATE views SET position_ms = 1 WHERE seq = 77")
            self.assertNotEqual(self.digest(path), good["digest"])
        with self.subTest("a view that was moved to another user"):
            path = self.altered("UPDATE views SET user_id = 'x' WHERE seq = 77")
            self.assertIn("not those of the views", self.problem(path))
        with self.subTest("a view that was removed"):
            path = self.altered("DELETE FROM views WHERE seq = 77")
            self.assertIn(f"counts {VIEWS} views", self.problem(path))
        with self.subTest("an entry of the index that was removed"):
            path = self.altered(
                "DELETE FROM listed WHERE (list, viewed_at_ms, seq) IN"
                " (SELECT list, viewed_at_ms, seq FROM listed LIMIT 1)"
            )
            self.assertIn("the index has", self.problem(path))
        with self.subTest("another program's file"):
            path = os.path.join(self.folder, "other.db")
            with sqlite3.connect(path) as db:
                db.execute("CREATE TABLE t (x)")
            db.close()
            self.problem(path)
        with self.subTest("junk"):
            path = os.path.join(self.folder, "junk")
            with open(path, "wb") as file:
                file.write(os.urandom(20000))
            self.problem(path)
        with self.subTest("an empty file"):
            path = os.path.join(self.folder, "empty")
            open(path, "wb").close()
            self.problem(path)
        with self.subTest("a file that was cut short"):
            path = shutil.copy(self.db, os.path.join(self.folder, "short.db"))
            os.truncate(path, os.path.getsize(path) // 2 // 4096 * 4096)
            self.problem(path)
        with self.subTest("no file"):
            self.command("verify", path + ".none", code=3)

    def test_looking_leaves_nothing_behind(self):
        self.loaded(10)
        before = self.files()
        self.command("verify")
        self.assertEqual(self.files(), before)
        self.command("backup", self.copy)
        self.command("verify", self.copy)
        self.assertEqual(set(self.files()), set(before) | {self.copy})

    def test_wrong_words_are_refused_and_help_is_given(self):
        for name in ("verify", "backup", "restore"):
            with self.subTest(name):
                self.assertIn(name, self.command(name, "--help").stdout)
                self.command(name, "--nope", code=2)
                self.command(name, "a", "b", code=2)
        for name in ("backup", "restore"):
            self.command(name, code=2)


if __name__ == "__main__":
    unittest.main()
