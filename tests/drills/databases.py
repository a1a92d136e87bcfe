"""What a history answers whose store is a database of PostgreSQL: what the server's
own tools do is left to them, in words; the rest works as with a file."""

import json
import os
import unittest
import uuid

from support.claims import Claims
from support.postgres import database_of, shared_postgres
from support.service import run
from support.stores import change, id_in

USAGE, FAILED, CANNOT_START = 2, 1, 3


class Databases(Claims):
    def setUp(self):
        super().setUp()
        self.rabbit = self.vhost()
        self.store = shared_postgres().add_database()
        self.addCleanup(shared_postgres().remove_database, self.store)

    def started(self, **settings):
        return self.history(self.rabbit, **{"HISTORY_DB": self.store, **settings})

    def command(self, *words, code=0, **more):
        settings = {"RABBIT": self.rabbit, "HISTORY_DB": self.store, **more}
        done = run("history", *words, env=settings, timeout_s=120)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def post(self, views, count):
        """The ids."""
        rows = [{"id": str(uuid.uuid4()), "userId": f"user-{number % 3}",
                 "video": {"id": "a.mp4"}, "position": number,
                 "viewedAt": f"2026-01-31T12:00:{number % 60:02}Z"} for number in range(count)]
        self.assertEqual(views.post("/viewed", rows).status, 200)
        return [one["id"] for one in rows]

    def digest(self, store):
        told = json.loads(self.command("verify", "--json", HISTORY_DB=store).stdout)
        self.assertTrue(told["good"], told)
        return told["digest"], told["views"]

    def test_backup_and_restore_are_refused_and_name_the_servers_tools(self):
        views = self.started()
        self.post(views, 3)
        file = os.path.join(self.folder, "copy.db")
        self.assertIn("pg_dump", self.command("backup", file, code=USAGE).stderr)
        self.assertFalse(os.path.exists(file))
        other = os.path.join(self.folder, "other.db")
        beside = self.history(self.vhost(), HISTORY_DB=other)
        self.post(beside, 1)
        self.command("backup", file, HISTORY_DB=other)
        for words in ((), ("--force",)):
            done = self.command("restore", file, *words, code=USAGE)
            self.assertIn("pg_restore", done.stderr)
        self.assertEqual(len(views.ids()), 3)

    def test_no_backup_is_scheduled_and_that_is_said_at_the_start(self):
        folder = os.path.join(self.folder, "backups")
        os.mkdir(folder)
        views = self.started(BACKUP_DIR=folder, BACKUP_EVERY_S=1, ADMIN_API="on")
        self.assertRegex(views.log(), "warn .*no backup is scheduled")
        self.assertIs(views.get("/operator.json").json()["backup"]["scheduled"], False)
        self.post(views, 3)
        self.command("erase", "--user", "user-0", BACKUP_DIR=folder)
        self.assertEqual(os.listdir(folder), ["erased"])

    def test_the_address_comes_from_a_file_and_its_password_is_not_shown(self):
        path = os.path.join(self.folder, "address")
        secret = self.store.replace("postgres@", "postgres:secret-word@")
        with open(path, "w") as file:
            file.write(secret + "\n")
        views = self.history(self.rabbit, HISTORY_DB_FILE=path, LOG_LEVEL="debug")
        ids = self.post(views, 3)
        views.stop()
        self.assertNotIn("secret-word", views.log())
        self.assertEqual(self.started().ids(), set(ids))

    def test_a_row_that_was_changed_by_hand_is_found(self):
        views = self.started()
        ids = self.post(views, 9)
        good = self.digest(self.store)
        one = id_in(self.store, ids[4])
        change(self.store, f"UPDATE views SET position_ms = 99 WHERE id = {one}")
        self.assertNotEqual(self.digest(self.store), good)
        change(self.store, f"DELETE FROM views WHERE id = {one}")
        done = self.command("verify", code=FAILED)
        self.assertIn("the count that is kept", done.stdout + done.stderr)

    def test_a_server_that_is_not_there_is_no_damage(self):
        nowhere = "postgresql://postgres:secret-word@127.0.0.1:1/history"
        for words in (("verify",), ("drill",), ("erase", "--user", "anna"), ("serve",)):
            done = run("history", *words, env={
                "RABBIT": self.rabbit, "HISTORY_DB": nowhere, "PORT": 0})
            with self.subTest(words):
                self.assertIn(done.returncode, (FAILED, CANNOT_START), done.stderr)
                self.assertIn("connect", done.stderr)
                self.assertNotIn("secret-word", done.stderr)

    def test_a_drill_leaves_nothing_in_the_temporary_folder(self):
        self.post(self.started(), 3)
        folder = os.path.join(self.folder, "room")
        os.mkdir(folder)
        # What was posted is in no stream: each of its users is named.
        told = json.loads(self.command("drill", "--json", code=FAILED, TMPDIR=folder).stdout)
        self.assertEqual(sorted(user["userId"] for user in told["users"]),
                         ["user-0", "user-1", "user-2"])
        self.assertEqual(os.listdir(folder), [])

    def test_an_export_that_is_imported_into_a_file_and_back_is_the_same(self):
        views = self.started()
        self.post(views, 400)
        export = os.path.join(self.folder, "views.ndjson")
        with open(export, "w") as file:
            file.write(views.get("/history?format=ndjson").text())
        other = os.path.join(self.folder, "other.db")
        self.command("import", export, HISTORY_DB=other, PORT=1)
        self.assertEqual(self.digest(other), self.digest(self.store))
        again = shared_postgres().add_database()
        self.addCleanup(shared_postgres().remove_database, again)
        self.command("import", export, HISTORY_DB=again, PORT=1)
        self.assertEqual(self.digest(again), self.digest(self.store))

    def test_a_database_that_is_not_there_is_named(self):
        gone = self.store.replace(database_of(self.store), "no_such_database")
        done = self.command("serve", code=CANNOT_START, HISTORY_DB=gone, PORT=0)
        self.assertIn("no_such_database", done.stderr)


if __name__ == "__main__":
    unittest.main()
