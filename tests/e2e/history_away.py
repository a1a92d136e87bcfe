"""Views that are published while history is stopped, or is killed."""

import random
import threading
import time
import unittest
import uuid

from support.amqp import PERSISTENT, channel_to, publish
from support.claims import Claims
from support.waiting import eventually

VIEWS = 20000
KILLS = 10


def publish_views(rabbit, count, pause_s=0.0, after_each=1000):
    """Publishes so many views; their ids. All are in the queue at the end:
    the broker answers the closing of a channel after what came before it."""
    ids = []
    with channel_to(rabbit) as channel:
        for number in range(count):
            event = str(uuid.uuid4())
            publish(
                channel,
                {"id": event, "userId": f"u{number % 97}", "videoPath": "./v.mp4"},
                message_id=event,
                delivery_mode=PERSISTENT,
            )
            ids.append(event)
            if pause_s and number % after_each == 0:
                time.sleep(pause_s)
        channel.close()
    return ids


class ViewsWhileHistoryIsAway(Claims):
    def stored_once(self, views, ids):
        """Each id is in the history, once, and nothing else is."""
        eventually(lambda: len(views.ids()) >= len(ids), 90, every_s=0.5)
        self.assertEqual(views.ids(), set(ids))

    def test_views_published_while_it_is_stopped_are_each_stored_once(self):
        rabbit = self.vhost()
        views = self.history(rabbit)  # declares what is needed
        views.stop()
        ids = publish_views(rabbit, VIEWS)
        views.start()
        self.stored_once(views, ids)

    def test_views_published_while_it_is_killed_are_each_stored_once(self):
        rabbit = self.vhost()
        views = self.history(rabbit)
        ids = []
        publisher = threading.Thread(
            target=lambda: ids.extend(publish_views(rabbit, VIEWS, 0.25, 1000))
        )
        publisher.start()
        chance = random.Random(4001)
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.05, 0.6))  # anywhere in its work
            views.kill()
            views.start(ready=False)
        publisher.join()
        views.wait_ready()
        self.stored_once(views, ids)


if __name__ == "__main__":
    unittest.main()
