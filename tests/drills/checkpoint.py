"""The store notes how much of the stream it is sure to have, and no more."""

import threading
import unittest
import uuid

from support.amqp import QUEUE, STREAM, channel_to, publish
from support.claims import Claims
from support.service import keep_for, metric
from support.stores import ask, copy_store
from support.waiting import eventually

EXCHANGE = "viewed"


def publish_views(channel, count):
    ids = {str(uuid.uuid4()) for _ in range(count)}
    channel.confirm_delivery()
    for event in ids:
        publish(channel, {"id": event, "videoPath": "./v.mp4"}, message_id=event)
    return ids


class Checkpoint(Claims):
    def setUp(self):
        super().setUp()
        self.rabbit = self.vhost()

    def started(self, **settings):
        return self.history(self.rabbit, CHECKPOINT_S=1, **settings)

    def offset(self, views):
        return metric(views, "history_checkpoint_offset")

    def wait_offset(self, views, offset):
        eventually(lambda: self.offset(views) == offset)

    def test_it_follows_the_stream_and_is_in_the_store(self):
        views = self.started()
        self.assertEqual(self.offset(views), -1)
        with channel_to(self.rabbit) as channel:
            publish_views(channel, 300)
            self.wait_offset(views, 299)
            publish(channel, b"poison")
            publish_views(channel, 1)
            self.wait_offset(views, 301)
        views.stop()
        self.assertEqual(ask(views.settings["HISTORY_DB"], "SELECT stream_offset FROM store"),
                         [["301"]])
        self.assertEqual(self.offset(views.start()), 301)

    def test_a_view_that_never_came_to_the_queue_is_taken_from_the_stream(self):
        views = self.started()
        with channel_to(self.rabbit) as channel:
            seen = publish_views(channel, 10)
            eventually(lambda: views.ids() == seen)
            views.stop()
            channel.queue_unbind(QUEUE, EXCHANGE, "")
            lost = publish_views(channel, 10)
            views.start()
            eventually(lambda: views.ids() == seen | lost)
            self.wait_offset(views, 19)
        self.assertEqual(metric(views, "history_views_recovered_total"), 10)

    def test_a_store_that_was_set_back_is_filled_from_where_it_was(self):
        views = self.started()
        store, older = views.settings["HISTORY_DB"], self.other_store("older.db")
        with channel_to(self.rabbit) as channel:
            ids = publish_views(channel, 50)
            self.wait_offset(views, 49)
            views.stop()
            copy_store(store, older)
            views.start()
            ids |= publish_views(channel, 50)
            self.wait_offset(views, 99)
        views.stop()
        copy_store(older, store)
        views.start()
        self.wait_offset(views, 99)
        self.assertEqual(views.ids(), ids)
        self.assertEqual(metric(views, "history_views_recovered_total"), 50)

    def test_another_stream_of_that_name_is_read_from_its_first(self):
        views = self.started()
        with channel_to(self.rabbit) as channel:
            first = publish_views(channel, 20)
            self.wait_offset(views, 19)
            views.stop()
            channel.queue_delete(STREAM)
            views.start()
            second = publish_views(channel, 30)
            self.wait_offset(views, 29)
        self.assertEqual(views.ids(), first | second)
        self.assertIn("another one than before", views.log())

    def test_a_binding_that_was_deleted_comes_back_with_what_was_missed(self):
        views = self.started()
        with channel_to(self.rabbit) as channel:
            publish_views(channel, 1)
            self.wait_offset(views, 0)
            ids = set()
            for _ in range(5):
                channel.queue_unbind(QUEUE, EXCHANGE, "")
                ids |= publish_views(channel, 10)
            eventually(lambda: views.ids() >= ids)

    def test_it_follows_while_views_never_stop_coming(self):
        views = self.started()
        stopping, sent = threading.Event(), set()

        def keep_publishing():
            with channel_to(self.rabbit) as channel:
                while not stopping.wait(0.0002):
                    event = str(uuid.uuid4())
                    publish(channel, {"id": event, "videoPath": "./v.mp4"},
                            message_id=event)
                    sent.add(event)
                channel.close()

        publisher = threading.Thread(target=keep_publishing)
        publisher.start()
        try:
            eventually(lambda: len(sent) > 300)
            for _ in range(3):
                before = len(sent)
                eventually(lambda: self.offset(views) >= before - 1, 20)
        finally:
            stopping.set()
            publisher.join()
        eventually(lambda: views.ids() == sent)

    def test_zero_turns_it_off(self):
        views = self.history(self.rabbit, CHECKPOINT_S=0)
        with channel_to(self.rabbit) as channel:
            publish_views(channel, 5)
        eventually(lambda: len(views.ids()) == 5)
        keep_for(2, lambda: self.offset(views) == -1)


if __name__ == "__main__":
    unittest.main()
