"""How long the stream keeps views is set by both services alike."""

import json
import unittest
import uuid

from support.amqp import EXCHANGE, STREAM, channel_to, publish
from support.broker import shared_broker
from support.claims import Claims
from support.clips import folder_with_clips
from support.service import run
from support.waiting import eventually

DIFFERS = "the stream has other limits"


class Retention(Claims):
    def setUp(self):
        super().setUp()
        self.rabbit = self.vhost()
        self.clips = folder_with_clips(self.folder, small=20000)

    def both(self, **settings):
        return (self.history(self.rabbit, **settings),
                self.streaming(self.rabbit, VIDEOS=self.clips, **settings))

    def arguments(self):
        return shared_broker().queue(self.rabbit, STREAM)["arguments"]

    def watched_once(self, views, videos):
        """A view comes through, and into the stream."""
        before = len(views.ids())
        self.assertEqual(videos.get("/video").status, 200)
        eventually(lambda: len(views.ids()) == before + 1)
        said = run("history", "replay", "--from", "first", "--dry-run", "--json",
                   env=views.settings)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertEqual(json.loads(said.stdout)["read"], before + 1)

    def test_both_declare_what_the_settings_say(self):
        views, videos = self.both(STREAM_MAX_AGE_S=7200, STREAM_MAX_BYTES=40_000_000)
        self.assertEqual(self.arguments(), {
            "x-queue-type": "stream", "x-max-age": "7200s",
            "x-max-length-bytes": 40_000_000,
            "x-stream-max-segment-size-bytes": 10_000_000})
        self.watched_once(views, videos)
        for service in (views, videos):
            self.assertNotIn(DIFFERS, service.log())

    def test_a_stream_with_other_limits_is_used_and_the_log_says_what_to_do(self):
        for service in self.both():
            service.stop()
        kept = self.arguments()
        views, videos = self.both(STREAM_MAX_AGE_S=3600)
        self.watched_once(views, videos)
        self.assertEqual(self.arguments(), kept)
        for service in (views, videos):
            self.assertEqual(service.log().count(DIFFERS), 1, service.log())
            self.assertIn("delete the stream", service.log())

    def test_such_a_stream_that_is_unbound_or_deleted_comes_back(self):
        for service in self.both():
            service.stop()
        views, videos = self.both(STREAM_MAX_AGE_S=3600, CHECKPOINT_S=1)
        self.watched_once(views, videos)
        with channel_to(self.rabbit) as channel:
            channel.queue_unbind(STREAM, EXCHANGE, "")
        eventually(lambda: self.is_bound())
        with channel_to(self.rabbit) as channel:
            channel.queue_delete(STREAM)
        eventually(lambda: self.arguments()["x-max-age"] == "3600s")

    def is_bound(self):
        vhost = self.rabbit.rsplit("/", 1)[1]
        return shared_broker().manage(
            "GET", f"/bindings/{vhost}/e/{EXCHANGE}/q/{STREAM}")

    def test_the_oldest_leave_when_it_is_full(self):
        views = self.history(self.rabbit, STREAM_MAX_BYTES=10_000_000)
        with channel_to(self.rabbit) as channel:
            channel.confirm_delivery()
            for _ in range(4000):
                publish(channel, {"id": str(uuid.uuid4()), "videoPath": "./v.mp4",
                                  "more": "x" * 8000})

        def first():
            said = run("history", "replay", "--from", "first", "--to", "3999",
                       "--dry-run", "--json", env=views.settings)
            return json.loads(said.stdout)["first"] > 0

        eventually(first, 60)
        eventually(lambda: len(views.ids()) == 4000)

    def test_nonsense_is_refused(self):
        for name, value in (("STREAM_MAX_AGE_S", "59"), ("STREAM_MAX_AGE_S", "30D"),
                            ("STREAM_MAX_BYTES", "9999999"),
                            ("STREAM_MAX_BYTES", "1e9")):
            for program in ("history", "streaming"):
                with self.subTest(program, name=name, value=value):
                    done = run(program, "serve", env={name: value, "PORT": 0})
                    self.assertEqual(done.returncode, 2)
                    self.assertIn(name, done.stderr)


if __name__ == "__main__":
    unittest.main()
