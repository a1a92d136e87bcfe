"""Bad HTTP input gets a 4xx that names the fault, and harms nobody else."""

import concurrent.futures
import re
import shutil
import socket
import tempfile
import time
import unittest

from support.claims import Claims
from support.ports import free_port
from support.service import History, Streaming
from support.waiting import eventually
from support.web import raw_exchange, request, status_of

CUT_S_MAX = 25  # the longest deadline is 15 s
JSON = {"Content-Type": "application/json"}
SAMPLE = "SampleVideo_1280x720_1mb.mp4"
VIEW = b'{"videoPath":"./v.mp4"}'
PROGRESS = f'{{"videoId":"{SAMPLE}","position":1,"played":1,"duration":30}}'.encode()


def post(body, **headers):
    return {"method": "POST", "body": body, "headers": headers or JSON}


# (path, how, status, a word that the detail must have)
HISTORY_CASES = [
    ("/nowhere", {}, 404, "path"),
    ("/history/", {}, 404, ""),
    ("/history?limits=1", {}, 400, "limits"),
    ("/history?limit=1&limit=2", {}, 400, "limit"),
    ("/history?limit=0", {}, 400, "limit"),
    ("/history?limit=1001", {}, 400, "1000"),
    ("/history?limit=-1", {}, 400, "limit"),
    ("/history?limit=ten", {}, 400, "limit"),
    ("/history?limit=1e2", {}, 400, "limit"),
    ("/history?limit=99999999999999999999", {}, 400, "limit"),
    ("/history?limit=", {}, 400, "limit"),
    ("/history?limit", {}, 400, "limit"),
    ("/history?skip=-1", {}, 400, "skip"),
    ("/history?skip=1000001", {}, 400, "1000000"),
    ("/history?order=up", {}, 400, "order"),
    ("/history?since=yesterday", {}, 400, "since"),
    ("/history?until=2026-02-30T00:00:00Z", {}, 400, "until"),
    ("/history?cursor=abc", {}, 400, "cursor"),
    ("/history?cursor=%00", {}, 400, "cursor"),
    ("/history?userId=", {}, 400, "userId"),
    ("/history?userId=" + "u" * 129, {}, 400, "userId"),
    ("/history?userId=" + "u" * 1100, {}, 400, "userId"),
    ("/history?userId=%ff", {}, 400, "userId"),
    ("/history?userId=%zz", {}, 400, "userId"),
    ("/history?userId=a%00b", {}, 400, "userId"),
    ("/history?" + "&".join(f"p{n}=1" for n in range(40)), {}, 400, "parameter"),
    ("/history/stream?limit=1", {}, 400, "limit"),
    ("/history/stream?userId=", {}, 400, "userId"),
    ("/history/stream?userId=" + "u" * 129, {}, 400, "userId"),
    ("/history/stream?videoId=" + "v" * 257, {}, 400, "videoId"),
    ("/history/stream?sessionId=7", {}, 400, "sessionId"),
    ("/history/stream?lastEventId=7", {}, 400, "lastEventId"),
    ("/history/stream?lastEventId=" + "s" + "f" * 32, {}, 400, "lastEventId"),
    ("/history?videoId=" + "v" * 257, {}, 400, "videoId"),
    ("/history?updatedSince=now", {}, 400, "updatedSince"),
    ("/history?updatedSince=2026-01-01T00:00:00Z&skip=1", {}, 400, "skip"),
    ("/history?updatedSince=2026-01-01T00:00:00Z&format=csv", {}, 400, "format"),
    ("/history?updatedSince=2026-01-01T00:00:00Z&limit=0", {}, 400, "limit"),
    (
        "/history?updatedSince=2026-01-01T00:00:00Z&cursor=d" + "0" * 32 + "1",
        {},
        400,
        "cursor",
    ),
    (
        "/history?updatedSince=2026-01-01T00:00:00Z&cursor=c" + "7" * 32 + "3",
        {},
        400,
        "another",
    ),
    ("/history?cursor=c" + "0" * 32 + "3", {}, 400, "cursor"),
    ("/continue", {}, 400, "userId"),
    ("/continue?userId=", {}, 400, "userId"),
    ("/continue?userId=u&limit=101", {}, 400, "100"),
    ("/continue?userId=u&videoId=v", {}, 400, "videoId"),
    ("/continue?userId=u", {"method": "DELETE"}, 400, "videoId"),
    ("/recording", {}, 400, "userId"),
    ("/recording?userId=u", {"method": "PUT", "body": "{", "headers": JSON}, 400, "byte"),
    ("/retention?userId=u", {"method": "PUT", "body": "{}"}, 415, "json"),
    ("/retention?userId=u&userId=v", {}, 400, "userId"),
    ("/retention?userId=u", {"method": "PUT", "body": " " * 1025}, 413, "1024"),
    ("/continue?videoId=v", {"method": "DELETE"}, 400, "userId"),
    ("/stats/plays?by=week", {}, 400, "hour"),
    ("/stats/plays?since=yesterday", {}, 400, "since"),
    ("/stats/plays?by=hour&since=2026-01-01T00:00:00Z&until=2026-03-01T00:00:00Z", {}, 400, "1000"),
    ("/stats/videos?limit=101", {}, 400, "100"),
    ("/stats/videos?videoId=v", {}, 400, "videoId"),
    ("/stats/user", {}, 400, "userId"),
    ("/history", {"method": "PUT"}, 405, "PUT"),
    ("/history?userId=u1", {"method": "DELETE"}, 403, "ADMIN_API"),
    ("/history", post(b"{}"), 405, "POST"),
    ("/viewed", {}, 405, "GET"),
    ("/healthz?x=1", {}, 400, "x"),
    ("/readyz?x=1", {}, 400, "x"),
    ("/metrics?x=1", {}, 400, "x"),
    ("/openapi.yaml?x=1", {}, 400, "x"),
    ("/?x=1", {}, 400, "x"),
    ("/history/7?x=1", {}, 400, "x"),
    ("/history/7", {}, 404, "id"),
    ("/history/019c1234-5678-7abc-8def-0123456789ab", {}, 404, "id"),
    ("/viewed?x=1", post(VIEW), 400, "x"),
    ("/viewed", post(VIEW, **{"Content-Type": "text/csv"}), 415, "json"),
    ("/viewed", post(VIEW, **{"X-None": "1"}), 415, "json"),
    ("/viewed", post(VIEW, **JSON, **{"Content-Encoding": "gzip"}), 415, "Content-Encoding"),
    ("/viewed", post(b""), 400, "JSON"),
    ("/viewed", post(b"{"), 400, "JSON"),
    ("/viewed", post(b"[]"), 400, "500"),
    ("/viewed", post(b"[" + b"{}," * 500 + b"{}]"), 400, "500"),
    ("/viewed", post(b"[{}"), 400, "JSON"),
    ("/viewed", post(b" " * 300000), 413, "262144"),
    ("/viewed", post(b"\n", **{"Content-Type": "application/x-ndjson"}), 400, "500"),
    ("/viewed", post(b"{}"), 400, "video"),
    ("/viewed", post(b'{"videoPath":7}'), 400, "videoPath"),
    ("/viewed", post(b'{"videoPath":"./\xff"}'), 400, "UTF-8"),
    ("/viewed", post(b'{"videoPath":"./v","id":"7"}'), 400, "id"),
    ("/viewed", post(b'{"videoPath":"' + b"v" * 17000 + b'"}'), 413, "16384"),
]

