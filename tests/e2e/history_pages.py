"""GET /history as its clients use it: pages, and what did not change."""

import json
import unittest
import uuid

from support.claims import Claims

JSON = {"Content-Type": "application/json"}


def view(n, **more):
    """View number n of a minute each; its id says which."""
    return {
        "id": str(uuid.UUID(int=n + 1)),
        "videoPath": f"./v{n % 3}.mp4",
        "video": {"id": f"v{n % 3}.mp4"},
        "userId": f"u{n % 2}",
        "viewedAt": f"2026-01-01T{n // 60:02}:{n % 60:02}:00Z",
        **more,
    }


class HistoryPages(Claims):
    def setUp(self):
        super().setUp()
        self.views = self.history(self.vhost())

    def store(self, *views):
        for one in views:
            answer = self.views.post("/viewed", json.dumps(one), headers=JSON)
            self.assertEqual(answer.status, 200, answer.body)

    def test_what_the_client_has_is_not_sent_again_until_its_list_changes(self):
        self.store(*map(view, range(4)))
        for path in ("/history", "/history?userId=u0", "/history?videoId=v0.mp4&limit=1"):
            with self.subTest(path):
                first = self.views.get(path)
                etag = first.headers["ETag"]
                self.assertRegex(etag, '^"[0-9a-f-]+"$')  # strong
                self.assertEqual(first.headers["Cache-Control"], "private, no-cache")
                for given in (etag, f'"x", W/{etag}', "*"):
                    again = self.views.get(path, headers={"If-None-Match": given})
                    self.assertEqual(again.status, 304)
                    self.assertEqual(again.body, b"")
                    self.assertEqual(again.headers["ETag"], etag)
                other = self.views.get(path, headers={"If-None-Match": '"x"'})
                self.assertEqual(other.status, 200)
                self.assertEqual(other.body, first.body)
        etags = {path: self.views.get(path).headers["ETag"]
                 for path in ("/history", "/history?userId=u0", "/history?userId=u1")}
        self.store(view(6))  # of u0
        for path, etag in etags.items():
            answer = self.views.get(path, headers={"If-None-Match": etag})
            self.assertEqual(answer.status, 304 if path.endswith("u1") else 200, path)

    def test_no_etag_outlives_the_process(self):
        self.store(view(0))
        etag = self.views.get("/history").headers["ETag"]
        self.views.stop()
        self.views.start()
        answer = self.views.get("/history", headers={"If-None-Match": etag})
        self.assertEqual(answer.status, 200)

    def test_each_view_is_in_the_next_answer(self):
        for n in range(100):
            self.store(view(n))
            for path in ("/history?limit=1", f"/history?limit=1&userId=u{n % 2}"):
                newest = self.views.get(path).json()["history"][0]["_id"]
                self.assertEqual(newest, view(n)["id"])


if __name__ == "__main__":
    unittest.main()
