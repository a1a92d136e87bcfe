"""What a user does to rows of the history: dismissing, removing, undoing."""

import json
import unittest
import uuid

from support.claims import Claims
from support.web import request


class Rows(Claims):
    def setUp(self):
        super().setUp()
        self.views = self.history(self.vhost())

    def store(self, user, video, at, position, duration=600):
        view = {
            "id": str(uuid.uuid4()),
            "userId": user,
            "video": {"id": video},
            "viewedAt": at,
            "position": position,
            "duration": duration,
        }
        answer = self.views.post("/viewed", view)
        self.assertEqual(answer.status, 200, answer.body)
        return view["id"]

    def delete(self, path):
        return request("DELETE", self.views.url(path))

    def continuing(self, **more):
        query = "".join(f"&{name}={value}" for name, value in more.items())
        answer = self.views.get("/continue?userId=anna" + query)
        self.assertEqual(answer.status, 200, answer.body)
        return [row["_id"] for row in answer.json()["continue"]]

    def test_a_user_goes_on_where_they_were_and_dismisses_what_they_will_not(self):
        self.store("anna", "a.mp4", "2026-01-31T10:00:00Z", 5)
        other = self.store("anna", "b.mp4", "2026-01-31T11:00:00Z", 9)
        newest = self.store("anna", "a.mp4", "2026-01-31T12:00:00Z", 12.5)
        self.store("anna", "a.mp4", "2026-01-31T13:00:00Z", 0)
        self.store("anna", "done.mp4", "2026-01-31T14:00:00Z", 599)
        self.store("ben", "c.mp4", "2026-01-31T14:00:00Z", 9)
        self.assertEqual(self.continuing(), [newest, other])
        self.assertEqual(self.continuing(limit=1), [newest])
        row = self.views.get("/continue?userId=anna").json()["continue"][0]
        self.assertEqual(row, self.views.get(f"/history/{newest}").json())
        rows = self.views.rows(userId="anna")
        for _ in range(2):
            answer = self.delete("/continue?userId=anna&videoId=a.mp4")
            self.assertEqual((answer.status, answer.body), (204, b""))
            self.assertEqual(self.continuing(), [other])
        self.store("anna", "a.mp4", "2026-01-31T15:00:00Z", 20)  # from before
        self.assertEqual(self.continuing(), [other])
        later = self.store("anna", "a.mp4", "2099-01-31T15:00:00Z", 20)
        self.assertEqual(self.continuing(), [later, other])
        self.delete("/continue?userId=anna&videoId=a.mp4")
        self.assertEqual(self.continuing(), [other])
        self.views.stop()
        self.views.start()
        self.assertEqual(self.continuing(), [other])
        self.assertEqual(len(self.views.rows(userId="anna")), len(rows) + 2)
        self.assertEqual(self.delete("/continue?userId=x&videoId=y").status, 204)


if __name__ == "__main__":
    unittest.main()
