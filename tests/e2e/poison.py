"""Messages that cannot be a view go aside, with the reason, alone."""

import json
import unittest
import uuid

from support.amqp import DEAD_QUEUE, channel_to, publish, take
from support.claims import Claims
from support.waiting import eventually

TOO_LONG = 17 * 1024

# What is published, and a word that the reason must have.
POISON = {
    "not JSON": (b"{'videoPath': 1}", "JSON"),
    "nothing at all": (b"", "JSON"),
    "cut off": (b'{"videoPath":"./v.mp4"', "JSON"),
    "more after the end": (b'{"videoPath":"./v.mp4"} x', "JSON"),
    "not UTF-8": (b'{"videoPath":"./\xff\xfe.mp4"}', "UTF-8"),
    "a byte order mark": (b'\xef\xbb\xbf{"videoPath":"./v.mp4"}', ""),
    "a NUL byte": (b'{"videoPath":"./v\x00.mp4"}', ""),
    "an escaped NUL": (b'{"videoPath":"./v\\u0000.mp4"}', ""),
    "an array": (b"[1,2,3]", "object"),
    "no video": (b'{"userId":"u1"}', "video"),
    "a path that is a number": (b'{"videoPath":12}', "videoPath"),
    "a video that is text": (b'{"video":"v1"}', "video"),
    "an id that is no UUID": (b'{"id":"7","videoPath":"./v.mp4"}', "id"),
    "a time that is none": (b'{"videoPath":"./v","viewedAt":"noon"}', "viewedAt"),
    "a position in words": (b'{"videoPath":"./v","position":"1"}', "position"),
    "a position below zero": (b'{"videoPath":"./v","position":-1}', "position"),
    "a field twice": (b'{"videoPath":"./v","videoPath":"./w"}', "videoPath"),
    "a user too long": (
        json.dumps({"videoPath": "./v", "userId": "u" * 129}).encode(),
        "userId",
    ),
    "too long": (b'{"videoPath":"./v","x":"' + b"x" * TOO_LONG + b'"}', "limit"),
    "too deep": (b'{"videoPath":"./v","x":' + b"[" * 5000 + b"]" * 5000 + b"}", ""),
}


class Poison(Claims):
    def test_each_kind_goes_to_the_dead_letters_with_its_reason(self):
        rabbit = self.vhost()
        views = self.history(rabbit)
        good = []
        with channel_to(rabbit) as channel:
            # At every place of a batch: a good one before and after each.
            for body, _ in POISON.values():
                good.append(self.publish_good(channel))
                publish(channel, body, content_type="application/json")
            good.append(self.publish_good(channel))
            eventually(lambda: len(views.ids()) >= len(good))
            self.assertEqual(views.ids(), set(good))
            dead = self.take_dead(channel, len(POISON))
        for what, (body, word) in POISON.items():
            with self.subTest(what):
                self.assertIn(body, dead, "not among the dead letters")
                reason = dead[body].headers["x-reason"]
                self.assertIsInstance(reason, str)
                self.assertGreater(len(reason.split()), 1, reason)
                self.assertIn(word, reason)

    def publish_good(self, channel):
        event = str(uuid.uuid4())
        publish(channel, {"id": event, "videoPath": "./v.mp4"}, message_id=event)
        return event

    def take_dead(self, channel, count):
        dead = {}

        def all_there():
            while message := take(channel, DEAD_QUEUE):
                dead[message[1]] = message[0]
            return len(dead) >= count

        eventually(all_there)
        self.assertEqual(len(dead), count)
        return dead

    def test_an_id_unlike_the_message_id_is_poison(self):
        rabbit = self.vhost()
        views = self.history(rabbit)
        with channel_to(rabbit) as channel:
            publish(
                channel,
                {"id": str(uuid.uuid4()), "videoPath": "./v.mp4"},
                message_id=str(uuid.uuid4()),
            )
            good = self.publish_good(channel)
            eventually(views.ids)
            self.assertEqual(views.ids(), {good})
            (properties,) = self.take_dead(channel, 1).values()
        self.assertIn("message-id", properties.headers["x-reason"])

    def test_the_queue_is_empty_after_poison_and_history_stays_up(self):
        rabbit = self.vhost()
        views = self.history(rabbit)
        with channel_to(rabbit) as channel:
            for number in range(500):
                publish(channel, f"poison {number}".encode())
            good = self.publish_good(channel)
            self.take_dead(channel, 500)
        eventually(lambda: views.ids() == {good})
        views.stop()
        with channel_to(rabbit) as channel:
            left = channel.queue_declare("history.viewed", passive=True)
            self.assertEqual(left.method.message_count, 0)


if __name__ == "__main__":
    unittest.main()