STREAMING_CASES = [
    ("/nowhere", {}, 404, "path"),
    ("/videos?x=1", {}, 400, "x"),
    ("/viewer?x=1", {}, 400, "x"),
    ("/healthz?x=1", {}, 400, "x"),
    ("/readyz?x=1", {}, 400, "x"),
    ("/metrics?x=1", {}, 400, "x"),
    ("/openapi.yaml?x=1", {}, 400, "x"),
    ("/video?x=1", {}, 400, "x"),
    ("/video?id=a&id=b", {}, 400, "id"),
    ("/video?reports=2", {}, 400, "reports"),
    ("/video?id=" + "v" * 1100, {}, 400, "id"),
    ("/video?id=" + "v" * 300, {}, 404, "video"),
    ("/video?id=none.mp4", {}, 404, "video"),
    ("/video", {"method": "DELETE"}, 405, "DELETE"),
    ("/video", {"headers": {"Range": "bytes=99999999-"}}, 416, ""),
    ("/video", {"headers": {"If-Match": '"other"'}}, 412, ""),
    ("/progress", {}, 405, "GET"),
    ("/progress?x=1", post(PROGRESS), 400, "x"),
    ("/progress", post(PROGRESS, **{"Content-Type": "text/csv"}), 415, "json"),
    ("/progress", post(PROGRESS, **JSON, **{"Content-Encoding": "br"}), 415, "Content-Encoding"),
    ("/progress", post(b""), 400, "JSON"),
    ("/progress", post(b"{"), 400, "JSON"),
    ("/progress", post(b"[]"), 400, "object"),
    ("/progress", post(b"{}"), 400, "videoId"),
    ("/progress", post(b'{"videoId":7,"played":1}'), 400, "videoId"),
    ("/progress", post(PROGRESS.replace(b'"played":1', b'"played":"1"')), 400, "played"),
    ("/progress", post(PROGRESS.replace(b'"played":1', b'"played":-1')), 400, "played"),
    ("/progress", post(PROGRESS.replace(b'"played":1', b'"played":1e999')), 400, "played"),
    ("/progress", post(PROGRESS.replace(b"SampleVideo", b"None")), 404, "video"),
    ("/progress", post(b'{"videoId":"' + b"v" * 5000 + b'"}'), 413, "4096"),
]

