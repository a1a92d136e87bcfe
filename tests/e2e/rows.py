"""What a user does to rows of the history: dismissing, removing, undoing."""

import json
import unittest
import uuid

from support.claims import Claims
from support.event_source import EventSource
from support.stores import OTHERS_WRITE, left_out
from support.waiting import eventually
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

    def etag(self, path):
        """One that says nothing where none is told."""
        return '"x"' if left_out(OTHERS_WRITE) else self.views.get(path).headers["ETag"]

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

    def test_a_dismissal_is_forgotten_with_the_last_view_of_its_video(self):
        with_other = [
            self.store("anna", "a.mp4", f"2026-01-31T1{hour}:00:00Z", 5)
            for hour in range(2)
        ]
        alone = self.store("anna", "b.mp4", "2026-01-31T10:00:00Z", 5)
        for video in ("a.mp4", "b.mp4"):
            self.delete(f"/continue?userId=anna&videoId={video}")
        self.delete(f"/history/{with_other[1]}")
        self.delete(f"/history/{alone}")
        self.assertEqual(self.continuing(), [])
        self.views.post(f"/history/{alone}/restore", "")
        self.assertEqual(self.continuing(), [alone])

    def test_a_row_is_removed_and_restored(self):
        ids = [
            self.store("anna", "a.mp4", f"2026-01-31T1{hour}:00:00Z", 5)
            for hour in range(5)
        ]
        gone = ids[2]
        before = self.views.rows(userId="anna")
        path = f"/history/{gone}"
        for _ in range(2):
            etag = self.etag("/history?userId=anna")
            answer = self.delete(path)
            self.assertEqual(answer.status, 200, answer.body)
            self.assertEqual(answer.json(), {"id": gone, "deleted": True})
            self.assertEqual(self.delete(path).status, 404)
            self.assertEqual(self.views.get(path).status, 404)
            fresh = self.views.get(
                "/history?userId=anna&total=true", headers={"If-None-Match": etag}
            )
            self.assertEqual((fresh.status, fresh.json()["total"]), (200, 4))
            self.assertEqual(
                self.views.rows(userId="anna"),
                [row for row in before if row["_id"] != gone],
            )
            again = {"id": gone, "userId": "anna", "video": {"id": "a.mp4"}}
            self.assertFalse(self.views.post("/viewed", again).json()["stored"])
            batch = self.views.post("/viewed", [again]).json()["views"][0]
            self.assertEqual(batch["result"], "refused")
            self.assertIn("removed", batch["reason"])
            answer = self.views.post(path + "/restore", "")
            self.assertEqual(answer.status, 200, answer.body)
            self.assertEqual(self.views.post(path + "/restore", "").status, 404)
            self.assertEqual(self.views.rows(userId="anna"), before)
        for what in (str(uuid.uuid4()), "7", gone + "0", "stream"):
            self.assertEqual(self.delete(f"/history/{what}").status, 404, what)
            self.assertEqual(
                self.views.post(f"/history/{what}/restore", "").status, 404, what
            )

    def reader(self, last_id=None):
        source = EventSource(self.views.port, last_id, userId="anna")
        self.addCleanup(source.close)
        return source

    def test_live_readers_are_told(self):
        first = self.store("anna", "a.mp4", "2026-01-31T10:00:00Z", 5)
        anna = self.reader()
        last = self.store("anna", "b.mp4", "2026-01-31T11:00:00Z", 5)
        eventually(lambda: anna.views() == [last])
        place = anna.last_id
        self.delete(f"/history/{last}")
        eventually(lambda: anna.named("deleted") == [{"_id": last}])
        self.views.post(f"/history/{last}/restore", "")
        eventually(lambda: anna.views() == [last, last])
        self.delete(f"/history/{last}")
        self.delete(f"/history/{first}")
        self.views.stop()
        self.views.start()
        # A place whose view is gone is one all the same.
        again = self.reader(place)
        later = self.store("anna", "c.mp4", "2026-01-31T12:00:00Z", 5)
        eventually(lambda: again.views() == [later])
        self.assertEqual(again.named("reset"), [])

    def changes(self, path):
        """All pages; the entries, and the cursor to go on from."""
        told, cursor = [], None
        while path:
            page = self.views.get(path)
            self.assertEqual(page.status, 200, page.body)
            told += page.json()["history"]
            cursor, path = page.json()["cursor"], page.json().get("next")
            if path:
                self.assertEqual(page.headers["Link"], f'<{path}>; rel="next"')
        return told, cursor

    def test_who_keeps_a_copy_is_told_all_that_changes_and_nothing_else(self):
        path = "/history?limit=3&userId=anna&updatedSince=2026-01-01T00:00:00Z"
        copy = {}

        def follow(path):
            told, cursor = self.changes(path)
            for row in told:
                if row.get("deleted"):
                    self.assertEqual(row["userId"], "anna")
                    self.assertRegex(row["deletedAt"], "^20.*Z$")
                    copy.pop(row["_id"], None)
                else:
                    copy[row["_id"]] = row
            rows = {row["_id"]: row for row in self.views.rows(userId="anna")}
            self.assertEqual(copy, rows)
            return [row["_id"] for row in told], cursor

        ids = [
            self.store("anna", "a.mp4", f"2026-01-31T1{9 - number}:00:00Z", 5)
            for number in range(10)
        ]
        self.store("ben", "a.mp4", "2026-01-31T10:00:00Z", 5)
        told, cursor = follow(path)
        self.assertEqual(told, ids)
        told, cursor = follow(f"{path}&cursor={cursor}")
        self.assertEqual(told, [])
        for view in (ids[3], ids[9], ids[4]):
            self.delete(f"/history/{view}")
        ids.append(self.store("anna", "b.mp4", "2020-01-31T10:00:00Z", 5))
        self.views.post(f"/history/{ids[9]}/restore", "")
        told, cursor = follow(f"{path}&cursor={cursor}")
        self.assertEqual(told, [ids[3], ids[4], ids[10], ids[9]])
        self.views.stop()
        self.views.start()
        told, cursor = follow(f"{path}&cursor={cursor}")
        self.assertEqual(told, [])
        late = self.store("anna", "c.mp4", "2020-01-31T10:00:00Z", 5)
        self.delete(f"/history/{late}")
        self.assertEqual(follow(f"{path}&cursor={cursor}")[0], [late])
        # From the beginning it is the same, and all of everybody's.
        copy.clear()
        follow(path)
        everybodys, _ = self.changes(path.replace("userId=anna&", ""))
        removed = [row for row in everybodys if row.get("deleted")]
        self.assertEqual({row["_id"] for row in removed}, {ids[3], ids[4], late})
        self.assertTrue(all("userId" not in row for row in removed))
        self.assertEqual(len(everybodys), 10 + 3)
        future = path.replace("2026-01-01", "2099-01-01")
        self.assertEqual(
            [row["_id"] for row in self.changes(future)[0]], [ids[9]]
        )


if __name__ == "__main__":
    unittest.main()
