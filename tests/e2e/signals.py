"""How the services end."""

import signal
import socket
import time
import unittest
import uuid

from support.amqp import PERSISTENT, channel_to, publish
from support.claims import Claims
from support.clips import folder_with_clips
from support.service import GRACE_S
from support.waiting import eventually

LARGE_BYTES = 64 << 20


class Signals(Claims):
    def test_sigterm_and_sigint_end_both_with_code_0(self):
        rabbit = self.vhost()
        for number in (signal.SIGTERM, signal.SIGINT):
            for service in (self.history(rabbit), self.streaming(rabbit)):
                with self.subTest(service=service.name, signal=number):
                    service.signal(number)
                    self.assertEqual(service.wait_exit(), 0)
                    service.process = None

    def test_history_ends_in_mid_stream_without_loss(self):
        rabbit = self.vhost()
        views = self.history(rabbit)
        ids = set()
        with channel_to(rabbit) as channel:
            for _ in range(5000):
                event = str(uuid.uuid4())
                publish(
                    channel,
                    {"id": event, "videoPath": "./v"},
                    message_id=event,
                    delivery_mode=PERSISTENT,
                )
                ids.add(event)
            eventually(views.ids)
            views.stop()  # demands code 0 within the grace time
            left = channel.queue_declare("history.viewed", passive=True)
            left_count = left.method.message_count
        views.start()
        eventually(lambda: len(views.ids()) >= len(ids))
        self.assertEqual(views.ids(), ids)
        self.assertLess(left_count, 5000, "it stopped before it stored any")

    def test_what_streaming_accepted_is_sent_before_it_ends_or_after_its_start(self):
        rabbit = self.vhost()
        views = self.history(rabbit)
        clips = folder_with_clips(self.folder, small=20000)
        videos = self.streaming(rabbit, VIDEOS=clips)
        for _ in range(5):
            for _ in range(20):
                self.assertEqual(videos.get("/video").status, 200)
            videos.stop()
            videos.start()
        eventually(lambda: len(views.ids()) >= 100)
        self.assertEqual(len(views.ids()), 100)

    def streaming_of_a_large_video(self):
        """Large, so that it cannot hide in the sockets' buffers."""
        clips = folder_with_clips(self.folder, large=LARGE_BYTES)
        return self.streaming(self.vhost(), VIDEOS=clips)

    def test_a_running_request_is_answered_before_the_end(self):
        videos = self.streaming_of_a_large_video()
        with socket.create_connection(("127.0.0.1", videos.port)) as viewer:
            viewer.sendall(b"GET /video HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            got = len(viewer.recv(4096))
            videos.signal(signal.SIGTERM)
            while chunk := viewer.recv(65536):
                got += len(chunk)
        self.assertGreater(got, LARGE_BYTES)
        self.assertEqual(videos.wait_exit(), 0)
        videos.process = None

    def test_a_second_signal_ends_it_at_once(self):
        # A viewer that takes no bytes would hold the end up for the grace time.
        videos = self.streaming_of_a_large_video()
        with socket.create_connection(("127.0.0.1", videos.port)) as viewer:
            viewer.sendall(b"GET /video HTTP/1.1\r\nHost: x\r\n\r\n")
            viewer.recv(1024)
            videos.signal(signal.SIGTERM)
            videos.wait_log("stopping")
            self.assertTrue(videos.is_running(), "it did not wait for the viewer")
            began = time.monotonic()
            videos.signal(signal.SIGTERM)
            code = videos.wait_exit()
            took_s = time.monotonic() - began
        videos.process = None
        self.assertLess(took_s, 2)
        self.assertNotEqual(code, 0, "it did not do all of its work")

    def test_a_new_viewer_is_refused_at_once_while_it_ends(self):
        videos = self.streaming_of_a_large_video()
        with socket.create_connection(("127.0.0.1", videos.port)) as viewer:
            viewer.sendall(b"GET /video HTTP/1.1\r\nHost: x\r\n\r\n")
            viewer.recv(1024)
            videos.signal(signal.SIGTERM)
            videos.wait_log("stopping")
            eventually(lambda: self.refuses(videos.port), 2)
            self.assertTrue(videos.is_running(), "it did not wait for the viewer")
        self.assertEqual(videos.wait_exit(), 0)
        videos.process = None

    @staticmethod
    def refuses(port):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return False
        except ConnectionRefusedError:
            return True

    def test_they_end_in_time_while_the_broker_is_halted(self):
        broker = self.own_broker()
        clips = folder_with_clips(self.folder, small=20000)
        views = self.history(broker.url)
        videos = self.streaming(broker.url, VIDEOS=clips)
        broker.halt()
        self.assertEqual(videos.get("/video").status, 200)
        for service in (videos, views):
            service.signal(signal.SIGTERM)
        for service in (videos, views):
            with self.subTest(service.name):
                self.assertIn(service.wait_exit(GRACE_S), (0, 1))
                service.process = None
        broker.go_on()


if __name__ == "__main__":
    unittest.main()