# Ids that try to leave the folder, as they stand in the request line.
TRAVERSALS = [
    "../history.db",
    "..%2Fhistory.db",
    "%2e%2e%2fhistory.db",
    "..%252fhistory.db",
    "/etc/passwd",
    "%2Fetc%2Fpasswd",
    "....//....//etc/passwd",
    "..\\..\\etc\\passwd",
    "%5c..%5cpasswd",
    f"./{SAMPLE}",
    f"sub/../{SAMPLE}",
    f"{SAMPLE}/",
    f"{SAMPLE}/..",
    ".",
    "..",
    f"{SAMPLE}%20",
    f"{SAMPLE.lower()}",
    "",
]

# Requests whose length can be read in two ways, or that are none.
SMUGGLING = {
    "two lengths": b"POST /viewed HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 23\r\nContent-Length: 24\r\n\r\n" + VIEW,
    "the same length twice": b"POST /viewed HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 23\r\nContent-Length: 23\r\n\r\n" + VIEW,
    "a length and chunks": b"POST /viewed HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 23\r\nTransfer-Encoding: chunked\r\n\r\n17\r\n" + VIEW + b"\r\n0\r\n\r\n",
    "chunks and a length": b"POST /viewed HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nContent-Length: 23\r\n\r\n17\r\n" + VIEW + b"\r\n0\r\n\r\n",
    "a length that is no number": b"POST /viewed HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2x\r\n\r\n" + VIEW,
    "a length below zero": b"POST /viewed HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: -1\r\n\r\n" + VIEW,
    "a length beyond 64 bits": b"POST /viewed HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999999999999999999\r\n\r\n" + VIEW,
    "a length with a sign": b"POST /viewed HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: +23\r\n\r\n" + VIEW,
    "an encoding that is none": b"POST /viewed HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: xchunked\r\n\r\n17\r\n" + VIEW + b"\r\n0\r\n\r\n",
    "a chunk that is none": b"POST /viewed HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + VIEW + b"\r\n0\r\n\r\n",
    "no host": b"GET /history HTTP/1.1\r\nConnection: close\r\n\r\n",
    "no HTTP": b"HELLO\r\n\r\n",
    "a space before the colon": b"POST /viewed HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length : 23\r\n\r\n" + VIEW,
    "a body where none is taken": b"GET /history HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 40\r\n\r\nPOST /viewed HTTP/1.1\r\nHost: x\r\n\r\n123456",
}


