"""A store comes back from a backup and from what the stream has behind it; and
backups are made by the clock."""

import json
import os
import unittest
import uuid

from support.amqp import channel_to, publish
from support.claims import Claims
from support.service import metric, run
from support.waiting import eventually


def publish_views(rabbit, count):
    ids = {str(uuid.uuid4()) for _ in range(count)}
    with channel_to(rabbit) as channel:
        for number, event in enumerate(ids):
            body = {"id": event, "videoPath": "./v.mp4", "userId": f"u{number % 9}"}
            publish(channel, body, message_id=event)
    return ids


class Restores(Claims):
    def setUp(self):
        super().setUp()
        self.rabbit = self.vhost()
        self.views = self.history(self.rabbit, CHECKPOINT_S=1)
        self.file = self.views.settings["HISTORY_DB"]
        self.backup_file = os.path.join(self.folder, "backup.db")

    def command(self, *words, code=0, **settings):
        settings = {"RABBIT": self.rabbit, "HISTORY_DB": self.file, **settings}
        done = run("history", *words, env=settings, timeout_s=120)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def verify(self, file):
        return json.loads(self.command("verify", "--json", file))

    def publish(self, count):
        ids = publish_views(self.rabbit, count)
        eventually(lambda: self.views.ids() >= ids)
        return ids

    def wait_checkpoint(self, offset):
        eventually(lambda: metric(self.views, "history_checkpoint_offset") == offset)

    def test_a_restore_brings_the_backup_and_then_what_came_since(self):
        self.publish(300)
        self.wait_checkpoint(299)
        self.command("backup", self.backup_file)
        self.assertEqual(self.verify(self.backup_file)["checkpoint"], 299)
        self.publish(200)
        before = self.verify(self.file)["digest"]
        ids = self.views.ids()
        self.views.stop()
        os.remove(self.file)
        out = self.command("restore", self.backup_file)
        self.assertIn("offsets 299 to 499", out)
        self.assertEqual(self.verify(self.file)["digest"], before)
        self.assertEqual(self.views.start().ids(), ids)

    def test_a_backup_from_before_the_stream_was_lost_is_filled_from_its_first(self):
        self.publish(50)
        self.wait_checkpoint(49)
        self.command("backup", self.backup_file)
        self.views.stop()
        with channel_to(self.rabbit) as channel:
            channel.queue_delete("viewed.log")
        self.views.start()
        self.publish(20)
        ids = self.views.ids()
        self.views.stop()
        os.remove(self.file)
        self.command("restore", self.backup_file)
        self.assertEqual(self.views.start().ids(), ids)

    def test_without_a_broker_the_store_is_restored_all_the_same(self):
        self.publish(10)
        self.command("backup", self.backup_file)
        self.views.stop()
        os.remove(self.file)
        away = "amqp://guest:guest@127.0.0.1:1"
        self.command("restore", self.backup_file, code=3, RABBIT=away)
        self.assertEqual(self.verify(self.file)["views"], 10)

    def test_scheduled_backups_are_made_and_the_oldest_removed(self):
        folder = os.path.join(self.folder, "backups")
        os.mkdir(folder)
        other = os.path.join(folder, "notes.txt")
        open(other, "w").close()
        left = os.path.join(folder, "history-2026-01-01T00-00-00.000Z.db.partial-abc")
        open(left, "w").close()
        self.publish(100)
        self.views.stop()
        self.views.start(BACKUP_DIR=folder, BACKUP_EVERY_S=1, BACKUP_KEEP=2)
        eventually(lambda: metric(self.views, "history_backups_total") >= 4, 60)
        self.views.stop()
        names = sorted(name for name in os.listdir(folder) if name.endswith(".db"))
        self.assertEqual(len(names), 2)
        self.assertEqual(self.verify(os.path.join(folder, names[-1]))["views"], 100)
        self.assertTrue(os.path.exists(other))
        self.assertFalse(os.path.exists(left))

    def test_a_folder_that_is_gone_is_an_error_and_the_service_goes_on(self):
        self.views.stop()
        self.views.start(BACKUP_DIR=os.path.join(self.folder, "none"))
        eventually(lambda: metric(self.views, "history_backups_failed_total") >= 1)
        self.assertEqual(self.publish(5), self.views.ids())


if __name__ == "__main__":
    unittest.main()
