"""An erased user is gone, and does not come back by any way."""

import json
import os
import threading
import unittest
import uuid

from support.amqp import QUEUE, channel_to, publish
from support.claims import Claims
from support.service import metric, run
from support.stores import BESIDE, copy_store, left_out, lose_store, of_files
from support.waiting import eventually

GONE = "erased-user-0815"
OTHERS = [f"user-{number}" for number in range(9)]


def made(user, count, **more):
    return [
        {
            "id": str(uuid.uuid4()),
            "userId": user,
            "video": {"id": f"video-{number % 3}.mp4"},
            "viewedAt": f"2026-01-31T12:{number // 60 % 60:02}:{number % 60:02}Z",
            **more,
        }
        for number in range(count)
    ]


class Erasure(Claims):
    def setUp(self):
        super().setUp()
        self.rabbit = self.vhost()
        self.backups = os.path.join(self.folder, "backups")
        os.mkdir(self.backups)
        self.views = self.history(
            self.rabbit,
            CHECKPOINT_S=1,
            ADMIN_API="on",
            BACKUP_DIR=self.backups,
            BACKUP_EVERY_S=86400,
        )
        self.file = self.views.settings["HISTORY_DB"]
        self.messages = made(GONE, 300)
        for user in OTHERS:
            self.messages += made(user, 30)
        self.send(self.messages)
        self.others = {m["id"] for m in self.messages if m["userId"] != GONE}
        eventually(lambda: len(self.views.ids()) == len(self.messages))

    def send(self, messages):
        with channel_to(self.rabbit) as channel:
            for message in messages:
                publish(channel, message, message_id=message["id"])

    def command(self, *words, code=0, **more):
        settings = {
            "RABBIT": self.rabbit,
            "HISTORY_DB": self.file,
            "BACKUP_DIR": self.backups,
            "PORT": self.views.port,
            **more,
        }
        done = run("history", *words, env=settings, timeout_s=120)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def erase(self):
        receipt = json.loads(self.command("erase", "--user", GONE))
        self.assertEqual(receipt["views"], 300)
        self.assertTrue(receipt["noted"], receipt)
        if not left_out("bytes that are overwritten: VACUUM does that"):
            self.assertTrue(receipt["overwritten"], receipt)
        return receipt

    def queue_is_empty(self):
        with channel_to(self.rabbit) as channel:
            state = channel.queue_declare(QUEUE, passive=True).method
        unacked = metric(self.views, "history_unacked")
        return state.message_count == 0 and unacked == 0

    def check_gone(self):
        """Rows, lists, counts, and the bytes of the files."""
        eventually(self.queue_is_empty)
        self.assertEqual(self.views.rows(userId=GONE), [])
        self.assertEqual(self.views.ids(), self.others)
        if not left_out("bytes that are overwritten: VACUUM does that"):
            self.check_file_is_clean()
        report = json.loads(self.command("verify", "--json"))
        self.assertEqual((report["good"], report["views"]), (True, len(self.others)))

    def check_file_is_clean(self):
        for suffix in ("", "-wal"):
            try:
                with open(self.file + suffix, "rb") as file:
                    self.assertNotIn(GONE.encode(), file.read(), suffix)
            except FileNotFoundError:
                self.assertEqual(suffix, "-wal")

    def test_rows_entries_counts_and_bytes_are_gone_and_the_others_stay(self):
        self.erase()
        self.check_gone()
        for user in OTHERS:
            self.assertEqual(len(self.views.rows(userId=user)), 30)
        # A command may have done it beside the service, which then looks again.
        eventually(
            lambda: metric(self.views, "history_store_views") == len(self.others)
        )

    def test_it_can_be_asked_again_and_for_who_is_not_there(self):
        self.erase()
        for user in (GONE, "nobody"):
            answer = self.views_delete(user)
            self.assertEqual((answer.status, answer.json()["views"]), (200, 0))
        self.check_gone()

    def views_delete(self, user):
        from support.web import request

        return request("DELETE", self.views.url(f"/history?userId={user}"))

    def test_a_redelivery_does_not_bring_them_back_and_a_later_view_is_stored(self):
        # What the stream has of them is refused, and counted, at each comparison.
        self.views.stop()
        self.views.start(CHECKPOINT_S=0)
        receipt = self.erase()
        self.send(self.messages)
        self.check_gone()
        self.assertEqual(metric(self.views, "history_views_erased_total"), 300)
        later = made(GONE, 1, viewedAt="2100-01-01T00:00:00Z")
        self.send(later)
        eventually(lambda: len(self.views.rows(userId=GONE)) == 1)
        self.assertLess(receipt["refusedUntil"], "2100")

    def test_a_view_that_tells_no_time_is_refused(self):
        self.erase()
        (message,) = made(GONE, 1)
        del message["viewedAt"]
        self.send([message])
        self.assertFalse(self.views.post("/viewed", message).json()["stored"])
        self.check_gone()

    def test_a_full_replay_does_not_bring_them_back(self):
        self.erase()
        replay = json.loads(self.command("replay", "--from", "first", "--json"))
        self.assertEqual((replay["new"], replay["erased"]), (0, 300))
        self.check_gone()
        self.views.stop()
        lose_store(self.file)
        self.command("replay", "--from", "first")
        self.views.start()
        self.check_gone()

    @of_files("`history backup` and `history restore`")
    def test_a_restore_of_an_older_backup_does_not_bring_them_back(self):
        older = os.path.join(self.folder, "older.db")
        self.command("backup", older)
        self.erase()
        self.views.stop()
        out = self.command("restore", "--force", older)
        self.assertIn("300 views of erased users", out)
        self.views.start()
        self.check_gone()

    def lose(self, *also):
        self.views.stop()
        lose_store(self.file)
        for suffix in also:
            if os.path.exists(self.file + suffix):
                os.remove(self.file + suffix)

    @of_files("`history backup` and `history restore`")
    def test_with_the_store_lost_any_one_note_is_enough(self):
        older = os.path.join(self.folder, "older.db")
        self.command("backup", older)
        self.erase()
        for lost in ([], ["-erased"]):
            with self.subTest(lost=lost):
                self.lose(*lost)
                self.command("restore", older)
                self.views.start()
                self.check_gone()

    def test_an_older_store_that_was_put_back_by_hand_forgets_nothing(self):
        older = self.other_store("older.db")
        self.views.stop()
        copy_store(self.file, older)
        self.views.start()
        self.erase()
        self.views.stop()
        copy_store(older, self.file)
        self.views.start()
        self.check_gone()

    def test_a_restart_changes_nothing(self):
        self.erase()
        self.views.kill()
        self.views.start()
        self.send(self.messages)
        self.check_gone()

    def test_a_drill_from_the_stream_passes_afterwards(self):
        self.erase()
        self.assertTrue(self.command("drill").startswith("PASS"))

    @of_files("`history backup` and `history restore`")
    def test_a_drill_from_an_older_backup_passes_afterwards(self):
        name = os.path.join(self.backups, "history-2099-01-31T12-00-00.000Z.db")
        self.command("backup", name)
        self.erase()
        self.assertTrue(self.command("drill").startswith("PASS"))

    def test_without_a_service_the_store_is_worked_on(self):
        self.views.stop()
        self.erase()
        self.views.start()
        self.check_gone()

    @of_files(BESIDE)
    def test_a_service_whose_switch_is_off_is_not_passed_by(self):
        self.views.stop()
        self.views.start(ADMIN_API="off")
        self.command("erase", "--user", GONE, code=3)
        self.command("erase", code=2)
        self.command("erase", "--user", "", code=2)
        self.command("erase", "--user", "x" * 129, code=3)
        self.assertEqual(len(self.views.rows(userId=GONE)), 300)

    def test_a_kill_in_the_middle_is_finished_at_the_next_start(self):
        more = made(GONE, 20000)
        self.send(more)
        total = len(self.messages) + len(more)
        eventually(
            lambda: metric(self.views, "history_store_views") == total, 60
        )
        caller = threading.Thread(target=self.try_delete)
        caller.start()
        eventually(
            lambda: metric(self.views, "history_store_views") < total - 500,
            every_s=0.001,
        )
        self.views.kill()
        caller.join()
        self.views.start()
        self.check_gone()

    def try_delete(self):
        try:
            self.views_delete(GONE)
        except OSError:
            pass  # it was killed
        except Exception:  # or cut in its answer
            pass

    def test_views_are_stored_while_a_large_user_is_erased(self):
        more = made(GONE, 20000)
        self.send(more)
        total = len(self.messages) + len(more)
        eventually(
            lambda: metric(self.views, "history_store_views") == total, 60
        )
        caller = threading.Thread(target=self.try_delete)
        caller.start()
        posted = 0
        while caller.is_alive():
            view = made("poster", 1)[0]
            self.assertTrue(self.views.post("/viewed", view).json()["stored"])
            self.others.add(view["id"])
            posted += 1
        caller.join()
        self.assertGreater(posted, 5)
        self.check_gone()


if __name__ == "__main__":
    unittest.main()
