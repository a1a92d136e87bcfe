"""All data of the broker is lost while the outbox is full of views."""

import os
import shutil
import time
import unittest

from support.broker import Broker
from support.claims import Claims
from support.clips import folder_with_clips
from support.fault_world import STREAM_IS_KEPT_S, Proxy, Viewers
from support.service import metric, run
from support.waiting import eventually

WAITING = 1000


class BrokerLost(Claims):
    def test_an_empty_broker_gets_what_was_not_confirmed(self):
        folder = os.path.join(self.folder, "broker")
        broker = Broker.start_in(folder)
        self.addCleanup(broker.stop)
        clips = folder_with_clips(self.folder, small=20000)
        views = self.history(broker.url)
        proxy = Proxy(int(broker.url.rsplit(":", 1)[1]))
        self.addCleanup(proxy.stop)
        videos = self.streaming(
            f"amqp://guest:guest@127.0.0.1:{proxy.port}", VIDEOS=clips
        )
        time.sleep(STREAM_IS_KEPT_S)
        viewers = Viewers(videos.port, os.path.join(self.folder, "journal"), 1, 0,
                          300, threads=8)
        try:
            eventually(lambda: metric(views, "history_store_views") > 300)
            # What the broker has confirmed and history has not stored yet would
            # be lost with its data: that is said in docs/RECOVERY.md.
            proxy.tell("refuse 1")
            proxy.tell("cut client 0")
            eventually(lambda: metric(views, "history_store_views")
                       >= metric(videos, "streaming_publishes_confirmed_total"))
            broker.kill()
            proxy.tell("refuse 0")
            eventually(lambda: metric(videos, "streaming_outbox_views") > WAITING, 60)
        finally:
            viewers.stop()
        waiting = metric(videos, "streaming_outbox_views")
        self.say("streaming's outbox, the broker gone", waiting)
        shutil.rmtree(os.path.join(folder, "data"))
        began = time.monotonic()
        broker.start_again()
        eventually(lambda: metric(videos, "streaming_outbox_views") == 0, 60)
        states = viewers.states()
        answered = {number for number, state in enumerate(states) if state == 1}

        def numbers():
            return [int(row["userId"][-12:], 16) for row in views.rows()]

        eventually(lambda: answered <= set(numbers()), 60)
        self.say("seconds from an empty broker's start to the last view",
                 round(time.monotonic() - began, 1))
        stored = numbers()
        self.assertEqual(len(stored), len(set(stored)))
        self.assertLessEqual(set(stored), set(range(len(states))))
        self.say("accepted, all of them stored", len(answered))
        views.wait_ready()
        views.stop()
        self.say(run("history", "verify", env=views.settings).stdout)
        self.say(views.log())
        self.say(videos.log())

    @staticmethod
    def say(*words):
        if os.environ.get("FLIXTUBE_SAY"):
            print(*words)


if __name__ == "__main__":
    unittest.main()