class BadRequests(Claims):
    @classmethod
    def setUpClass(cls):
        # Both run without a broker: bad input is refused before it matters.
        cls.shared = tempfile.mkdtemp(prefix="flixtube-")
        nowhere = f"amqp://127.0.0.1:{free_port()}"
        cls.views = History(cls.shared, RABBIT=nowhere).start(ready=False)
        cls.videos = Streaming(cls.shared, RABBIT=nowhere).start(ready=False)
        for service in (cls.views, cls.videos):
            eventually(lambda s=service: s.get("/healthz").status == 200)

    @classmethod
    def tearDownClass(cls):
        cls.views.stop()
        cls.videos.stop()
        shutil.rmtree(cls.shared, ignore_errors=True)

    def tearDown(self):
        self.assertEqual(self.views.get("/healthz").status, 200)
        self.assertEqual(self.videos.get("/healthz").status, 200)
        self.assertEqual(self.views.rows(), [], "bad input became a view")

    def is_problem(self, answer, status, word):
        self.assertEqual(answer.status, status, answer.body)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
        problem = answer.json()
        self.assertEqual(set(problem), {"type", "title", "status", "detail"})
        self.assertEqual(problem["status"], status)
        self.assertIn(word, problem["detail"])

    def check_cases(self, service, cases):
        for path, how, status, word in cases:
            with self.subTest(path=path[:60], how=str(how)[:80]):
                answer = request(
                    how.get("method", "GET"),
                    service.url(path),
                    body=how.get("body"),
                    headers=how.get("headers"),
                )
                self.is_problem(answer, status, word)

    def test_history_names_the_fault(self):
        self.check_cases(self.views, HISTORY_CASES)

    def test_streaming_names_the_fault(self):
        self.check_cases(self.videos, STREAMING_CASES)

    def test_a_cursor_with_skip_is_refused(self):
        answer = self.views.get("/history?skip=1&cursor=abc")
        self.is_problem(answer, 400, "cursor")

    def test_a_wrong_method_is_told_the_right_ones(self):
        self.assertEqual(
            request("PUT", self.views.url("/healthz")).headers["Allow"], "GET, HEAD"
        )
        self.assertEqual(
            request("GET", self.views.url("/viewed")).headers["Allow"], "POST"
        )

    def test_ids_that_try_to_leave_the_folder_are_not_found(self):
        for name in TRAVERSALS:
            with self.subTest(name):
                raw = raw_exchange(
                    self.videos.port,
                    f"GET /video?id={name} HTTP/1.1\r\nHost: x\r\n"
                    "Connection: close\r\n\r\n".encode(),
                )
                self.assertEqual(status_of(raw), 404, raw[:200])
                self.assertNotIn(b"root:", raw)

    def test_an_id_with_a_nul_is_refused(self):
        for name in (f"{SAMPLE}%00", f"%00{SAMPLE}", "/..%2f..%2fetc/pass%00wd"):
            with self.subTest(name):
                self.is_problem(self.videos.get(f"/video?id={name}"), 400, "id")

    def test_a_path_is_never_a_file(self):
        for path in ("/../etc/passwd", "/videos/../history.db", "/%2e%2e/x", "//etc"):
            with self.subTest(path):
                raw = raw_exchange(
                    self.videos.port,
                    f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode(),
                )
                self.assertEqual(status_of(raw), 404, raw[:200])

    def test_a_request_of_two_readings_is_refused_and_cut(self):
        for name, raw_request in SMUGGLING.items():
            with self.subTest(name):
                answer = raw_exchange(self.views.port, raw_request)
                statuses = set(re.findall(rb"HTTP/1\.1 (\d+)", answer))
                self.assertLessEqual(statuses, {b"400", b"413", b"501"}, answer)

    def test_headers_over_the_limit_are_refused(self):
        raw = raw_exchange(
            self.views.port,
            b"GET /history HTTP/1.1\r\nHost: x\r\nX-Long: "
            + b"x" * 40000
            + b"\r\n\r\n",
        )
        self.assertIn(status_of(raw), (0, 413, 431), raw[:200])

    def test_a_target_over_the_limit_is_refused(self):
        raw = raw_exchange(
            self.views.port,
            b"GET /history?userId=" + b"x" * 40000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        )
        self.assertIn(status_of(raw), (0, 400, 414, 431), raw[:200])

    def seconds_until_cut(self, service, first, each):
        """Sends `each` every half second, until the server ends it."""
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", service.port)) as peer:
            peer.sendall(first)
            peer.settimeout(0.5)
            while time.monotonic() - began < CUT_S_MAX:
                try:
                    peer.sendall(each)
                    if peer.recv(65536) == b"":
                        break
                except socket.timeout:
                    continue
                except OSError:
                    break
        return time.monotonic() - began

    def test_a_slow_client_is_cut_whatever_it_is_slow_in(self):
        head = b"HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        slow = {
            "its first line": (self.views, b"GE", b"T"),
            "its headers to history": (self.views, b"GET / " + head + b"X: ", b"a"),
            "its headers to streaming": (self.videos, b"GET / " + head + b"X: ", b"a"),
            "its body": (
                self.views,
                b"POST /viewed " + head + b"Content-Length: 10000\r\n\r\n",
                b" ",
            ),
        }
        with concurrent.futures.ThreadPoolExecutor() as clients:
            took = {
                what: clients.submit(self.seconds_until_cut, *how)
                for what, how in slow.items()
            }
        for what, seconds in took.items():
            with self.subTest(what):
                self.assertLess(seconds.result(), CUT_S_MAX)


if __name__ == "__main__":
    unittest.main()
