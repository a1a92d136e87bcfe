"""A history moves from a file to PostgreSQL while views come."""

import contextlib
import json
import os
import threading
import time
import unittest
import uuid

import pika

from support.amqp import channel_to, publish
from support.claims import Claims
from support.postgres import shared_postgres
from support.service import run
from support.waiting import eventually
from support.web import request

# A million by hand: FLIXTUBE_MOVE_VIEWS=1000000.
MANY = int(os.environ.get("FLIXTUBE_MOVE_VIEWS", "20000"))
RATE_S = 300  # views that come meanwhile
COMMAND_S = 1800


def view_of(number):
    return {
        "id": str(uuid.uuid4()),
        "userId": f"user-{number % 997}",
        "video": {"id": f"video-{number % 50}.mp4"},
        "viewedAt": f"2026-02-{number % 27 + 1:02}T12:{number // 60 % 60:02}:{number % 60:02}Z",
        "position": number % 30 + 0.5,
    }


class Publisher(threading.Thread):
    """Views at a rate, until it is told to end; what a connection that was lost
    may have taken along is sent again."""

    def __init__(self, rabbit):
        super().__init__()
        self.rabbit = rabbit
        self.views = []
        self.ended = threading.Event()

    def run(self):
        sent = False
        while not sent:
            with contextlib.suppress(pika.exceptions.AMQPError):
                self.send_all()
                sent = True

    def send_all(self):
        with channel_to(self.rabbit) as channel:
            for view in self.views:
                publish(channel, view, message_id=view["id"], type="viewed")
            while not self.ended.wait(1 / RATE_S):
                view = view_of(len(self.views))
                self.views.append(view)
                publish(channel, view, message_id=view["id"], type="viewed")

    def stop(self):
        self.ended.set()
        self.join()


class Move(Claims):
    def setUp(self):
        super().setUp()
        self.rabbit = self.vhost()
        self.file = os.path.join(self.folder, "history.db")
        self.url = shared_postgres().add_database()
        self.addCleanup(shared_postgres().remove_database, self.url)
        self.publisher = Publisher(self.rabbit)

    def command(self, store, *words):
        done = run("history", *words, timeout_s=COMMAND_S,
                   env={"RABBIT": self.rabbit, "HISTORY_DB": store})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def copy(self):
        return json.loads(self.command(self.url, "copy", "--json", self.file))

    def verify(self, store):
        return json.loads(self.command(store, "verify", "--json", store))

    def fill(self, count):
        """Views that no stream has: they are older than it."""
        path = os.path.join(self.folder, "old.ndjson")
        with open(path, "w") as file:
            for number in range(count):
                file.write(json.dumps(view_of(number)) + "\n")
        self.command(self.file, "import", path)

    def count_of(self, store):
        return int(shared_postgres().run("SELECT sum(views) FROM counts", store))

    def test_it_moves_while_views_come_and_both_say_the_same(self):
        self.fill(MANY)
        self.command(self.file, "erase", "--user", "user-3")
        old = self.history(self.rabbit, HISTORY_DB=self.file, CHECKPOINT_S=1)
        self.publisher.start()
        self.addCleanup(self.publisher.ended.set)
        eventually(lambda: len(self.publisher.views) > RATE_S)
        copied = self.copy()
        print(f"\ncopied {copied['new']} views in {copied['seconds']} s beside {RATE_S}/s:"
              f" {copied['new'] / copied['seconds']:.0f}/s")
        old.stop()
        new = self.history(self.rabbit, HISTORY_DB=self.url, CHECKPOINT_S=1)
        time.sleep(2)
        self.publisher.stop()
        # All of that user's are from before the erasure, whenever they come.
        wanted = sum(number % 997 != 3 for number in range(MANY)) + sum(
            number % 997 != 3 for number in range(len(self.publisher.views)))
        eventually(lambda: self.count_of(self.url) == wanted, 60)
        self.assertEqual(new.get("/history?userId=user-3").json()["history"], [])
        # The old one gets what went to the new one alone.
        self.command(self.file, "replay", "--from", "first")
        before, after = self.verify(self.file), self.verify(self.url)
        print(f"{after['views']} views, digest {after['digest']}")
        self.assertEqual(before["digest"], after["digest"])
        self.assertEqual(before["views"], wanted)

    def test_what_users_have_set_comes_along_and_what_is_there_stays(self):
        self.fill(3000)
        # Who comes back after an erasure has set what is set from then on.
        self.command(self.file, "erase", "--user", "user-6")
        old = self.history(self.rabbit, HISTORY_DB=self.file, CHECKPOINT_S=0)
        video = old.get("/continue?userId=user-5").json()["continue"][0]["video"]["id"]
        self.assertEqual(old.delete(f"/continue?userId=user-5&videoId={video}").status, 204)
        self.keep(old, "user-6", 400)
        self.keep(old, "user-7", 500)
        old.stop()
        new = self.history(self.rabbit, HISTORY_DB=self.url, CHECKPOINT_S=0)
        self.keep(new, "user-7", 700)
        new.stop()
        self.copy()
        new.start()
        self.check_settings(new, video)
        new.stop()
        back = os.path.join(self.folder, "back.db")
        self.command(back, "copy", self.url)
        self.check_settings(self.history(self.rabbit, HISTORY_DB=back), video)

    def check_settings(self, service, dismissed):
        for user, days in (("user-6", 400), ("user-7", 700), ("user-8", None)):
            told = service.get(f"/retention?userId={user}").json()
            self.assertEqual(told["keepDays"], days, told)
        left = service.get("/continue?userId=user-5").json()["continue"]
        self.assertNotIn(dismissed, [one["video"]["id"] for one in left])
        self.assertGreater(len(left), 0)

    def keep(self, service, user, days):
        answer = request("PUT", service.url(f"/retention?userId={user}"),
                         json.dumps({"keepDays": days}).encode(),
                         {"content-type": "application/json"})
        self.assertEqual(answer.status, 200, answer.body)

    def test_it_may_be_stopped_and_done_again(self):
        self.fill(1000)
        first = self.copy()
        again = self.copy()
        self.assertEqual((first["new"], first["known"]), (1000, 0))
        self.assertEqual((again["new"], again["known"]), (0, 1000))
        self.assertEqual(self.verify(self.file)["digest"], self.verify(self.url)["digest"])

    def test_it_comes_back_to_a_file_the_same(self):
        self.fill(1000)
        self.copy()
        back = os.path.join(self.folder, "back.db")
        done = json.loads(self.command(back, "copy", "--json", self.url))
        self.assertEqual(done["new"], 1000)
        self.assertEqual(self.verify(self.file)["digest"], self.verify(back)["digest"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
