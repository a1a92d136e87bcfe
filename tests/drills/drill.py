"""history drill says PASS on a healthy system, and names who is wrong on another."""

import json
import os
import threading
import unittest
import uuid

from support.amqp import QUEUE, channel_to, publish
from support.claims import Claims
from support.service import metric, run
from support.stores import change, id_in, left_out, of_files
from support.waiting import eventually

USERS = 20


def publish_views(rabbit, count):
    ids = []
    with channel_to(rabbit) as channel:
        # Without confirms a connection that closes may have left a view in the
        # stream alone: the drill would tell, and be right.
        channel.confirm_delivery()
        for number in range(count):
            event = str(uuid.uuid4())
            ids.append(event)
            view = {
                "id": event,
                "userId": f"user-{number % USERS}",
                "video": {"id": "v.mp4"},
                "viewedAt": "2026-01-31T12:00:00Z",
            }
            publish(channel, view, message_id=event)
    return ids


class Drill(Claims):
    def setUp(self):
        super().setUp()
        self.rabbit = self.vhost()
        self.views = self.history(self.rabbit, CHECKPOINT_S=1)
        self.file = self.views.settings["HISTORY_DB"]
        self.backups = os.path.join(self.folder, "backups")
        os.mkdir(self.backups)

    def publish(self, count):
        """The ids, in their order."""
        ids = publish_views(self.rabbit, count)
        eventually(lambda: self.views.ids() >= set(ids))
        return ids

    def command(self, *words, code=0):
        settings = {
            "RABBIT": self.rabbit,
            "HISTORY_DB": self.file,
            "BACKUP_DIR": self.backups,
        }
        done = run("history", *words, env=settings, timeout_s=120)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def drill(self, *words, code=0):
        found = json.loads(self.command("drill", "--json", *words, code=code))
        self.assertEqual(found["result"], "FAIL" if code else "PASS")
        self.nothing_is_left()
        return found

    def nothing_is_left(self):
        """Of the second store."""
        for folder in (self.folder, self.backups):
            self.assertFalse([n for n in os.listdir(folder) if "drill-" in n])

    def backup(self):
        if left_out("a backup by `history backup`, and a drill from it"):
            return
        name = "history-2026-01-31T12-00-00.000Z.db"
        self.command("backup", "--force", os.path.join(self.backups, name))

    def by_hand(self, *statements):
        """Changes the store past the service."""
        self.views.stop()
        change(self.file, *statements)
        self.views.start(CHECKPOINT_S=0)

    @of_files("a backup by `history backup`, and a drill from it")
    def test_a_healthy_system_passes_from_backup_and_stream(self):
        self.publish(400)
        eventually(lambda: metric(self.views, "history_checkpoint_offset") == 399)
        self.backup()
        self.publish(200)
        found = self.drill()
        self.assertIn("history-2026-01-31", found["backup"])
        self.assertEqual(found["messagesRead"], 201)
        self.assertEqual(found["usersCompared"], USERS)
        self.assertEqual(found["live"], found["rebuilt"])
        self.assertEqual(found["live"]["views"], 600)

    def test_without_a_backup_the_stream_alone_must_do(self):
        self.publish(300)
        self.assertIsNone(self.drill()["backup"])
        text = self.command("drill")
        self.assertTrue(text.startswith("PASS\n"), text)

    def test_the_service_shows_the_last_result(self):
        self.publish(10)
        self.assertIsNone(metric(self.views, "history_last_drill_passed"))
        self.drill()
        self.eventually_shows("history_last_drill_passed", 1)
        self.assertGreater(
            metric(self.views, "history_last_drill_timestamp_seconds"), 1.7e9
        )
        self.by_hand("DELETE FROM views WHERE seq = 1")
        self.drill(code=1)
        self.eventually_shows("history_last_drill_passed", 0)
        self.assertEqual(metric(self.views, "history_last_drill_wrong_views"), 1)

    def eventually_shows(self, name, value):
        """A database is asked for it several times a second."""
        eventually(lambda: metric(self.views, name) == value)

    def test_it_passes_while_views_keep_coming(self):
        done = threading.Event()

        def load():
            while not done.is_set():
                publish_views(self.rabbit, 100)

        loader = threading.Thread(target=load)
        loader.start()
        try:
            self.publish(100)
            for _ in range(3):
                self.drill()
                self.backup()
        finally:
            done.set()
            loader.join()

    def failing(self, make_statements, **expected):
        """make_statements(i): by hand, with the SQL for the id of view i."""
        ids = self.publish(100)
        self.backup()
        self.by_hand(*make_statements(lambda number: id_in(self.file, ids[number])))
        (user,) = self.drill(code=1)["users"]
        wanted = {"lost": 0, "missing": 0, "altered": 0, **expected}
        self.assertEqual(user, wanted)
        self.assertIn(expected["userId"], self.command("drill", code=1))

    def test_a_row_that_was_removed_fails_and_names_its_user(self):
        self.failing(lambda i: [f"DELETE FROM views WHERE id = {i(7)}"],
                     userId="user-7", missing=1)

    def test_a_row_that_was_altered_fails_and_names_its_user(self):
        self.failing(
            lambda i: [f"UPDATE views SET position_ms = 99 WHERE id = {i(5)}"],
            userId="user-5",
            altered=1,
        )

    def test_a_row_that_was_added_fails_and_names_its_user(self):
        self.failing(
            lambda i: ["INSERT INTO views (seq, id, user_id, video_id, video_path,"
                       " viewed_at_ms, received_ms, rule, flags) VALUES (1000000,"
                       f" {id_in(self.file, uuid.uuid4())}, 'user-3', 'v.mp4', '', 1, 1, 1, 3)"],
            userId="user-3",
            lost=1,
        )

    def test_a_row_that_was_moved_fails_and_names_both_users(self):
        ids = self.publish(100)
        moved = id_in(self.file, ids[1])
        self.by_hand(f"UPDATE views SET user_id = 'user-2' WHERE id = {moved}")
        users = self.drill("--from", "first", code=1)["users"]
        self.assertEqual({user["userId"] for user in users}, {"user-1", "user-2"})

    def test_a_view_that_no_recovery_brings_back_fails_with_its_time(self):
        """By POST it is in no stream, and no backup has it yet."""
        self.publish(20)
        body = {"videoPath": "./v.mp4", "userId": "poster", "id": str(uuid.uuid4())}
        self.assertEqual(self.views.post("/viewed", body).status, 200)
        (row,) = self.views.rows(userId="poster")
        found = self.drill(code=1)
        self.assertEqual([user["userId"] for user in found["users"]], ["poster"])
        self.assertEqual(found["recoveryPoint"], row["receivedAt"])
        if left_out("a backup by `history backup`, and a drill from it"):
            return
        self.backup()
        self.drill()

    def test_views_without_an_id_are_counted_and_not_compared(self):
        with channel_to(self.rabbit) as channel:
            for _ in range(10):
                publish(channel, {"videoPath": "./v.mp4"})
        self.publish(10)
        found = self.drill()
        self.assertEqual(found["withoutId"], {"live": 10, "rebuilt": 10})

    def test_what_cannot_be_done_is_code_3(self):
        self.command("drill", "--backup", "/nowhere", code=3)
        self.command("drill", "--from", "100", code=2)
        self.command("drill", "--scratch", "/nowhere", code=3)
        self.views.stop()
        self.rabbit = "amqp://guest:guest@127.0.0.1:1"
        self.command("drill", code=3)
        self.nothing_is_left()


if __name__ == "__main__":
    unittest.main()
