"""A view that was removed does not come back by any way; one restored does."""

import json
import os
import unittest
import uuid

from support.amqp import QUEUE, channel_to, publish
from support.claims import Claims
from support.service import metric, run
from support.stores import is_database, left_out, lose_store, of_files
from support.waiting import eventually
from support.web import request

VIEWS = 60
GONE = 12  # every fifth


class Removal(Claims):
    def setUp(self):
        super().setUp()
        self.rabbit = self.vhost()
        self.backups = os.path.join(self.folder, "backups")
        os.mkdir(self.backups)
        self.views = self.history(
            self.rabbit,
            CHECKPOINT_S=1,
            BACKUP_DIR=self.backups,
            BACKUP_EVERY_S=86400,
            ADMIN_API="on",
        )
        self.file = self.views.settings["HISTORY_DB"]
        self.messages = [
            {
                "id": str(uuid.uuid4()),
                "userId": f"user-{number % 3}",
                "video": {"id": f"video-{number % 7}.mp4"},
                "viewedAt": f"2026-01-31T12:00:{number:02}Z",
            }
            for number in range(VIEWS)
        ]
        self.send(self.messages)
        self.all = {message["id"] for message in self.messages}
        eventually(lambda: self.views.ids() == self.all)
        self.older = os.path.join(self.folder, "older.db")
        if not left_out("`history backup` and `history restore`"):
            self.command("backup", self.older)
        self.gone = [message["id"] for message in self.messages[::5]]
        for view in self.gone:
            self.assertEqual(self.delete(view).status, 200)
        # One of them was a mistake.
        self.restored = self.gone.pop()
        answer = self.views.post(f"/history/{self.restored}/restore", "")
        self.assertEqual(answer.status, 200, answer.body)
        self.left = self.all - set(self.gone)

    def delete(self, view):
        return request("DELETE", self.views.url(f"/history/{view}"))

    def send(self, messages):
        with channel_to(self.rabbit) as channel:
            for message in messages:
                publish(channel, message, message_id=message["id"])

    def command(self, *words, code=0):
        settings = {
            "RABBIT": self.rabbit,
            "HISTORY_DB": self.file,
            "BACKUP_DIR": self.backups,
            "PORT": self.views.port,
        }
        done = run("history", *words, env=settings, timeout_s=120)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def queue_is_empty(self):
        with channel_to(self.rabbit) as channel:
            state = channel.queue_declare(QUEUE, passive=True).method
        return state.message_count == 0 and metric(self.views, "history_unacked") == 0

    def check(self):
        eventually(self.queue_is_empty)
        self.assertEqual(self.views.ids(), self.left)
        report = json.loads(self.command("verify", "--json"))
        self.assertEqual((report["good"], report["views"]), (True, len(self.left)))

    def lose(self, *also):
        self.views.stop()
        lose_store(self.file)
        for suffix in also:
            if os.path.exists(self.file + suffix):
                os.remove(self.file + suffix)

    def notes(self):
        """Where it is written down what was removed."""
        folder = os.path.join(self.backups, "removed")
        return [folder] if is_database(self.file) else [self.file + "-removed", folder]

    def test_a_redelivery_a_kill_and_a_replay_do_not_bring_it_back(self):
        # What the stream has of it is refused, and counted, at each comparison.
        self.views.stop()
        self.views.start(CHECKPOINT_S=0)
        self.check()
        self.send(self.messages)
        self.check()
        self.assertEqual(
            metric(self.views, "history_views_removed_total"), len(self.gone)
        )
        self.views.kill()
        self.views.start(CHECKPOINT_S=1)
        self.send(self.messages)
        self.check()
        told = json.loads(self.command("replay", "--from", "first", "--json"))
        self.assertEqual((told["new"], told["erased"] > 0), (0, True))
        self.check()
        self.views.stop()
        told = json.loads(self.command("replay", "--from", "first", "--json"))
        self.assertEqual((told["new"], told["erased"] > 0), (0, True))
        self.views.start()
        self.check()

    @of_files("`history backup` and `history restore`")
    def test_a_restore_of_an_older_backup_and_a_replay_do_not_bring_it_back(self):
        self.views.stop()
        out = self.command("restore", "--force", self.older)
        self.assertIn(f"{len(self.gone)} views that were removed", out)
        self.command("replay", "--from", "first")
        self.views.start()
        self.check()

    def test_with_the_store_lost_either_note_is_enough(self):
        for lost in ((),) if is_database(self.file) else ((), ("-removed", "-erased")):
            with self.subTest(lost=lost):
                self.lose(*lost)
                self.command("replay", "--from", "first")
                self.views.start()
                self.check()

    def test_a_drill_and_a_checkpoint_go_on(self):
        name = os.path.join(self.backups, "history-2099-01-31T12-00-00.000Z.db")
        if not left_out("`history backup` and `history restore`"):
            os.rename(self.older, name)
        self.assertTrue(self.command("drill").startswith("PASS"))
        self.check()

    def test_an_erased_user_leaves_no_removal_behind(self):
        for path in self.notes():
            with open(path) as file:
                self.assertEqual(file.read().count("+"), GONE)
        self.command("erase", "--user", "user-0")
        mine = {m["id"] for m in self.messages if m["userId"] == "user-0"}
        left = len([view for view in self.gone if view not in mine])
        for path in self.notes():
            with open(path) as file:
                text = file.read()
            self.assertEqual((text.count("+"), text.count("-")), (left, 0))
        self.left -= mine
        self.send(self.messages)
        self.check()


if __name__ == "__main__":
    unittest.main()
