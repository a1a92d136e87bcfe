"""The broker is killed, halted, or away for long, while people watch."""

import os
import threading
import time
import unittest

from support.claims import Claims
from support.clips import folder_with_clips
from support.waiting import eventually

# A minute shows no more than this does; FLIXTUBE_AWAY_S=60 for the real one.
AWAY_S = float(os.environ.get("FLIXTUBE_AWAY_S", "15"))
VIEWERS = 4
# RabbitMQ 3.10 writes down half a second late that a stream was made. Killed
# before, it never gets that stream back, and refuses to declare it again.
STREAM_IS_KEPT_S = 2


class Viewers:
    """People who watch a small video, each view by a new viewer, until told."""

    def __init__(self, streaming, count=VIEWERS, pause_s=0.01):
        self.streaming = streaming
        self.pause_s = pause_s
        self.accepted = []  # the viewers whose request was answered
        self.failed = []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.watch) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def watch(self):
        while not self.stopping.is_set():
            try:
                answer = self.streaming.get("/video?id=small.mp4")
                viewer = answer.headers["Set-Cookie"].split(";")[0].split("=")[1]
                (self.accepted if answer.status == 200 else self.failed).append(viewer)
            except Exception as error:
                self.failed.append(repr(error))
            time.sleep(self.pause_s)

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


class BrokerAway(Claims):
    def setUp(self):
        super().setUp()
        self.broker = self.own_broker()
        clips = folder_with_clips(self.folder, small=20000)
        self.views = self.history(self.broker.url)
        self.videos = self.streaming(self.broker.url, VIDEOS=clips)
        self.pids = (self.views.process.pid, self.videos.process.pid)
        time.sleep(STREAM_IS_KEPT_S)

    def watch_during(self, trouble):
        """Lets people watch before, in, and after the trouble; who did."""
        viewers = Viewers(self.videos)
        try:
            eventually(lambda: len(viewers.accepted) > 50)
            trouble(viewers)
            before = len(viewers.accepted)
            eventually(lambda: len(viewers.accepted) > before + 50)
        finally:
            viewers.stop()
        self.assertEqual(viewers.failed, [], "a viewer was not served")
        return viewers.accepted

    def nothing_lost_nothing_doubled(self, viewers, timeout_s=60):
        self.assertEqual(len(viewers), len(set(viewers)))
        eventually(lambda: len(self.views.rows()) >= len(viewers), timeout_s)
        rows = self.views.rows()
        self.assertEqual(len({row["_id"] for row in rows}), len(rows))
        self.assertEqual(sorted(row["userId"] for row in rows), sorted(viewers))
        self.assertEqual(
            self.pids, (self.views.process.pid, self.videos.process.pid)
        )
        self.assertTrue(self.views.is_running() and self.videos.is_running())
        self.views.wait_ready()
        self.videos.wait_ready()

    def test_killed_and_started_again_under_load(self):
        def trouble(_):
            for _ in range(2):
                self.broker.kill()
                self.broker.start_again()

        self.nothing_lost_nothing_doubled(self.watch_during(trouble))

    def test_away_for_long_while_people_watch(self):
        def trouble(viewers):
            self.broker.kill()
            before = len(viewers.accepted)
            eventually(lambda: self.videos.get("/readyz").json()["reasons"])
            time.sleep(AWAY_S)
            self.assertGreater(len(viewers.accepted), before + 50)
            self.broker.start_again()

        self.nothing_lost_nothing_doubled(self.watch_during(trouble))

    def test_streaming_restarted_while_the_broker_is_away(self):
        viewers = Viewers(self.videos)
        try:
            eventually(lambda: len(viewers.accepted) > 20)
            self.broker.kill()
            before = len(viewers.accepted)
            eventually(lambda: len(viewers.accepted) > before + 20)
        finally:
            viewers.stop()
        self.videos.stop()
        self.videos.start(ready=False)
        self.pids = (self.views.process.pid, self.videos.process.pid)
        self.broker.start_again()
        self.nothing_lost_nothing_doubled(viewers.accepted)

    def test_halted_without_a_word(self):
        def trouble(viewers):
            self.broker.halt()
            before = len(viewers.accepted)
            time.sleep(AWAY_S / 3)
            self.broker.go_on()
            self.assertGreater(len(viewers.accepted), before + 50)

        self.nothing_lost_nothing_doubled(self.watch_during(trouble))


if __name__ == "__main__":
    unittest.main()
