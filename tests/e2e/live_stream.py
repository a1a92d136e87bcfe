"""GET /history/stream: every view once, in order, whatever is cut in between."""

import threading
import unittest
import uuid

from support.claims import Claims
from support.event_source import EventSource
from support.service import metric
from support.waiting import eventually
from support.web import request

SESSION = "11111111-2222-4333-8444-555555555555"


class LiveStream(Claims):
    def setUp(self):
        super().setUp()
        self.rabbit = self.vhost()
        self.views = self.history(self.rabbit, ADMIN_API="on", LIVE_HEARTBEAT_S=1)

    def store(self, user="anna", video="a.mp4", **more):
        view = {"id": str(uuid.uuid4()), "userId": user, "video": {"id": video}, **more}
        answer = self.views.post("/viewed", view)
        self.assertEqual(answer.status, 200, answer.body)
        return view["id"]

    def listen(self, last_id=None, **filters):
        source = EventSource(self.views.port, last_id, **filters)
        self.addCleanup(source.close)
        if source.status == 200:
            eventually(lambda: source.last_id)
        return source

    def test_a_view_is_told_as_it_is_stored_and_as_it_reads_later(self):
        source = self.listen()
        stored = self.store(position=12.5, duration=30, sessionId=SESSION)
        eventually(lambda: source.views() == [stored])
        row = self.views.get("/history/" + stored).json()
        self.assertEqual(source.named("view"), [row])

    def test_what_was_stored_before_is_not_told(self):
        self.store()
        source = self.listen()
        later = self.store()
        eventually(lambda: source.views() == [later])

    def test_filters_tell_their_own_and_nothing_else(self):
        by_user = self.listen(userId="anna")
        by_video = self.listen(videoId="a.mp4")
        by_session = self.listen(sessionId=SESSION)
        by_both = self.listen(userId="anna", videoId="a.mp4")
        everything = self.listen()
        anna_a = self.store("anna", "a.mp4")
        anna_b = self.store("anna", "b.mp4", sessionId=SESSION)
        ben_a = self.store("ben", "a.mp4")
        last = self.store("ben", "b.mp4")
        eventually(lambda: everything.views() == [anna_a, anna_b, ben_a, last])
        eventually(lambda: by_user.views() == [anna_a, anna_b])
        eventually(lambda: by_video.views() == [anna_a, ben_a])
        eventually(lambda: by_session.views() == [anna_b])
        eventually(lambda: by_both.views() == [anna_a])
        # And after a look at the store the same.
        first = everything.events[0][2]
        again = self.listen(first, userId="ben")
        eventually(lambda: again.views() == [ben_a, last])

    def test_a_reader_that_is_cut_again_and_again_misses_nothing(self):
        stored, heard = [], []
        done = threading.Event()

        def feed():
            for number in range(300):
                stored.append(self.store(f"user-{number % 7}"))
            done.set()

        writer = threading.Thread(target=feed)
        source = self.listen()
        writer.start()
        while len(heard) < 300:
            eventually(lambda: len(source.views()) >= 20 or done.is_set())
            if done.is_set():
                eventually(lambda: len(heard) + len(source.views()) >= 300)
            source.close()
            heard += source.views()
            source = self.listen(source.last_id)
        writer.join()
        self.assertEqual(heard, stored)
        self.assertEqual(source.views(), [])

    def test_a_restart_of_the_service_loses_and_repeats_nothing(self):
        source = self.listen()
        first = self.store()
        eventually(lambda: source.views() == [first])
        self.views.stop()
        self.assertTrue(source.ended.wait(10))
        self.assertEqual(source.named("end"), [{"reason": "stopping"}])
        self.views.start()
        second = self.store()
        again = self.listen(source.last_id)
        third = self.store()
        eventually(lambda: again.views() == [second, third])

    def test_the_parameter_resumes_as_the_header_does(self):
        source = self.listen()
        first = self.store()
        eventually(lambda: source.views() == [first])
        second = self.store()
        again = self.listen(lastEventId=source.events[0][2])
        eventually(lambda: again.views() == [second])

    def test_a_quiet_reader_hears_that_it_is_alive_and_moves_on(self):
        source = self.listen(userId="nobody")
        begun = source.last_id
        self.store()
        eventually(lambda: source.last_id != begun)
        eventually(lambda: source.comments > 2)
        self.assertEqual(source.events, [])

    def test_an_id_of_another_log_is_told_and_the_stream_goes_on(self):
        self.store()
        for other in ("s" + "0" * 15 + "1" + "ab" * 8, "s0" + "0" * 13 + "77" + "0" * 16):
            source = self.listen(other)
            eventually(lambda: len(source.named("reset")) == 1)
            stored = self.store()
            eventually(lambda: source.views() == [stored])

    def test_an_erasure_is_told_to_those_whom_it_concerns(self):
        everything, ben = self.listen(), self.listen(userId="ben")
        self.store("anna")
        self.assertEqual(
            request("DELETE", self.views.url("/history?userId=anna")).status, 200
        )
        eventually(lambda: everything.named("erased") == [{"userId": "anna"}])
        stored = self.store("ben")
        eventually(lambda: ben.views() == [stored])
        self.assertEqual(ben.named("erased"), [])
        # Whoever resumes from before the erasure is not told what is gone.
        start = "s" + "0" * 32
        again = self.listen(start)
        eventually(lambda: stored in again.views())
        self.assertEqual(again.views(), [stored])

    def test_streams_over_the_limit_are_refused_and_queries_are_not(self):
        self.views.stop()
        self.views.start(LIVE_READERS_MAX=3)
        held = [self.listen() for _ in range(3)]
        over = EventSource(self.views.port)
        self.assertEqual(over.status, 503)
        over.close()
        self.assertEqual(self.views.get("/history").status, 200)
        self.assertEqual(metric(self.views, "history_live_readers"), 3)
        self.assertEqual(metric(self.views, "history_live_refused_total"), 1)
        held[0].close()
        # Within two heartbeats it is found that the client has gone.
        eventually(lambda: metric(self.views, "history_live_readers") == 2, 10)
        self.assertEqual(self.listen().status, 200)

    def test_readers_that_were_cut_off_together_come_again_together(self):
        self.views.stop()
        self.views.start(LIVE_READERS_MAX=20, LIVE_HEARTBEAT_S=25)
        for _ in range(3):
            held = [self.listen() for _ in range(20)]
            self.assertEqual([one.status for one in held], 20 * [200])
            for one in held:
                one.close()

    def test_head_says_what_get_would_and_opens_nothing(self):
        answer = request("HEAD", self.views.url("/history/stream"))
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["Content-Type"], "text/event-stream")
        self.assertEqual(metric(self.views, "history_live_readers"), 0)


if __name__ == "__main__":
    unittest.main()
