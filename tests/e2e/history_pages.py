"""GET /history as its clients use it: pages, and what did not change."""

import csv
import io
import json
import re
import unittest
import uuid

from support.claims import Claims
from support.stores import OTHERS_WRITE, of_files
from support.web import request

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

    @of_files(OTHERS_WRITE)
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

    @of_files(OTHERS_WRITE)
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


    def ids(self, path):
        return [row["_id"] for row in self.views.get(path).json()["history"]]

    def links(self, answer):
        """rel → target, of the header; the body says the same."""
        header = answer.headers["Link"] or ""
        found = {rel: link for link, rel in re.findall('<([^>]*)>; rel="([a-z]+)"', header)}
        body = answer.json()
        self.assertEqual(found, {rel: body[rel] for rel in ("next", "prev") if rel in body})
        return found

    def walk(self, path, rel):
        pages = []
        while path:
            answer = self.views.get(path)
            self.assertEqual(answer.status, 200, answer.body)
            pages.append([row["_id"] for row in answer.json()["history"]])
            path, last = self.links(answer).get(rel), path
        return pages, last

    def test_the_pages_lead_forward_and_back_the_same_way(self):
        self.store(*map(view, range(23)))
        for what in ("", "&order=asc", "&userId=u1", "&since=2026-01-01T00:03:00Z"):
            with self.subTest(what):
                whole = self.ids("/history?limit=1000" + what)
                there, end = self.walk("/history?limit=5" + what, "next")
                self.assertEqual(sum(there, []), whole)
                self.assertNotIn("prev", self.views.get("/history?limit=5" + what).json())
                back, begin = self.walk(end, "prev")
                self.assertEqual(back, there[::-1])
                again, _ = self.walk(begin, "next")
                self.assertEqual(again, there)

    def test_the_page_before_a_skipped_one_is_led_to(self):
        self.store(*map(view, range(10)))
        page = self.views.get("/history?skip=4&limit=2")
        whole = self.ids("/history")
        self.assertEqual(self.ids(self.links(page)["prev"]), whole[2:4])

    def test_a_session_s_views_are_found_among_the_others(self):
        session = str(uuid.UUID(int=7))
        self.store(*(view(n, **({"sessionId": session} if n % 5 == 0 else {})) for n in range(20)))
        wanted = [view(n)["id"] for n in (15, 10, 5, 0)]
        pages, _ = self.walk(f"/history?limit=3&sessionId={session}", "next")
        self.assertEqual(sum(pages, []), wanted)
        self.assertEqual(self.ids(f"/history?sessionId={session}&userId=u1"), wanted[::2])
        self.assertEqual(self.ids(f"/history?sessionId={uuid.UUID(int=8)}"), [])

    def test_a_total_is_told_only_to_who_asks(self):
        self.store(*map(view, range(10)))
        for query, total in (
            ("total=true", 10), ("total=true&userId=u1&limit=1", 5),
            ("total=true&since=2026-01-01T00:07:00Z", 3),
            ("total=true&until=2026-01-01T00:07:00Z&order=asc", 7), ("limit=1", None),
            ("total=true&userId=nobody", 0),
        ):
            with self.subTest(query):
                page = self.views.get("/history?" + query).json()
                self.assertEqual(page.get("total"), total)
                if "next" in page:
                    self.assertEqual(self.views.get(page["next"]).json().get("total"), total)

    def test_only_the_fields_that_were_asked_for_are_told(self):
        self.store(view(0, position=1.5), view(1))
        page = self.views.get("/history?fields=position,_id,sessionId&limit=1").json()
        self.assertEqual(page["history"], [{"_id": view(1)["id"]}])
        rest = self.views.get(page["next"]).json()["history"]
        self.assertEqual(rest, [{"_id": view(0)["id"], "position": 1.5}])
        none = self.views.get("/history?fields=sessionId").json()["history"]
        self.assertEqual(none, [{}, {}])

    def test_an_export_has_all_rows_as_the_pages_have_them(self):
        names = ['plain', 'a "quoted", one', "käse"]
        views = [view(n, userId=names[n % 3]) for n in range(450)]
        self.store(*views)
        rows = self.views.get("/history?limit=1000").json()["history"]
        self.assertEqual(len(rows), 450)
        lines = self.views.get("/history?format=ndjson")
        self.assertEqual(lines.headers["Content-Type"], "application/x-ndjson")
        self.assertEqual([json.loads(line) for line in lines.text().splitlines()], rows)
        answer = self.views.get("/history", headers={"Accept": "text/csv, */*;q=0.1"})
        self.assertEqual(answer.headers["Content-Type"].split(";")[0], "text/csv")
        table = list(csv.DictReader(io.StringIO(answer.text(), newline="")))
        self.assertEqual([row["_id"] for row in table], [row["_id"] for row in rows])
        for line, row in zip(table, rows):
            self.assertEqual(line["userId"], row["userId"])
            self.assertEqual(line["video"], row["video"]["id"])
            self.assertEqual(line["viewedAt"], row["viewedAt"])
        few = self.views.get("/history?format=ndjson&limit=3&skip=2&fields=_id&order=asc")
        self.assertEqual(
            [json.loads(line)["_id"] for line in few.text().splitlines()],
            [one["id"] for one in views[2:5]],
        )
        head = self.views.get("/history?format=csv&fields=_id,userId&limit=1&userId=nobody")
        self.assertEqual(head.body, b"_id,userId\r\n")

    def test_head_tells_what_get_would(self):
        self.store(*map(view, range(3)))
        for path in ("/history?limit=1", "/history?format=ndjson"):
            get = self.views.get(path)
            head = request("HEAD", self.views.url(path))
            self.assertEqual((head.status, head.body), (200, b""))
            for name in ("Content-Type", "ETag", "Link", "Cache-Control", "Vary"):
                self.assertEqual(head.headers[name], get.headers[name], name)

    def test_what_cannot_be_is_refused_in_words(self):
        for query, word in (
            ("fields=", "fields"), ("fields=_id,_id", "fields"), ("fields=nothing", "fields"),
            ("format=xml", "format"), ("total=1", "total"),
            (f"total=true&sessionId={uuid.UUID(int=1)}", "total"), ("sessionId=7", "sessionId"),
            ("format=ndjson&limit=1001", "limit"), ("format=csv&cursor=x", "cursor"),
        ):
            answer = self.views.get("/history?" + query)
            self.assertEqual(answer.status, 400, query)
            self.assertIn(word, answer.json()["detail"])


if __name__ == "__main__":
    unittest.main()
