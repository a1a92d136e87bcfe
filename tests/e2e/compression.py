"""Answers as gzip, where the client takes it and it pays; never a video."""

import gzip
import itertools
import json
import os
import re
import socket
import unittest
import uuid

from support.claims import Claims
from support.stores import OTHERS_WRITE, of_files
from support.web import raw_exchange, request

GZIP = {"Accept-Encoding": "gzip"}
FIXED = {  # those that are long enough, and the same each time
    "history": ("/", "/page.css", "/page.js", "/parts.js", "/rows.js", "/overview.js", "/operator", "/operator.css",
                "/operator.js", "/openapi.yaml", "/openapi.json", "/docs", "/docs.css"),
    "streaming": ("/", "/page.css", "/page.js", "/openapi.yaml", "/openapi.json", "/docs",
                  "/docs.css"),
}
MANY = 30000  # rows of an export: 5.6 MB


def views(count, **more):
    return [{"id": str(uuid.UUID(int=number + 1, version=4)), "userId": "anna",
             "video": {"id": "a.mp4"}, "viewedAt": f"2026-01-31T12:00:{number % 60:02}Z",
             "videoPath": "./videos/a.mp4", **more} for number in range(count)]


class Compression(Claims):
    def store(self, service, count):
        for batch in itertools.zip_longest(*[iter(views(count))] * 400):
            rows = [view for view in batch if view]
            answer = service.post("/viewed", rows)
            self.assertEqual(answer.json()["refused"], 0)

    def coded(self, answer):
        return answer.headers["Content-Encoding"]

    def assert_same_when_expanded(self, service, path):
        plain, small = service.get(path), service.get(path, headers=dict(GZIP))
        self.assertEqual((plain.status, small.status), (200, 200), path)
        self.assertIsNone(self.coded(plain), path)
        self.assertEqual(self.coded(small), "gzip", path)
        for answer in (plain, small):
            self.assertIn("Accept-Encoding", ", ".join(answer.headers.get_all("Vary")), path)
        self.assertEqual(small.headers["Content-Type"], plain.headers["Content-Type"])
        self.assertLess(len(small.body), len(plain.body) / 1.5, path)
        self.assertEqual(gzip.decompress(small.body), plain.body, path)
        return small

    def test_pages_documents_and_numbers_are_the_same_when_expanded(self):
        rabbit = self.vhost()
        for service in (self.history(rabbit), self.streaming(rabbit)):
            for path in FIXED[service.name]:
                first = self.assert_same_when_expanded(service, path)
                again = service.get(path, headers=dict(GZIP))
                self.assertEqual(again.body, first.body)  # it is kept
                head = self.head(service, path)
                self.assertEqual(self.coded(head), "gzip")
                self.assertEqual(int(head.headers["Content-Length"]), len(first.body))
            numbers = service.get("/metrics", headers=dict(GZIP))
            self.assertEqual(self.coded(numbers), "gzip")
            self.assertIn(b"# HELP", gzip.decompress(numbers.body))

    def head(self, service, path):
        return request("HEAD", service.url(path), headers=dict(GZIP))

    def test_lists_and_exports_are_the_same_when_expanded(self):
        service = self.history(self.vhost())
        self.store(service, 1000)
        for path in ("/history", "/history?userId=anna&limit=10", "/history?limit=1000",
                     "/history?updatedSince=2026-01-01T00:00:00Z", "/history?format=csv",
                     "/history?format=ndjson", "/history?format=ndjson&limit=7"):
            for _ in range(2):  # the second one is kept
                small = self.assert_same_when_expanded(service, path)
            self.assertEqual(small.headers["Cache-Control"], "private, no-cache")
        page = service.get("/history?limit=10", headers=dict(GZIP))
        self.assertIn('rel="next"', page.headers["Link"])
        following = json.loads(gzip.decompress(page.body))["next"]
        page = service.get(following, headers=dict(GZIP))
        self.assertEqual(len(json.loads(gzip.decompress(page.body))["history"]), 10)

    def test_what_fits_into_a_packet_stays_as_it_is_unless_that_is_refused(self):
        service = self.history(self.vhost())
        service.post("/viewed", {"videoPath": "./v.mp4"})
        plain = service.get("/history", headers=dict(GZIP))
        self.assertIsNone(self.coded(plain))
        self.assertIn("Accept-Encoding", plain.headers["Vary"])
        for refusal in ("gzip, identity;q=0", "gzip, *;q=0"):
            small = service.get("/history", headers={"Accept-Encoding": refusal})
            self.assertEqual(self.coded(small), "gzip")
            self.assertEqual(gzip.decompress(small.body), plain.body)
        # Nothing is acceptable: to read it may do all the same.
        for refusal in ("identity;q=0", "*;q=0", "br, identity;q=0"):
            answer = service.get("/history", headers={"Accept-Encoding": refusal})
            self.assertEqual((answer.status, self.coded(answer)), (200, None))

    def test_the_client_chooses_by_weights(self):
        service = self.history(self.vhost())
        for accept, coding in (
            ("gzip", "gzip"), ("x-gzip;q=0.1", "gzip"), ("*", "gzip"), ("br, gzip;q=0.5", "gzip"),
            ("", None), ("br", None), ("gzip;q=0", None), ("gzip;q=0, *", None),
            ("identity, gzip;q=0.9", None), ("gzip;q=7", None),
        ):
            with self.subTest(accept):
                answer = service.get("/openapi.json", headers={"Accept-Encoding": accept})
                self.assertEqual(self.coded(answer), coding)
        head = ("GET /openapi.json HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                "Accept-Encoding: br\r\naccept-encoding: gzip\r\n\r\n")
        self.assertIn(b"\r\nContent-Encoding: gzip\r\n", raw_exchange(service.port, head.encode()))
        bare = raw_exchange(service.port, b"GET /openapi.json HTTP/1.1\r\nHost: h\r\n"
                                          b"Connection: close\r\n\r\n")
        self.assertNotIn(b"Content-Encoding", bare.split(b"\r\n\r\n")[0])

    @of_files(OTHERS_WRITE)
    def test_each_coding_has_an_etag_of_its_own(self):
        service = self.history(self.vhost())
        self.store(service, 20)
        plain = service.get("/history").headers["ETag"]
        small = service.get("/history", headers=dict(GZIP)).headers["ETag"]
        self.assertNotEqual(plain, small)
        self.assertFalse(plain.startswith("W/") or small.startswith("W/"))
        alone = "gzip, identity;q=0"
        for accept, named, status, told in (
            ("", plain, 304, plain),
            ("", small, 200, plain),  # it could not read what it has
            ("", f"{small}, {plain}", 304, plain),
            ("gzip", small, 304, small),
            ("gzip", plain, 304, plain),
            ("gzip", f"{plain}, {small}", 304, small),
            ("gzip", "W/" + small, 304, small),
            ("gzip", "*", 304, small),
            ("gzip", '"other"', 200, small),
            (alone, small, 304, small),
            (alone, plain, 200, small),
            ("gzip;q=0", small, 200, plain),
        ):
            with self.subTest(accept=accept, named=named):
                headers = {"Accept-Encoding": accept, "If-None-Match": named}
                answer = service.get("/history", headers=headers)
                self.assertEqual((answer.status, answer.headers["ETag"]), (status, told))
                self.assertIn("Accept-Encoding", answer.headers["Vary"])
                self.assertEqual(self.coded(answer),
                                 "gzip" if status == 200 and told == small else None)
        service.post("/viewed", {"videoPath": "./v.mp4", "userId": "anna"})
        for accept, named in (("", plain), ("gzip", small), ("gzip", f"{plain}, {small}")):
            headers = {"Accept-Encoding": accept, "If-None-Match": named}
            self.assertEqual(service.get("/history", headers=headers).status, 200)

    def test_kept_answers_of_both_codings_are_never_mixed_up(self):
        service = self.history(self.vhost())
        self.store(service, 30)
        accepts = ("", "gzip", "gzip, identity;q=0")
        for number in range(5):
            for accept in accepts + accepts[::-1]:
                answer = service.get("/history", headers={"Accept-Encoding": accept})
                body = gzip.decompress(answer.body) if self.coded(answer) else answer.body
                self.assertEqual(bool(self.coded(answer)), bool(accept))
                self.assertEqual(len(json.loads(body)["history"]), 30 + number)
            service.post("/viewed", {"videoPath": "./v.mp4"})

    def memory_kb(self, service):
        with open(f"/proc/{service.process.pid}/status") as status:
            return int(re.search(r"VmHWM:\s+(\d+)", status.read()).group(1))

    def test_a_long_export_is_compressed_as_it_is_read(self):
        # Else a sanitizer keeps what was freed.
        options = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
        service = self.history(self.vhost(), READERS=1, ASAN_OPTIONS=options)
        self.store(service, MANY)
        service.get("/history?format=ndjson")  # fills the reader's pages
        before = self.memory_kb(service)
        small = service.get("/history?format=ndjson", headers=dict(GZIP))
        grown = self.memory_kb(service) - before
        lines = gzip.decompress(small.body).splitlines()
        self.assertEqual(len({json.loads(line)["_id"] for line in lines}), MANY)
        plain_kb = sum(map(len, lines)) // 1024
        self.assertGreater(plain_kb, 5000)
        self.assertLess(grown, 1000)

    def test_a_reader_that_leaves_a_compressed_export_harms_nobody(self):
        service = self.history(self.vhost())
        self.store(service, 4000)
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", service.port)) as peer:
                peer.sendall(b"GET /history?format=csv HTTP/1.1\r\nHost: h\r\n"
                             b"Accept-Encoding: gzip\r\n\r\n")
                peer.recv(100)
        self.assert_same_when_expanded(service, "/history?format=csv&limit=100")

    def test_videos_events_and_errors_are_never_compressed(self):
        rabbit = self.vhost()
        service, videos = self.history(rabbit), self.streaming(rabbit)
        video = videos.get("/videos").json()["videos"][0]
        for headers, status in (({}, 200), ({"Range": "bytes=0-99999"}, 206)):
            answer = videos.get("/video", headers={**headers, "Accept-Encoding": "gzip, *;q=0"})
            self.assertEqual((answer.status, self.coded(answer)), (status, None))
            self.assertIsNone(answer.headers["Vary"])
        self.assertEqual(len(videos.get("/video", headers=dict(GZIP)).body), video["bytes"])
        for path in ("/nowhere", "/history?limit=0", "/history/7"):
            answer = service.get(path, headers={"Accept-Encoding": "gzip, identity;q=0"})
            self.assertIsNone(self.coded(answer))
            self.assertIn("title", answer.json())
        with socket.create_connection(("127.0.0.1", service.port), timeout=20) as peer:
            peer.sendall(b"GET /history/stream HTTP/1.1\r\nHost: h\r\n"
                         b"Accept-Encoding: gzip\r\n\r\n")
            head = b""
            while b"\r\n\r\n" not in head:
                head += peer.recv(4096)
        self.assertIn(b"text/event-stream", head)
        self.assertNotIn(b"Content-Encoding", head)

    def test_a_body_that_is_compressed_is_refused_unread(self):
        service = self.history(self.vhost())
        bomb = gzip.compress(b" " * 50_000_000)
        self.assertLess(len(bomb), 60_000)
        before = self.memory_kb(service)
        for coding in ("gzip", "x-gzip", "deflate", "br", "gzip, gzip"):
            answer = service.post("/viewed", bomb, headers={
                "Content-Type": "application/json", "Content-Encoding": coding})
            self.assertEqual(answer.status, 415, coding)
            self.assertEqual(answer.headers["Accept-Encoding"], "identity")
            self.assertIn("Content-Encoding", answer.json()["detail"])
        self.assertLess(self.memory_kb(service) - before, 20_000)
        plain = service.post("/viewed", b'{"videoPath":"./v.mp4"}', headers={
            "Content-Type": "application/json", "Content-Encoding": "identity"})
        self.assertEqual(plain.status, 200)

    def test_pages_of_other_origins_are_told_apart_too(self):
        service = self.history(self.vhost(), CORS_ORIGINS="http://a.example")
        self.store(service, 10)
        answer = service.get("/history", headers={**GZIP, "Origin": "http://a.example"})
        self.assertEqual(", ".join(answer.headers.get_all("Vary")),
                         "Accept, Accept-Encoding, Origin")
        self.assertEqual(self.coded(answer), "gzip")


if __name__ == "__main__":
    unittest.main()
