"""Clients of another make on the same exchange."""

import json
import unittest

from support.amqp import bind_exclusive, channel_to, publish, take
from support.claims import Claims
from support.waiting import eventually

PATH = "./videos/SampleVideo_1280x720_1mb.mp4"


class OtherAmqpClients(Claims):
    def test_a_bare_message_is_in_the_history(self):
        rabbit = self.vhost()
        views = self.history(rabbit)
        with channel_to(rabbit) as channel:
            channel.exchange_declare("viewed", "fanout", durable=True)
            publish(channel, {"videoPath": PATH})
        rows = eventually(views.rows)
        self.assertEqual(len(rows), 1)
        self.assertEqual(rows[0]["videoPath"], PATH)
        self.assertIs(rows[0]["idGiven"], False)
        self.assertNotIn("userId", rows[0])

    def test_a_message_of_a_video_id_alone_is_in_the_history(self):
        rabbit = self.vhost()
        views = self.history(rabbit)
        with channel_to(rabbit) as channel:
            publish(channel, {"video": {"id": "abc"}})
        rows = eventually(views.rows)
        self.assertEqual(rows[0]["video"], {"id": "abc"})

    def test_a_message_id_of_amqp_counts_once(self):
        rabbit = self.vhost()
        views = self.history(rabbit)
        known = "019c1234-5678-7abc-8def-0123456789ab"
        with channel_to(rabbit) as channel:
            for _ in range(3):
                publish(channel, {"videoPath": PATH}, message_id=known)
            publish(channel, {"videoPath": "last"})
        rows = eventually(lambda: len(views.rows()) >= 2 and views.rows())
        self.assertEqual({row["videoPath"] for row in rows}, {PATH, "last"})
        self.assertEqual(len(rows), 2)
        self.assertEqual(views.get("/history/" + known).status, 200)

    def test_an_exclusive_queue_of_another_service_reads_our_messages(self):
        rabbit = self.vhost()
        videos = self.streaming(rabbit)
        with channel_to(rabbit) as channel:
            queue = bind_exclusive(channel)
            first = videos.get("/videos").json()["videos"][0]["id"]
            self.assertEqual(videos.get("/video").status, 200)
            properties, body = eventually(lambda: take(channel, queue))
        message = json.loads(body)
        self.assertEqual(message["videoPath"], "./videos/" + first)
        self.assertEqual(message["id"], properties.message_id)

    def test_another_service_may_be_there_first(self):
        rabbit = self.vhost()
        with channel_to(rabbit) as channel:
            channel.exchange_declare("viewed", "fanout", durable=True)
            queue = bind_exclusive(channel)
            views = self.history(rabbit)
            videos = self.streaming(rabbit)
            videos.get("/video")
            self.assertTrue(eventually(lambda: take(channel, queue)))
            self.assertEqual(len(eventually(views.rows)), 1)


if __name__ == "__main__":
    unittest.main()
