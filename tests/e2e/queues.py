"""Several queues share the views, by user: QUEUES."""

import collections
import json
import os
import unittest
import uuid

from support.amqp import channel_to, publish, take
from support.broker import shared_broker, vhost_of
from support.claims import Claims
from support.clips import folder_with_clips
from support.postgres import shared_postgres
from support.service import metric, run
from support.waiting import eventually

QUEUES = 3
NAMES = [f"history.viewed.{number}" for number in range(1, QUEUES + 1)]
USERS = 60


class Queues(Claims):
    def setUp(self):
        super().setUp()
        self.rabbit = self.vhost()
        self.clips = {"a": 4000, "b": 4000}
        self.folder_of_clips = folder_with_clips(self.folder, **self.clips)
        self.videos = self.start_streaming(QUEUES=QUEUES)

    def start_streaming(self, **settings):
        return self.streaming(self.rabbit, VIDEOS=self.folder_of_clips, **settings)

    def store(self):
        """A database of this test's own."""
        url = shared_postgres().add_database()
        self.addCleanup(shared_postgres().remove_database, url)
        return url

    def stored(self, history):
        return sorted((row["userId"], row["video"]["id"]) for row in history.rows())

    def watch_all(self):
        """Each user views each clip; the pairs."""
        watched = set()
        for user in (str(uuid.uuid4()) for _ in range(USERS)):
            for clip in self.clips:
                answer = self.videos.get(f"/video?id={clip}.mp4",
                                         headers={"Cookie": f"viewer={user}"})
                self.assertEqual(answer.status, 200)
                watched.add((user, f"{clip}.mp4"))
        eventually(lambda: metric(self.videos, "streaming_outbox_views") == 0)
        return watched

    def views_in(self, channel, queue):
        """All that is in it, as (user, video) pairs."""
        found = []
        while (message := take(channel, queue)) is not None:
            view = json.loads(message[1])
            found.append((view.get("userId"), view["video"]["id"]))
        return found

    def test_streaming_alone_makes_them_all_and_no_other(self):
        broker, vhost = shared_broker(), vhost_of(self.rabbit)
        there = {one["name"] for one in broker.manage("GET", f"/queues/{vhost}")}
        self.assertEqual(there, {*NAMES, "history.viewed.dead", "viewed.log"})

    def test_each_view_is_in_one_queue_and_each_users_are_in_the_same(self):
        watched = self.watch_all()
        users, views = collections.defaultdict(set), []
        with channel_to(self.rabbit) as channel:
            for queue in NAMES:
                found = self.views_in(channel, queue)
                views += found
                for user, _ in found:
                    users[user].add(queue)
                # By chance under a tenth of them: once in ten million runs.
                self.assertGreater(len(found), len(watched) / 10, queue)
        self.assertEqual(sorted(views), sorted(watched))
        self.assertEqual({len(queues) for queues in users.values()}, {1})

    def test_histories_of_each_queue_keep_each_view_once_in_one_store(self):
        store = self.store()
        histories = [self.history(self.rabbit, HISTORY_DB=store, QUEUES=QUEUES, QUEUE=queue)
                     for queue in range(1, QUEUES + 1)]
        watched = self.watch_all()
        for history in histories:
            eventually(lambda: self.stored(history) == sorted(watched))
        took = [metric(history, "history_views_new_total") for history in histories]
        self.assertEqual(sum(took), len(watched))
        self.assertGreater(min(took), 0)

    def test_from_one_queue_to_several_while_people_watch(self):
        self.videos.stop()
        self.rabbit = self.vhost()
        store = self.store()
        old = self.history(self.rabbit, HISTORY_DB=store)
        self.videos = self.start_streaming()
        watched = self.watch_all()
        # As docs/SCALE.md says.
        histories = [self.history(self.rabbit, HISTORY_DB=store, QUEUES=QUEUES, QUEUE=queue)
                     for queue in range(1, QUEUES + 1)]
        watched |= self.watch_all()
        self.videos.stop()
        self.videos = self.start_streaming(QUEUES=QUEUES)
        broker, vhost = shared_broker(), vhost_of(self.rabbit)
        broker.manage("DELETE", f"/bindings/{vhost}/e/viewed/q/history.viewed/~")
        watched |= self.watch_all()
        eventually(lambda: broker.queue(self.rabbit, "history.viewed")["messages"] == 0)
        old.stop()
        broker.manage("DELETE", f"/queues/{vhost}/history.viewed")
        eventually(lambda: self.stored(histories[0]) == sorted(watched))
        took = [metric(history, "history_views_new_total") for history in histories]
        self.assertGreater(sum(took), USERS)

    def verified(self, store):
        """What `history verify` prints of it: how many views, and their digest."""
        done = run("history", "verify", env={"HISTORY_DB": store})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        lines = dict(line.split(None, 1) for line in done.stdout.splitlines())
        return int(lines["views"]), lines["digest"]

    def test_a_second_store_on_queues_of_its_own_becomes_the_same_as_the_first(self):
        self.videos.stop()
        self.rabbit = self.vhost()
        first, second = os.path.join(self.folder, "first.db"), self.store()
        old = self.history(self.rabbit, HISTORY_DB=first)
        self.videos = self.start_streaming()
        watched = self.watch_all()
        eventually(lambda: self.stored(old) == sorted(watched))
        new = [self.history(self.rabbit, HISTORY_DB=second, QUEUES=QUEUES, QUEUE=queue,
                            CHECKPOINT_S=1)
               for queue in range(1, QUEUES + 1)]
        # Those before it come by the stream, those after it by the queues.
        watched |= self.watch_all()
        for history in (old, *new):
            eventually(lambda: self.stored(history) == sorted(watched), 60)
        views, digest = self.verified(first)
        self.assertEqual(views, len(watched))
        self.assertEqual(self.verified(second), (views, digest))

    def test_views_of_publishers_that_name_no_user_are_in_one_queue_too(self):
        with channel_to(self.rabbit) as channel:
            for number in range(10):
                publish(channel, {"video": {"id": f"{number}.mp4"}},
                        message_id=str(uuid.uuid4()))
        with channel_to(self.rabbit) as channel:
            found = [self.views_in(channel, queue) for queue in NAMES]
        self.assertEqual(sorted(map(len, found)), [0, 0, 10])


if __name__ == "__main__":
    unittest.main()
