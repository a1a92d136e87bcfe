"""A broker of three nodes, of which one is killed, stopped or cut off while
people watch: each accepted view is stored, and once."""

import os
import shutil
import tempfile
import unittest

from support.claims import Claims
from support.clips import folder_with_clips
from support.cluster import Cluster
from support.fault_world import ACCEPTED, Viewers
from support.service import metric
from support.waiting import eventually

QUEUE = "history.viewed"
RATE = 150
BEFORE = 200  # views, before a fault; and after it
WITHIN_S = 90


class BrokerOfThreeNodes(Claims):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp(prefix="flixtube-cluster-")
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        cls.cluster = Cluster(folder)
        cls.addClassCleanup(cls.cluster.stop)
        # Before any fault: a broker that is still mending itself makes no vhost.
        cls.vhosts = [cls.cluster.add_vhost() for _ in range(3)]

    def setUp(self):
        super().setUp()
        eventually(self.cluster.is_whole, WITHIN_S)
        self.rabbit = self.vhosts.pop()
        self.views = self.history(self.rabbit, BROKER_REPLICAS=3)
        self.videos = self.streaming(
            self.rabbit, BROKER_REPLICAS=3,
            VIDEOS=folder_with_clips(self.folder, small=20000))
        eventually(lambda: len(self.cluster.replicas(self.rabbit, QUEUE)) == 3)

    def stored(self):
        return metric(self.views, "history_store_views")

    def more_are_stored(self, count, timeout_s=WITHIN_S):
        wanted = self.stored() + count
        eventually(lambda: self.stored() >= wanted, timeout_s)

    def around(self, fault, mend):
        """People watch before it, through it and after it."""
        journal = os.path.join(self.folder, "journal")
        viewers = Viewers(self.videos.port, journal, 1, 0, RATE, threads=8)
        try:
            self.more_are_stored(BEFORE)
            fault()
            self.more_are_stored(BEFORE)
            mend()
            self.more_are_stored(BEFORE)
        finally:
            viewers.stop()
        self.check(viewers.states())

    def check(self, states):
        accepted = {at for at, state in enumerate(states) if state == ACCEPTED}

        def numbers():
            return [int(row["userId"][-12:], 16) for row in self.views.rows()]

        eventually(lambda: metric(self.videos, "streaming_outbox_views") == 0, WITHIN_S)
        eventually(lambda: accepted <= set(numbers()), WITHIN_S)
        stored = numbers()
        self.assertEqual(len(stored), len(set(stored)))
        self.assertLessEqual(set(stored), set(range(len(states))))
        if os.environ.get("FLIXTUBE_SAY"):
            print(self.id().rsplit(".", 1)[1], "accepted", len(accepted), "stored",
                  len(stored), "of", len(states), flush=True)

    def test_the_node_that_leads_the_queue_is_killed(self):
        leader = self.cluster.leader(self.rabbit, QUEUE)
        self.around(self.cluster.nodes[leader].kill,
                    lambda: self.cluster.start_again(leader))
        eventually(lambda: len(self.cluster.replicas(self.rabbit, QUEUE)) == 3, WITHIN_S)

    def test_the_node_that_leads_the_queue_is_stopped(self):
        leader = self.cluster.leader(self.rabbit, QUEUE)
        self.around(self.cluster.nodes[leader].stop_gracefully,
                    lambda: self.cluster.start_again(leader))
        eventually(lambda: len(self.cluster.replicas(self.rabbit, QUEUE)) == 3, WITHIN_S)

    def test_the_node_that_leads_the_queue_is_cut_off_from_the_others(self):
        leader = self.cluster.leader(self.rabbit, QUEUE)
        self.around(lambda: self.cluster.cut_off(leader),
                    lambda: self.cluster.heal(leader))
        eventually(lambda: len(self.cluster.replicas(self.rabbit, QUEUE)) == 3, WITHIN_S)


if __name__ == "__main__":
    unittest.main()
