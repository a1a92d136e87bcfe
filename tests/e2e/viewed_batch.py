"""POST /viewed with many views: each is answered for, none harms another."""

import json
import unittest
import uuid

from support.claims import Claims
from support.web import request


def made(user="anna", **more):
    return {"id": str(uuid.uuid4()), "userId": user, "video": {"id": "a.mp4"}, **more}


class ViewedBatch(Claims):
    def setUp(self):
        super().setUp()
        self.views = self.history(self.vhost(), ADMIN_API="on")

    def post(self, body, media_type="application/json"):
        return request(
            "POST",
            self.views.url("/viewed"),
            body=body,
            headers={"Content-Type": media_type},
        )

    def results(self, body, *how):
        answer = self.post(body, *how)
        self.assertEqual(answer.status, 200, answer.body)
        told = answer.json()
        self.assertEqual(
            [one["index"] for one in told["views"]], list(range(len(told["views"])))
        )
        for result in ("stored", "known", "refused"):
            named = [one for one in told["views"] if one["result"] == result]
            self.assertEqual(told[result], len(named))
        return told["views"]

    def test_a_whole_batch_is_stored_and_sent_again_is_known(self):
        batch = [made() for _ in range(500)]
        for expected in ("stored", "known"):
            told = self.results(json.dumps(batch))
            self.assertEqual([one["id"] for one in told], [one["id"] for one in batch])
            self.assertEqual({one["result"] for one in told}, {expected})
        self.assertEqual(self.views.ids(), {one["id"] for one in batch})

    def test_one_that_is_refused_keeps_no_other_from_being_stored(self):
        good, twice = made(), made()
        batch = [good, {}, [1, [2]], "], {", 7, made(position="x"), twice, twice]
        told = self.results(" \n" + json.dumps(batch, indent=2))
        self.assertEqual(
            [one["result"] for one in told],
            ["stored"] + 5 * ["refused"] + ["stored", "known"],
        )
        self.assertIn("position", told[5]["reason"])
        self.assertEqual(self.views.ids(), {good["id"], twice["id"]})

    def test_lines_are_taken_as_an_array_is(self):
        batch = [made() for _ in range(3)]
        lines = "\n".join(json.dumps(one) for one in batch[:2]) + "\r\n\n{]\n"
        told = self.results(lines + json.dumps(batch[2]), "application/x-ndjson")
        self.assertEqual(
            [one["result"] for one in told], ["stored", "stored", "refused", "stored"]
        )
        self.assertEqual(self.views.ids(), {one["id"] for one in batch})

    def test_a_text_that_looks_like_an_end_is_none(self):
        view = made(user='a"],[{}\\')
        self.assertEqual(self.results(json.dumps([view]))[0]["result"], "stored")
        self.assertEqual(self.views.rows()[0]["userId"], view["userId"])

    def test_an_array_that_is_cut_stores_nothing(self):
        self.assertEqual(self.post(json.dumps([made(), made()])[:-1]).status, 400)
        self.assertEqual(self.views.ids(), set())

    def test_a_view_over_its_limit_is_refused_alone(self):
        good = made()
        told = self.results(json.dumps([made(other="x" * 17000), good]))
        self.assertEqual([one["result"] for one in told], ["refused", "stored"])
        self.assertIn("16384", told[0]["reason"])

    def test_a_view_of_an_erased_user_is_refused_with_the_reason(self):
        old = made(viewedAt="2020-01-01T00:00:00Z")
        self.results(json.dumps([old]))
        erased = request("DELETE", self.views.url("/history?userId=anna"))
        self.assertEqual(erased.status, 200, erased.body)
        told = self.results(json.dumps([old]))
        self.assertEqual(told[0]["result"], "refused")
        self.assertIn("erased", told[0]["reason"])


if __name__ == "__main__":
    unittest.main()
