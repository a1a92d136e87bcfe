"""What a client that only fetches bytes adds to the history."""

import hashlib
import os
import subprocess
import unittest

from support.broker import ROOT
from support.claims import Claims
from support.waiting import eventually
from support.web import request


def curl(*arguments):
    return subprocess.run(
        ["curl", "--silent", "--show-error", *arguments],
        check=True,
        capture_output=True,
        timeout=60,
    ).stdout


class WatchingByHttp(Claims):
    def setUp(self):
        super().setUp()
        rabbit = self.vhost()
        self.views = self.history(rabbit)
        self.videos = self.streaming(rabbit)
        self.first = self.videos.get("/videos").json()["videos"][0]
        self.file = os.path.join(ROOT, "videos", self.first["id"])

    def one_more_view(self, before):
        """Watches once, and gives the rows when that view is there.

        Views arrive in the order in which they were accepted, so whatever an
        earlier request added is there by then too.
        """
        answer = self.videos.get("/video")
        viewer = answer.headers["Set-Cookie"].split(";")[0].split("=")[1]
        eventually(lambda: self.views.rows(userId=viewer))
        return [row for row in self.views.rows() if row not in before]

    def test_a_plain_get_gives_the_whole_file_and_exactly_one_view(self):
        copy = os.path.join(self.folder, "v.mp4")
        curl(self.videos.url("/video"), "-o", copy)
        with open(copy, "rb") as got, open(self.file, "rb") as sample:
            self.assertEqual(
                hashlib.sha256(got.read()).digest(),
                hashlib.sha256(sample.read()).digest(),
            )
        rows = eventually(self.views.rows)
        self.assertEqual(len(rows), 1)
        self.assertEqual(rows[0]["rule"], "bytes")
        self.assertEqual(rows[0]["video"], {"id": self.first["id"]})
        self.assertEqual(rows[0]["videoPath"], "./videos/" + self.first["id"])
        self.assertEqual(len(self.one_more_view(rows)), 1)

    def test_head_adds_no_view(self):
        for _ in range(3):
            head = curl("-I", self.videos.url("/video")).decode()
            self.assertIn(f"Content-Length: {os.path.getsize(self.file)}", head)
        self.assertEqual(len(self.one_more_view([])), 1)

    def test_ten_ranges_add_no_view(self):
        for at in range(10):
            part = curl("-r", f"{at}000-{at}999", self.videos.url("/video"))
            self.assertEqual(len(part), 1000)
        self.assertEqual(len(self.one_more_view([])), 1)

    def test_the_same_range_again_and_again_by_one_viewer_adds_no_view(self):
        jar = os.path.join(self.folder, "jar")
        for _ in range(10):
            curl("-b", jar, "-c", jar, "-r", "0-199999", self.videos.url("/video"))
        self.assertEqual(len(self.one_more_view([])), 1)

    def test_ranges_that_make_up_the_file_are_one_view(self):
        jar = os.path.join(self.folder, "jar")
        for first in range(0, self.first["bytes"], 100000):
            curl(
                "-b", jar, "-c", jar, "-r", f"{first}-{first + 99999}",
                self.videos.url("/video"),
            )
        rows = eventually(self.views.rows)
        self.assertEqual(len(rows), 1)
        self.assertEqual(len(self.one_more_view(rows)), 1)

    def test_an_abort_adds_no_view(self):
        # Read slowly and cut off: the kernel's buffers hold some of the file,
        # which nobody has watched.
        curl_process = subprocess.Popen(
            ["curl", "--silent", "--limit-rate", "20k", self.videos.url("/video")],
            stdout=subprocess.PIPE,
        )
        self.assertEqual(len(curl_process.stdout.read(4096)), 4096)
        curl_process.kill()
        curl_process.wait()
        curl_process.stdout.close()
        self.assertEqual(len(self.one_more_view([])), 1)

    def test_a_viewer_who_comes_again_within_the_session_is_one_view(self):
        jar = os.path.join(self.folder, "jar")
        for _ in range(3):
            curl("-b", jar, "-c", jar, self.videos.url("/video"), "-o", "/dev/null")
        rows = eventually(self.views.rows)
        self.assertEqual(len(self.one_more_view(rows)), 1)
        self.assertEqual(len(self.views.rows()), 2)

    def test_a_player_that_reports_is_counted_by_what_it_played(self):
        video = self.first["id"]
        first = self.videos.get("/viewer")
        cookie = {"Cookie": first.headers["Set-Cookie"].split(";")[0]}
        viewer = first.json()["userId"]
        self.videos.get(f"/video?id={video}&reports=1", headers=cookie)
        report = {"videoId": video, "position": 0.5, "played": 0.5, "duration": 30}
        taken = self.videos.post("/progress", report, headers=dict(cookie))
        self.assertEqual((taken.status, taken.json()["counted"]), (200, False))
        self.assertEqual(len(self.one_more_view([])), 1)
        report.update(position=11.0, played=10.5)

        def counted():
            answer = self.videos.post("/progress", report, headers=dict(cookie))
            return answer.json()["counted"] and answer.json()

        answer = eventually(counted)
        rows = eventually(lambda: self.views.rows(userId=viewer))
        self.assertEqual(len(rows), 1)
        self.assertEqual(rows[0]["rule"], "played")
        self.assertEqual(rows[0]["sessionId"], answer["sessionId"])
        self.assertEqual(rows[0]["position"], 11.0)

    def test_direct_messaging_is_stored_before_it_is_answered(self):
        bare = {"videoPath": "./videos/SampleVideo_1280x720_1mb.mp4"}
        answer = self.views.post("/viewed", bare)
        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.json()["stored"])
        row = self.views.get("/history/" + answer.json()["id"])
        self.assertEqual(row.json()["videoPath"], bare["videoPath"])
        self.assertIs(row.json()["idGiven"], False)

    def test_a_view_sent_twice_by_its_id_is_stored_once(self):
        view = {"id": "019c1234-5678-7abc-8def-0123456789ab", "videoPath": "./a"}
        answers = [self.views.post("/viewed", view).json() for _ in range(2)]
        self.assertEqual([answer["stored"] for answer in answers], [True, False])
        self.assertEqual(self.views.ids(), {view["id"]})

    def test_the_documented_addresses_answer(self):
        for service in (self.videos, self.views):
            page = request("GET", service.url("/"))
            self.assertEqual(page.status, 200)
            self.assertIn("text/html", page.headers["Content-Type"])


if __name__ == "__main__":
    unittest.main()
