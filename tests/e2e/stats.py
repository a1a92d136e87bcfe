"""Counts of views by HTTP."""

import json
import unittest
import uuid

from support.claims import Claims


class Stats(Claims):
    def setUp(self):
        super().setUp()
        self.views = self.history(self.vhost())
        for user, video, at in (
            ("anna", "a.mp4", "2026-01-30T23:59:59.999Z"),
            ("anna", "a.mp4", "2026-01-31T00:00:00Z"),
            ("anna", "b.mp4", "2026-01-31T12:30:00Z"),
            ("ben", "a.mp4", "2026-01-31T12:45:00Z"),
        ):
            view = {"id": str(uuid.uuid4()), "userId": user, "viewedAt": at,
                    "video": {"id": video}, "videoPath": "./" + video}
            self.assertEqual(self.views.post("/viewed", view).status, 200)

    def ask(self, path, **query):
        query = "&".join(f"{name}={value}" for name, value in query.items())
        answer = self.views.get(f"/stats/{path}?{query}")
        self.assertEqual(answer.status, 200, answer.body)
        return json.loads(answer.body)

    def plays(self, **query):
        query = {"since": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z", **query}
        return {one["start"]: one["plays"] for one in self.ask("plays", **query)["plays"]}

    def test_plays_are_counted_by_day_and_hour(self):
        days = {"2026-01-30T00:00:00.000Z": 1, "2026-01-31T00:00:00.000Z": 3}
        self.assertEqual(self.plays(), days)
        self.assertEqual(sum(self.plays(by="hour", since="2026-01-30T00:00:00Z").values()), 4)
        self.assertEqual(
            self.plays(by="hour", since="2026-01-31T12:40:00Z"), {"2026-01-31T12:00:00.000Z": 1}
        )
        self.assertEqual(self.plays(userId="ben"), {"2026-01-31T00:00:00.000Z": 1})
        self.assertEqual(self.plays(videoId="b.mp4"), {"2026-01-31T00:00:00.000Z": 1})
        self.assertEqual(self.ask("plays")["plays"], [])  # nothing in the last 30 days

    def test_what_was_viewed_most(self):
        since = {"since": "2026-01-01T00:00:00Z"}
        until = {"until": "2026-02-01T00:00:00Z"}
        a, b = ({"videoId": v, "videoPath": "./" + v} for v in ("a.mp4", "b.mp4"))
        self.assertEqual(
            self.ask("videos", **since, **until),
            {"videos": [{**a, "plays": 3}, {**b, "plays": 1}], "complete": True},
        )
        self.assertEqual(
            self.ask("videos", limit=1, userId="anna", **since, **until)["videos"],
            [{**a, "plays": 2}],
        )

    def test_a_user_s_totals(self):
        self.assertEqual(
            self.ask("user", userId="anna"),
            {"userId": "anna", "plays": 3, "videos": 2, "complete": True,
             "firstViewedAt": "2026-01-30T23:59:59.999Z",
             "lastViewedAt": "2026-01-31T12:30:00.000Z"},
        )
        self.assertEqual(
            self.ask("user", userId="nobody"),
            {"userId": "nobody", "plays": 0, "videos": 0, "complete": True},
        )


if __name__ == "__main__":
    unittest.main()
