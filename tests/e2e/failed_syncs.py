"""The disk fails a sync: what it holds is not known, and only a new start may
say that a view is stored."""

import os
import threading
import unittest
import uuid

from support.amqp import PERSISTENT, QUEUE, channel_to, publish
from support.claims import Claims
from support.clips import folder_with_clips
from support.service import BIN
from support.waiting import eventually

SHIM = os.path.join(BIN, "libfailing_sync.so")
WORDS = "the disk has failed a sync"


class FailedSyncs(Claims):
    def setUp(self):
        super().setUp()
        self.sign = os.path.join(self.folder, "no-sync")
        self.rabbit = self.vhost()
        # ASan wants to be first in the list of libraries.
        self.shim = {
            "LD_PRELOAD": SHIM,
            "FAILING_SYNC": self.sign,
            "ASAN_OPTIONS": "verify_asan_link_order=0",
        }

    def fail_syncs(self):
        open(self.sign, "w").close()

    def ends_and_says_so_once(self, service):
        self.assertEqual(service.wait_exit(), 1)
        service.process = None
        log = service.log()
        self.assertEqual(log.count(WORDS), 1, log)
        os.remove(self.sign)

    def test_history_ends_acks_nothing_and_stores_all_at_its_next_start(self):
        views = self.history(self.rabbit, **self.shim)
        ids = set()
        with channel_to(self.rabbit) as channel:
            channel.confirm_delivery()
            for number in range(400):
                if number == 200:
                    eventually(lambda: len(views.ids()) == 200)
                    self.fail_syncs()
                event = str(uuid.uuid4())
                publish(channel, {"id": event, "videoPath": "./v.mp4"},
                        message_id=event, delivery_mode=PERSISTENT)
                ids.add(event)
            self.ends_and_says_so_once(views)
            eventually(
                lambda: channel.queue_declare(QUEUE, passive=True)
                .method.message_count >= 200
            )
        views.start()
        eventually(lambda: len(views.ids()) == len(ids))
        self.assertEqual(views.ids(), ids)

    def test_a_view_by_http_is_refused_then(self):
        views = self.history(self.rabbit, **self.shim)
        self.fail_syncs()
        answer = views.post("/viewed", {"videoPath": "./v.mp4"})
        self.assertEqual(answer.status, 503)
        self.ends_and_says_so_once(views)

    def test_streaming_ends_and_what_it_accepted_is_published(self):
        clips = folder_with_clips(self.folder, small=20000)
        views = self.history(self.rabbit)
        videos = self.streaming(self.rabbit, VIDEOS=clips, **self.shim)
        accepted, unsure = set(), set()

        def watch():
            while True:
                viewer = str(uuid.uuid4())
                try:
                    answer = videos.post(
                        "/progress",
                        {"videoId": "small.mp4", "position": 1, "played": 1,
                         "duration": 2},
                        headers={"Cookie": "viewer=" + viewer,
                                 "Content-Type": "application/json"},
                    )
                except OSError:
                    unsure.add(viewer)
                    return
                if answer.status != 200:
                    unsure.add(viewer)
                    return
                self.assertTrue(answer.json()["counted"])
                accepted.add(viewer)

        watchers = [threading.Thread(target=watch) for _ in range(4)]
        for watcher in watchers:
            watcher.start()
        eventually(lambda: len(accepted) > 100)
        self.fail_syncs()
        for watcher in watchers:
            watcher.join()
        self.ends_and_says_so_once(videos)
        videos.start()

        def stored():
            return [row["userId"] for row in views.rows()]

        eventually(lambda: accepted <= set(stored()))
        rows = stored()
        self.assertEqual(len(rows), len(set(rows)))
        self.assertLessEqual(set(rows), accepted | unsure)


if __name__ == "__main__":
    unittest.main()
