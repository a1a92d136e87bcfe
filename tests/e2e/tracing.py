"""A request's traceparent goes with its view: outbox, message, row, logs."""

import csv
import io
import json
import os
import unittest

from support.amqp import DEAD_QUEUE, bind_exclusive, channel_to, publish, take
from support.claims import Claims
from support.service import run
from support.waiting import eventually
from support.web import raw_exchange, request

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OTHER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
NONE_OF_THEM = (
    "",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
    TRACE.upper(),
    "01" + TRACE[2:],
    "00-" + 32 * "0" + "-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-" + 16 * "0" + "-01",
    TRACE + "," + OTHER,
    '"><script>alert(1)</script>',
    "x" * 2000,
)


class Tracing(Claims):
    def watch(self, videos, trace=TRACE):
        """Loads a video, as a client does that reports nothing."""
        return videos.get("/video", headers={"traceparent": trace} if trace else {})

    def report(self, videos, trace=TRACE, **more):
        """Reports until the view counts, which takes 10 s of playing."""
        viewer = videos.get("/viewer").headers["Set-Cookie"].split(";")[0]
        video = videos.get("/videos").json()["videos"][0]["id"]
        videos.get(f"/video?id={video}&reports=1", headers={"Cookie": viewer})
        headers = {"Cookie": viewer, "traceparent": trace, **more}

        def counted():
            report = {"videoId": video, "position": 11, "played": 10.5, "duration": 30}
            return videos.post("/progress", report, headers=dict(headers)).json()["counted"]

        eventually(counted, 30)
        return viewer.split("=")[1].split(".")[0]

    def rows(self, views, count):
        return eventually(lambda: len(views.rows()) == count and views.rows())

    def test_what_a_players_requests_carry_is_in_the_rows(self):
        rabbit = self.vhost()
        views, videos = self.history(rabbit), self.streaming(rabbit)
        self.watch(videos)
        self.assertEqual([row["traceparent"] for row in self.rows(views, 1)], [TRACE])
        viewer = self.report(videos, OTHER)
        row = eventually(lambda: views.rows(userId=viewer))[0]
        self.assertEqual((row["rule"], row["traceparent"]), ("played", OTHER))
        self.assertEqual(views.get("/history/" + row["_id"]).json(), row)

    def test_the_message_has_it_in_a_header_and_in_its_body(self):
        rabbit = self.vhost()
        videos = self.streaming(rabbit)
        with channel_to(rabbit) as channel:
            queue = bind_exclusive(channel)
            for trace in (TRACE, None):
                self.watch(videos, trace)
                properties, body = eventually(lambda: take(channel, queue))
                self.assertEqual(properties.headers.get("traceparent"), trace)
                self.assertEqual(json.loads(body).get("traceparent"), trace)

    def test_it_waits_in_the_outbox_while_the_broker_is_away(self):
        broker = self.own_broker()
        views = self.history(broker.url)
        videos = self.streaming(broker.url)
        broker.stop_gracefully()
        self.watch(videos)
        videos.wait_log("broker not reached")
        eventually(lambda: "streaming_outbox_views 1\n" in videos.get("/metrics").text())
        videos.kill()
        broker.start_again()
        videos.start()
        self.assertEqual([row["traceparent"] for row in self.rows(views, 1)], [TRACE])

    def test_without_one_and_with_a_malformed_one_none_is_made(self):
        rabbit = self.vhost()
        views, videos = self.history(rabbit), self.streaming(rabbit)
        for trace in (None, *NONE_OF_THEM):
            self.assertEqual(self.watch(videos, trace).status, 200)
        for row in self.rows(views, 1 + len(NONE_OF_THEM)):
            self.assertNotIn("traceparent", row)

    def test_two_of_them_are_none(self):
        views = self.history(self.vhost())
        body = b'{"videoPath":"./v.mp4"}'
        for fields in (f"traceparent: {TRACE}\r\nTraceparent: {TRACE}\r\n",
                       f"traceparent: {TRACE}\r\n"):
            head = (f"POST /viewed HTTP/1.1\r\nHost: h\r\n{fields}"
                    "Content-Type: application/json\r\nConnection: close\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n")
            self.assertIn(b" 200 ", raw_exchange(views.port, head.encode() + body))
        told = [row.get("traceparent") for row in views.rows()]
        self.assertEqual(sorted(told, key=str), [TRACE, None])

    def test_direct_messages_have_their_own_or_the_requests(self):
        views = self.history(self.vhost())
        view = {"videoPath": "./v.mp4"}
        for body, headers, expected in (
            ({**view, "traceparent": TRACE}, {}, TRACE),
            (view, {"traceparent": OTHER}, OTHER),
            ({**view, "traceparent": TRACE}, {"traceparent": OTHER}, TRACE),
            ({**view, "traceparent": "7"}, {"traceparent": OTHER}, OTHER),
            ({**view, "traceparent": {"a": 1}}, {}, None),
            ({**view, "traceparent": None}, {}, None),
        ):
            answer = views.post("/viewed", body, headers=headers)
            self.assertEqual(answer.status, 200)
            row = views.get("/history/" + answer.json()["id"]).json()
            self.assertEqual(row.get("traceparent"), expected)
        batch = [view, {**view, "traceparent": TRACE}]
        answer = views.post("/viewed", batch, headers={"traceparent": OTHER}).json()
        told = [views.get("/history/" + one["id"]).json()["traceparent"]
                for one in answer["views"]]
        self.assertEqual(told, [OTHER, TRACE])

    def test_a_header_of_another_publisher_is_taken_too(self):
        rabbit = self.vhost()
        views = self.history(rabbit)
        with channel_to(rabbit) as channel:
            publish(channel, {"videoPath": "./v.mp4"}, headers={"traceparent": TRACE})
            publish(channel, {"videoPath": "./v.mp4"}, headers={"traceparent": "7" * 300})
            publish(channel, {"videoPath": "./v.mp4"}, headers={"traceparent": 7})
        told = [row.get("traceparent") for row in self.rows(views, 3)]
        self.assertEqual(sorted(told, key=str), [TRACE, None, None])

    def test_exports_pages_and_chosen_fields_tell_it(self):
        views = self.history(self.vhost())
        views.post("/viewed", {"videoPath": "./v.mp4", "traceparent": TRACE})
        views.post("/viewed", {"videoPath": "./w.mp4"})
        lines = views.get("/history?format=ndjson&order=asc").text().splitlines()
        self.assertEqual([json.loads(line).get("traceparent") for line in lines], [TRACE, None])
        table = views.get("/history?format=csv&order=asc").text()
        told = [row["traceparent"] for row in csv.DictReader(io.StringIO(table))]
        self.assertEqual(told, [TRACE, ""])
        page = views.get("/history?fields=traceparent&order=asc").json()["history"]
        self.assertEqual(page, [{"traceparent": TRACE}, {}])

    def test_an_export_that_is_imported_elsewhere_keeps_it(self):
        views = self.history(self.vhost())
        views.post("/viewed", {"videoPath": "./v.mp4", "userId": "anna", "traceparent": TRACE})
        file = os.path.join(self.folder, "views.ndjson")
        with open(file, "wb") as out:
            out.write(views.get("/history?format=ndjson").body)
        other = self.other_store("other.db")
        done = run("history", "import", file, env={"HISTORY_DB": other, "PORT": "1"})
        self.assertEqual(done.returncode, 0, done.stderr)
        there = self.history(self.vhost(), HISTORY_DB=other)
        self.assertEqual([row["traceparent"] for row in there.rows()], [TRACE])

    def test_a_removed_view_is_restored_with_it(self):
        views = self.history(self.vhost())
        view = views.post("/viewed", {"videoPath": "./v.mp4", "traceparent": TRACE}).json()["id"]
        for method, path in (("DELETE", ""), ("POST", "/restore")):
            self.assertEqual(request(method, views.url(f"/history/{view}{path}")).status, 200)
        self.assertEqual(views.get(f"/history/{view}").json()["traceparent"], TRACE)

    def test_a_dead_letter_keeps_it_and_tells_it(self):
        rabbit = self.vhost()
        views = self.history(rabbit, ADMIN_API="on")
        for trace, told in ((TRACE, TRACE), ("\x1b[31m\nforged", None)):
            with channel_to(rabbit) as channel:
                publish(channel, b"poison", headers={"traceparent": trace})
            letter = eventually(lambda: views.get("/dead").json()["letters"])[0]
            self.assertEqual(letter.get("traceparent"), told)
            self.assertTrue(views.wait_log(f"cannot be a view.*traceparent={told or ''}"))
            # It comes back with it, and as the same letter.
            again = views.post("/dead/retry", {"ids": [letter["id"]]}).json()
            self.assertEqual(again["letters"][0]["outcome"], "done")
            with channel_to(rabbit) as channel:
                properties, _ = eventually(lambda: take(channel, DEAD_QUEUE))
            self.assertEqual(properties.headers["x-retries"], 1)
            self.assertEqual(properties.headers.get("traceparent"), told)
        self.assertNotIn("forged", views.log())

    def test_debug_logs_follow_a_view_by_it(self):
        rabbit = self.vhost()
        views = self.history(rabbit, LOG_LEVEL="debug")
        videos = self.streaming(rabbit, LOG_LEVEL="debug")
        self.watch(videos)
        view = self.rows(views, 1)[0]["_id"]
        self.assertTrue(videos.wait_log(f"view counted id={view} .*traceparent={TRACE}"))
        self.assertTrue(views.wait_log(f"view taken id={view} outcome=stored traceparent={TRACE}"))

    def test_a_replay_brings_it_back(self):
        rabbit = self.vhost()
        views, videos = self.history(rabbit), self.streaming(rabbit)
        self.watch(videos)
        with channel_to(rabbit) as channel:
            publish(channel, {"id": "019c1234-5678-7abc-8def-0123456789ab",
                              "videoPath": "./v.mp4"}, headers={"traceparent": OTHER})
        before = self.rows(views, 2)
        views.stop()
        other = self.history(rabbit, HISTORY_DB=self.other_store("other.db"))
        other.stop()
        done = run("history", "replay", "--from", "2020-01-01T00:00:00Z",
                   env={"RABBIT": rabbit, "HISTORY_DB": other.settings["HISTORY_DB"]})
        self.assertEqual(done.returncode, 0, done.stderr)
        other.start()
        told = {row["_id"]: row["traceparent"] for row in other.rows()}
        self.assertEqual(told, {row["_id"]: row["traceparent"] for row in before})


if __name__ == "__main__":
    unittest.main()
