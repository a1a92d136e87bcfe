"""What the stream has can be brought back, whole, again and again."""

import json
import os
import signal
import subprocess
import time
import unittest
import uuid

from support.amqp import QUEUE, channel_to, publish
from support.claims import Claims
from support.service import environment, program, run
from support.stores import (
    ask, change, copy_store, is_database, is_there, lose_store, rows_of,
)
from support.waiting import eventually

# More by hand: FLIXTUBE_REPLAY_VIEWS=1000000.
MANY = int(os.environ.get("FLIXTUBE_REPLAY_VIEWS", "20000"))
EXCHANGE = "viewed"


def views_of(count, users=50):
    for number in range(count):
        yield {
            "id": str(uuid.uuid4()),
            "userId": f"user-{number % users}",
            "video": {"id": f"video-{number % 7}.mp4"},
            "viewedAt": f"2026-01-31T12:{number // 60 % 60:02}:{number % 60:02}Z",
            "position": number % 30 + 0.5,
        }


class Replay(Claims):
    def setUp(self):
        super().setUp()
        self.rabbit = self.vhost()
        self.views = self.history(self.rabbit, CHECKPOINT_S=1)
        self.store = self.views.settings["HISTORY_DB"]
        self.published = set()

    def publish(self, count):
        with channel_to(self.rabbit) as channel:
            for view in views_of(count):
                publish(channel, view, message_id=view["id"], type="viewed")
                self.published.add(view["id"])
        eventually(lambda: self.count() == len(self.published), 120)

    def count(self):
        return int(ask(self.store, "SELECT count(*) FROM views")[0][0])

    def replay(self, *words, code=0):
        done = run(
            "history",
            "replay",
            "--json",
            *words,
            env={"RABBIT": self.rabbit, "HISTORY_DB": self.store},
            timeout_s=600,
        )
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return json.loads(done.stdout) if done.stdout else done.stderr

    def wait_checkpoint(self, offset):
        def noted():
            return ask(self.store, "SELECT stream_offset FROM store") == [[str(offset)]]

        eventually(noted)

    def test_a_store_that_was_lost_comes_back_the_same(self):
        self.publish(MANY)
        self.views.stop()
        before = rows_of(self.store)
        lose_store(self.store)
        done = self.replay("--from", "first")
        print(f"\nreplay of {MANY}: {done['seconds']} s,"
              f" {done['read'] / done['seconds']:.0f}/s")
        self.assertEqual((done["read"], done["new"]), (MANY, MANY))
        self.assertEqual((done["known"], done["refused"]), (0, 0))
        self.assertTrue(done["noted"])
        self.assertEqual(rows_of(self.store), before)
        self.views.start()
        self.assertEqual(self.views.ids(), self.published)

    def test_it_changes_nothing_where_all_is_there_and_may_be_repeated(self):
        self.publish(500)
        self.views.stop()
        before = rows_of(self.store)
        for _ in range(2):
            done = self.replay("--from", "first")
            self.assertEqual((done["new"], done["known"]), (0, 500))
        self.assertEqual(rows_of(self.store), before)

    def test_doubled_messages_and_poison_keep_one_row_each(self):
        self.publish(100)
        with channel_to(self.rabbit) as channel:
            views = list(views_of(50))
            for view in views + views[::-1]:
                publish(channel, view, message_id=view["id"])
                publish(channel, b"poison")
        self.published |= {view["id"] for view in views}
        self.views.stop()
        lose_store(self.store)
        done = self.replay("--from", "first")
        self.assertEqual(done["refused"], 100)
        self.assertEqual((done["new"], done["known"]), (150, 50))
        self.assertEqual(len(rows_of(self.store)), 150)

    def test_beside_the_service_only_what_is_missing_is_given_to_it(self):
        self.publish(1000)
        self.views.stop()
        self.lose_every_tenth()
        self.views.start(CHECKPOINT_S=0)
        done = self.replay("--from", "first")
        self.assertEqual(done["byQueue"], not is_database(self.store))
        self.assertEqual((done["new"], done["known"]), (100, 900))
        eventually(lambda: self.views.ids() == self.published)

    def lose_every_tenth(self):
        """By hand, of 1000; the store as such stays good."""
        if is_database(self.store):
            tenth = ("(SELECT seq FROM (SELECT seq, row_number() OVER (ORDER BY seq) AS at"
                     " FROM views) AS numbered WHERE at % 10 = 0)")
            change(self.store, f"DELETE FROM views WHERE seq IN {tenth}",
                   "DELETE FROM ids WHERE id NOT IN (SELECT id FROM views)",
                   "UPDATE counts SET views = 0",
                   "UPDATE counts SET views = (SELECT count(*) FROM views) WHERE part = 0")
        else:
            change(self.store, "DELETE FROM views WHERE seq % 10 = 0",
                   "DELETE FROM listed WHERE seq % 10 = 0",
                   "UPDATE store SET views = 900")

    def test_a_dry_run_counts_and_changes_nothing(self):
        self.publish(300)
        self.views.stop()
        before = rows_of(self.store)
        self.assertEqual(self.replay("--from", "first", "--dry-run")["known"], 300)
        other = self.other_store("none.db")
        done = self.replay("--from", "first", "--dry-run", "--into", other)
        self.assertEqual(done["new"], 300)
        self.assertFalse(is_there(other))
        self.assertEqual(rows_of(self.store), before)

    def test_from_and_to_bound_what_is_read(self):
        self.publish(300)
        part = self.other_store("part.db")
        done = self.replay("--from", "100", "--to", "149", "--into", part)
        self.assertEqual((done["first"], done["last"], done["new"]), (100, 149, 50))
        self.assertFalse(done["noted"], "it leaves a gap before")
        done = self.replay("--from", "0", "--to", "99", "--into", part)
        self.assertTrue(done["noted"])
        done = self.replay("--into", part)
        self.assertEqual((done["first"], done["new"]), (99, 150))
        self.assertEqual(rows_of(part), rows_of(self.store))

    def test_times_bound_it_too(self):
        self.publish(50)
        time.sleep(2.1)  # the broker knows seconds
        between = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        time.sleep(1.1)
        self.publish(70)
        early, late = self.other_store("early.db"), self.other_store("late.db")
        self.assertEqual(self.replay("--from", "first", "--to", between, "--into", early)["new"], 50)
        done = self.replay("--from", between, "--into", late)
        self.assertGreaterEqual(done["new"], 70)
        self.assertEqual(done["last"], 119)
        self.assertEqual(self.replay("--from", "2100-01-01T00:00:00Z", "--into", late)["read"], 0)

    def test_from_the_checkpoint_reads_only_what_is_behind_it(self):
        self.publish(400)
        self.wait_checkpoint(399)
        self.views.stop()
        copy = self.other_store("copy.db")
        copy_store(self.store, copy)
        self.views.start()
        self.publish(100)
        done = self.replay("--into", copy)
        self.assertEqual((done["first"], done["read"]), (399, 101))
        self.assertEqual(rows_of(copy), rows_of(self.store))

    def test_messages_without_an_id_are_not_added_where_they_are_contained(self):
        with channel_to(self.rabbit) as channel:
            for _ in range(20):
                publish(channel, {"videoPath": "./v.mp4"})
        self.wait_checkpoint(19)
        self.views.stop()
        self.assertEqual(self.replay("--from", "first")["new"], 0)
        other = self.other_store("other.db")
        for new in (20, 0):
            done = self.replay("--from", "first", "--into", other)
            self.assertEqual(done["new"], new)

    def test_ctrl_c_ends_it_cleanly_and_it_can_go_on(self):
        self.publish(MANY)
        self.views.stop()
        other = self.other_store("other.db")
        settings = {"RABBIT": self.rabbit, "HISTORY_DB": other}
        replay = subprocess.Popen(
            [program("history"), "replay", "--from", "first"],
            env=environment(settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        eventually(lambda: self.has_begun(other), every_s=0.001)
        replay.send_signal(signal.SIGINT)
        out, err = replay.communicate(timeout=60)
        if replay.returncode == 0:
            self.skipTest("it was done before")
        self.assertEqual(replay.returncode, 1, err)
        if "to go on" in err:
            again = err.split("--from ")[1].split()[0]
            self.replay("--from", again, "--into", other)
        else:
            self.replay("--from", "first", "--into", other)
        self.assertEqual(rows_of(other), rows_of(self.store))

    @staticmethod
    def has_begun(store):
        if not is_database(store):
            return os.path.exists(store + "-wal")
        return ask(store, "SELECT count(*) FROM pg_stat_activity"
                   " WHERE application_name = 'history'"
                   " AND datname = current_database()") != [["0"]]

    def test_a_kill_at_any_moment_leaves_a_store_that_can_go_on(self):
        self.publish(MANY)
        self.views.stop()
        other = self.other_store("other.db")
        settings = {"RABBIT": self.rabbit, "HISTORY_DB": other}
        for delay_s in (0.05, 0.2, 0.4, 0.6):
            replay = subprocess.Popen(
                [program("history"), "replay"],
                env=environment(settings),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            time.sleep(delay_s)
            replay.kill()
            replay.wait()
        self.replay("--into", other)
        self.assertEqual(rows_of(other), rows_of(self.store))

    def test_a_checkpoint_of_another_stream_is_refused_in_words(self):
        self.publish(50)
        self.wait_checkpoint(49)
        self.views.stop()
        with channel_to(self.rabbit) as channel:
            channel.queue_delete("viewed.log")
        self.replay("--dry-run", code=2)
        self.assertEqual(self.replay("--from", "first")["read"], 0)

    def test_wrong_words_are_code_2_and_no_broker_is_code_3(self):
        self.replay("--from", "yesterday", code=2)
        self.replay("--to", "-1", code=2)
        self.replay("--nothing", code=2)
        self.replay("more", code=2)
        self.views.stop()
        self.rabbit = "amqp://guest:guest@127.0.0.1:1"
        self.replay(code=3)


if __name__ == "__main__":
    unittest.main()
