"""A queue that somebody deletes and makes again at once, as a script does that
changes something about it, is consumed again without a hand.

RabbitMQ 3.10 then does not tell the consumer. Often it takes it for one of the new
queue, and what that delivers reaches nobody: nothing waits, there is a consumer,
and nothing comes.
"""

import unittest
import uuid

from support.amqp import DEAD_QUEUE, EXCHANGE, QUEUE, channel_to, publish, take
from support.broker import shared_broker
from support.claims import Claims
from support.service import keep_for, metric
from support.waiting import eventually

# Two looks of ten seconds each, after the next round, on a busy machine.
AGAIN_S = 45
TIMES = 3  # the broker does not get it wrong in the same way each time
TWO_LOOKS_S = 25


class QueueMadeAgain(Claims):
    def setUp(self):
        super().setUp()
        self.rabbit = self.vhost()
        self.views = self.history(self.rabbit, CHECKPOINT_S=1)
        # A round in which the queue brought what the stream got.
        self.publish_views(10)
        eventually(lambda: metric(self.views, "history_checkpoint_offset") == 9)

    def publish_views(self, count):
        ids = {str(uuid.uuid4()) for _ in range(count)}
        with channel_to(self.rabbit) as channel:
            for event in ids:
                publish(channel, {"id": event, "videoPath": "./v.mp4"},
                        message_id=event)
        eventually(lambda: self.views.ids() >= ids)

    def publish_poison(self, count):
        bodies = {b"poison " + uuid.uuid4().bytes for _ in range(count)}
        with channel_to(self.rabbit) as channel:
            for body in bodies:
                publish(channel, body)
        return bodies

    def make_again(self):
        arguments = shared_broker().queue(self.rabbit, QUEUE)["arguments"]
        with channel_to(self.rabbit) as channel:
            channel.queue_delete(QUEUE)
            channel.queue_declare(QUEUE, durable=True, arguments=arguments)
            channel.queue_bind(QUEUE, EXCHANGE, "")

    def dead(self):
        bodies = []
        with channel_to(self.rabbit) as channel:
            while message := take(channel, DEAD_QUEUE):
                bodies.append(message[1])
        return bodies

    def wait_dead(self, bodies):
        seen = []

        def all_there():
            seen.extend(self.dead())
            return bodies <= set(seen)

        eventually(all_there, AGAIN_S)
        self.assertEqual(len(seen), len(bodies))

    def test_what_it_gets_is_delivered_again(self):
        for _ in range(TIMES):
            self.make_again()
            bodies = self.publish_poison(10)
            self.publish_views(10)
            self.wait_dead(bodies)
        self.assertEqual(len(self.views.ids()), 10 + TIMES * 10)

    def test_that_is_found_also_where_no_view_comes(self):
        self.make_again()
        self.wait_dead(self.publish_poison(1))

    def test_one_that_brings_what_the_stream_gets_is_not_left(self):
        self.publish_views(10)
        self.wait_dead(self.publish_poison(3))
        self.publish_views(10)
        connects = metric(self.views, "history_broker_connects_total")
        self.assertIsNotNone(connects)
        keep_for(TWO_LOOKS_S, lambda: connects ==
                 metric(self.views, "history_broker_connects_total"))


if __name__ == "__main__":
    unittest.main()
