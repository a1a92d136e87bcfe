"""What a user does not want kept: pauses, and days after which views go."""

import json
import os
import unittest
import uuid
from datetime import datetime, timedelta, timezone

from support.amqp import channel_to, publish
from support.claims import Claims
from support.service import metric, run
from support.stores import ask, is_database, lose_store
from support.waiting import eventually
from support.web import request


def ago(**time):
    at = datetime.now(timezone.utc) - timedelta(**time)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def view(user="anna", at=None, video="a.mp4"):
    return {"id": str(uuid.uuid4()), "userId": user, "viewedAt": at or ago(),
            "video": {"id": video}}


class Keeping(Claims):
    def setUp(self):
        super().setUp()
        self.rabbit = self.vhost()
        self.backups = os.path.join(self.folder, "backups")
        os.mkdir(self.backups)
        self.views = self.history(self.rabbit, BACKUP_DIR=self.backups,
                                  BACKUP_EVERY_S=86400)
        self.file = self.views.settings["HISTORY_DB"]

    def put(self, path, body, user="anna", status=200):
        answer = request("PUT", self.views.url(f"{path}?userId={user}"), body=json.dumps(body),
                         headers={"Content-Type": "application/json"})
        self.assertEqual(answer.status, status, answer.body)
        return answer.json()

    def pause(self, user="anna"):
        told = self.put("/recording", {"recording": False}, user)
        self.assertEqual((told["userId"], told["recording"]), (user, False))
        self.assertEqual(self.views.get(f"/recording?userId={user}").json(), told)

    def go_on(self):
        self.assertEqual(self.put("/recording", {"recording": True}),
                         {"userId": "anna", "recording": True})

    def keep(self, days, user="anna"):
        told = self.put("/retention", {"keepDays": days}, user)
        self.assertEqual(told["keepDays"], days)
        self.assertEqual(self.views.get(f"/retention?userId={user}").json(), told)

    def send(self, *views):
        """Through the queue; returns when all of them were taken."""
        before = metric(self.views, "history_deliveries_total")
        with channel_to(self.rabbit) as channel:
            for one in views:
                publish(channel, one, message_id=one["id"])
        eventually(lambda: metric(self.views, "history_deliveries_total")
                   >= before + len(views) and metric(self.views, "history_unacked") == 0)

    def post(self, *views):
        answer = self.views.post("/viewed", list(views))
        self.assertEqual(answer.status, 200, answer.body)
        return [one.get("reason") for one in answer.json()["views"]]

    def ids(self, user):
        return {row["_id"] for row in self.views.rows(userId=user)}

    def drill(self):
        done = run("history", "drill", "--json", timeout_s=120, env={
            "RABBIT": self.rabbit, "HISTORY_DB": self.file, "BACKUP_DIR": self.backups})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_what_was_watched_in_a_pause_is_not_stored_by_any_way(self):
        before, other = view(), view("ben")
        self.send(before, other)
        self.pause()
        hidden = [view(), view()]
        self.send(hidden[0], view("ben"))
        self.assertEqual(self.post(hidden[1]), ["its user had paused recording"])
        self.assertEqual(metric(self.views, "history_views_paused_total"), 2)
        self.go_on()
        after = view()
        self.send(after, *hidden)
        self.assertEqual(self.ids("anna"), {before["id"], after["id"]})
        self.assertEqual(len(self.ids("ben")), 2)
        self.drill()

    def test_a_pause_outlives_a_restart_and_the_file(self):
        self.pause()
        self.views.stop()
        lose_store(self.file)
        self.views.start()
        self.assertFalse(self.views.get("/recording?userId=anna").json()["recording"])
        self.send(view(), view("ben"))
        self.assertEqual(self.ids("anna"), set())
        self.go_on()
        self.views.stop()
        self.views.start()
        self.assertTrue(self.views.get("/recording?userId=anna").json()["recording"])

    def test_older_views_of_a_user_go_and_do_not_come_back(self):
        old = [view(at=ago(days=days)) for days in (31, 40, 4000)]
        new = [view(at=ago(days=29)), view()]
        others = [view("ben", at=ago(days=31))]
        self.send(*old, *new, *others)
        self.assertEqual(len(self.views.ids()), 6)
        kept = {one["id"] for one in new + others}
        self.keep(30)
        eventually(lambda: self.views.ids() == kept)
        page = self.views.get("/history?userId=anna&total=true").json()
        self.assertEqual(page["total"], 2)
        self.assertEqual(self.views.get(f"/history/{old[0]['id']}").status, 404)
        self.assertEqual(metric(self.views, "history_store_views"), 3)
        self.send(*old)
        self.assertEqual(self.post(old[1]), ["it is older than views are kept"])
        self.assertEqual(self.views.ids(), kept)
        self.drill()
        self.keep(None)
        self.assertEqual(self.post(old[0]), [None])
        self.assertEqual(self.views.ids(), kept | {old[0]["id"]})

    def test_everybody_s_older_views_go_and_their_videos_with_them(self):
        self.send(view(at=ago(days=8), video="old.mp4"), view("ben", at=ago(days=8)), view())
        self.views.stop()
        self.views.start(HISTORY_KEEP_DAYS=7)
        eventually(lambda: len(self.views.ids()) == 1)
        told = self.views.get("/retention?userId=anna").json()
        self.assertEqual((told["keepDays"], told["everybodysKeepDays"]), (None, 7))
        self.drill()
        eventually(lambda: ["old.mp4"] not in self.videos())
        self.views.stop()
        self.views.start(HISTORY_KEEP_DAYS=0)
        self.assertEqual(self.post(view(at=ago(days=8))), [None])

    def videos(self):
        """All that the store knows; a database has no list of them of its own."""
        return ask(self.file, "SELECT DISTINCT video_id FROM views" if is_database(self.file)
                   else "SELECT id FROM videos")

    def test_many_old_views_go_while_new_ones_are_stored_and_read(self):
        old = [view(at=ago(days=100 + number % 50)) for number in range(3000)]
        for first in range(0, len(old), 500):
            self.post(*old[first:first + 500])
        self.keep(60)
        new = [view() for _ in range(50)]
        for one in new:
            self.assertEqual(self.post(one), [None])
            self.assertEqual(self.views.get("/history?userId=anna&limit=5").status, 200)
        eventually(lambda: self.views.ids() == {one["id"] for one in new}, 60)

    def test_what_is_no_wish_is_refused_in_words(self):
        for path, body, word in (
            ("/recording", {"recording": "no"}, "true or false"),
            ("/recording", {}, "member recording"),
            ("/recording", {"recording": True, "more": 1}, "member recording"),
            ("/retention", {"keepDays": 0}, "whole number"),
            ("/retention", {"keepDays": 1.5}, "whole number"),
            ("/retention", {"keepDays": 36501}, "whole number"),
            ("/retention", [1], "member keepDays"),
        ):
            self.assertIn(word, self.put(path, body, status=400)["detail"])


if __name__ == "__main__":
    unittest.main()
