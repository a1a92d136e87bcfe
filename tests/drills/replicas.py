"""Several histories on one queue and one PostgreSQL: each view once, shown by
all, erased in all. With as many views as wanted: ./flix drills --views 200000
"""

import collections
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse
import uuid

from support.amqp import DEAD_QUEUE, QUEUE, channel_to, publish, take
from support.claims import Claims
from support.cluster import Cluster
from support.event_source import EventSource
from support.postgres import Postgres, shared_postgres
from support.service import keep_for, metric, run
from support.views_publisher import ViewsPublisher
from support.waiting import eventually

VIEWS = int(os.environ.get("REPLICAS_VIEWS", 20000))
SEED = int(os.environ.get("SEED", 1))
VIEWS_OF_A_ROUND = 50000  # each kind of fault comes once for as many
USERS = 500
TWICE = 100  # one in so many is published twice on purpose
POISON = 20
WITHIN_S = 120


def made(random_ones, user, **more):
    event = str(uuid.UUID(int=random_ones.getrandbits(128), version=4))
    view = {"id": event, "userId": user,
            "video": {"id": f"{random_ones.randrange(50)}.mp4"}, **more}
    return event, json.dumps(view)


class ThreeNodes(Claims):
    """A broker of three nodes and a PostgreSQL of its own, which are killed."""

    def setUp(self):
        super().setUp()
        self.random = random.Random(SEED)
        self.cluster = Cluster(tempfile.mkdtemp(dir=self.folder))
        self.addCleanup(self.cluster.stop)
        self.postgres = Postgres.start_in(os.path.join(self.folder, "postgres"))
        self.addCleanup(self.postgres.stop)
        self.store = self.postgres.add_database()
        self.rabbit = self.cluster.add_vhost()
        self.replicas = [self.history(self.rabbit, HISTORY_DB=self.store,
                                      BROKER_REPLICAS=3) for _ in range(2)]
        eventually(self.queue_is_whole, WITHIN_S)
        self.killed = collections.Counter()
        self.counted = collections.Counter()

    def queue_is_whole(self):
        return (self.cluster.is_whole()
                and len(self.cluster.replicas(self.rabbit, QUEUE)) == 3)

    # --- what is published

    def make_views(self):
        views = [made(self.random, f"user-{self.random.randrange(USERS)}")
                 for _ in range(VIEWS)]
        twice = [view for view in views if self.random.randrange(TWICE) == 0]
        self.bad = {f"not a view: {number}" for number in range(POISON)}
        messages = views + twice + [(str(uuid.uuid4()), bad) for bad in self.bad]
        self.random.shuffle(messages)
        return views, messages

    def publisher(self, messages):
        path = self.rabbit[self.rabbit.rindex("/"):]
        return ViewsPublisher([node.url + path for node in self.cluster.nodes], messages)

    # --- what is killed, and comes back

    def pause(self):
        time.sleep(self.random.uniform(0.2, 2))

    def kill_a_node(self):
        number = self.random.randrange(3)
        self.cluster.nodes[number].kill()
        self.pause()
        self.cluster.start_again(number)
        eventually(self.queue_is_whole, WITHIN_S)

    def kill_a_replica(self):
        replica = self.random.choice(self.replicas)
        self.count(replica)
        replica.kill()
        self.pause()
        replica.start()

    def kill_the_database(self):
        self.postgres.kill()
        self.pause()
        self.postgres.start_again()
        for replica in self.replicas:
            eventually(lambda: metric(replica, "history_store_writable") == 1, WITHIN_S)

    def count(self, replica):
        """What it counted goes with it."""
        for name in ("redeliveries", "views_new", "views_known", "batches_failed"):
            self.counted[name] += metric(replica, f"history_{name}_total") or 0

    def make_faults(self):
        rounds = -(-VIEWS // VIEWS_OF_A_ROUND)
        faults = []
        for _ in range(rounds):
            three = [self.kill_a_node, self.kill_a_replica, self.kill_the_database]
            self.random.shuffle(three)
            faults += three
        return faults

    def publish_through_faults(self, publisher):
        """Each fault comes at a number of confirmed messages, while others are
        under way."""
        faults, count = self.make_faults(), publisher.gate
        at = sorted(self.random.sample(range(count // 20, count * 9 // 10), len(faults)))
        gates = [*(place + count // 20 for place in at[1:]), count]
        publisher.gate = at[0] + count // 20
        publisher.start()
        for place, gate, fault in zip(at, gates, faults):
            eventually(lambda: publisher.confirmed >= place, WITHIN_S + VIEWS / 100)
            fault()
            self.killed[fault.__name__] += 1
            publisher.gate = max(publisher.gate, gate)
        publisher.join(WITHIN_S + VIEWS / 100)
        self.assertFalse(publisher.is_alive(), "not all messages were confirmed")

    # --- what came of it

    def ask(self, sql):
        return self.postgres.run(sql, self.store).splitlines()

    def dead_letters(self):
        with channel_to(self.cluster.nodes[0].url
                        + self.rabbit[self.rabbit.rindex("/"):]) as channel:
            letters = []
            while (letter := take(channel, DEAD_QUEUE)) is not None:
                letters.append(letter[1].decode())
        return letters

    def check(self, views):
        wanted = {event for event, _ in views}
        stored = self.ask("SELECT id FROM views")
        self.assertEqual(len(stored), len(set(stored)), "a view is stored twice")
        self.assertEqual(set(stored), wanted)
        of_users = collections.Counter(json.loads(body)["userId"] for _, body in views)
        rows = (row.split("|") for row in self.ask(
            "SELECT user_id, count(*) FROM views GROUP BY user_id"))
        self.assertEqual({user: int(count) for user, count in rows}, of_users)
        self.assertEqual(self.ask("SELECT sum(views) FROM counts"), [str(len(views))])
        verified = run("history", "verify", env={"HISTORY_DB": self.store}, timeout_s=300)
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)
        return stored

    def test_two_replicas_over_three_nodes_store_each_view_once_whatever_is_killed(self):
        views, messages = self.make_views()
        publisher = self.publisher(messages)
        self.addCleanup(setattr, publisher, "ending", True)
        began = time.monotonic()
        self.publish_through_faults(publisher)
        eventually(lambda: int(self.ask("SELECT count(*) FROM views")[0]) >= len(views),
                   WITHIN_S)
        took = time.monotonic() - began
        for replica in self.replicas:
            eventually(lambda: metric(replica, "history_unacked") == 0, WITHIN_S)
        stored = self.check(views)
        letters = self.dead_letters()
        self.assertEqual(set(letters), self.bad)
        for replica in self.replicas:
            self.count(replica)
        print(f"seed {SEED}: {len(views)} views and {len(self.bad)} bad messages, "
              f"{publisher.published} published, {publisher.confirmed} confirmed, "
              f"{publisher.published - len(views) - len(self.bad)} of them again; "
              f"{len(stored)} stored, each once; "
              f"{self.counted['views_known']:.0f} came again, "
              f"{self.counted['redeliveries']:.0f} of them or more redelivered; "
              f"{len(letters)} dead letters; "
              f"{self.counted['batches_failed']:.0f} commits failed; killed: "
              + ", ".join(f"{name[5:]} {times}" for name, times in self.killed.items())
              + f"; {took:.0f} s", flush=True)


class OneStore(Claims):
    """Two histories, on the run's broker and PostgreSQL."""

    def setUp(self):
        super().setUp()
        self.random = random.Random(SEED)
        self.rabbit = self.vhost()
        self.postgres = shared_postgres()
        self.store = self.postgres.add_database()
        self.addCleanup(self.postgres.remove_database, self.store)
        self.a, self.b = (self.start_replica(name) for name in "ab")

    def start_replica(self, name):
        """The name is what PostgreSQL knows it by."""
        return self.history(self.rabbit, CHECKPOINT_S=1, PREFETCH=200, ADMIN_API="on",
                            HISTORY_DB=f"{self.store}?application_name={name}")

    def ask(self, sql):
        return self.postgres.run(sql, self.store).splitlines()

    def in_order(self):
        return self.ask("SELECT id FROM views ORDER BY seq")

    def send(self, count, user="user"):
        views = [made(self.random, user) for _ in range(count)]
        with channel_to(self.rabbit) as channel:
            for event, body in views:
                publish(channel, body, message_id=event)
        return [event for event, _ in views]

    def post(self, replica, user="posted"):
        event, body = made(self.random, user)
        answer = replica.post("/viewed", body,
                              headers={"Content-Type": "application/json"})
        self.assertIn(answer.status, (200, 201, 202), answer.body)
        return event

    def reader(self, replica, **more):
        reader = EventSource(replica.port, **more)
        self.addCleanup(reader.close)
        return reader

    def session(self, sql):
        """A transaction by hand, open until it is told otherwise."""
        psql = subprocess.Popen(["psql", self.store, "-AtqX"], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True)
        self.addCleanup(psql.communicate)
        psql.stdin.write(sql + "\n\\echo begun\n")
        psql.stdin.flush()
        while (line := psql.stdout.readline()) and line != "begun\n":
            self.assertNotIn("ERROR", line)
        return psql

    def background(self, work):
        """Does it again and again until the test's end, or stop()."""
        ending = threading.Event()

        def again():
            while not ending.is_set():
                work()

        thread = threading.Thread(target=again, daemon=True)

        def stop():
            ending.set()
            thread.join(30)

        self.addCleanup(stop)
        thread.start()
        return stop


class Live(OneStore):
    def test_a_live_reader_sees_what_each_replica_stores(self):
        reader = self.reader(self.a)
        for _ in range(5):
            self.send(200)
        eventually(lambda: len(reader.views()) >= 1000)
        self.assertEqual(reader.views(), self.in_order())
        for replica in (self.a, self.b):
            self.assertGreater(metric(replica, "history_views_new_total"), 0)

    def test_a_reader_that_comes_back_to_the_other_replica_goes_on_there(self):
        keeper = self.reader(self.b)
        stop = self.background(lambda: self.send(50))
        seen, last_id = [], None
        for hop in range(12):
            reader = self.reader((self.a, self.b)[hop % 2], last_id=last_id)
            wanted = 20 if last_id else 1
            eventually(lambda: len(reader.views()) >= wanted)
            reader.close()
            self.assertEqual(reader.named("reset"), [])
            seen += reader.views()
            last_id = reader.events[-1][2]
        stop()
        self.assertEqual(len(seen), len(set(seen)), "a view was shown twice")
        eventually(lambda: metric(self.a, "history_unacked")
                   + metric(self.b, "history_unacked") == 0)
        stored = self.in_order()
        begin = stored.index(seen[0])
        self.assertEqual(seen, stored[begin:begin + len(seen)])
        eventually(lambda: len(keeper.views()) >= len(stored))
        self.assertEqual(keeper.views(), stored)

    def held(self, event):
        """A writer that has its place and is not done."""
        return self.session(
            "BEGIN; SELECT announce_places();"
            "INSERT INTO ids (id, user_id, viewed_at_ms) VALUES"
            f" ('{event}', 'held', 1);"
            "INSERT INTO views (user_id, viewed_at_ms, seq, id, video_id, video_path,"
            " received_ms, rule, flags) VALUES ('held', 1, nextval('places'),"
            f" '{event}', 'held.mp4', '', {int(time.time() * 1000)}, 0, 0);"
            "UPDATE counts SET views = views + 1 WHERE part = 63;")

    def changed(self, replica, since):
        answer = replica.get(f"/history?updatedSince={since}&limit=1000")
        self.assertEqual(answer.status, 200)
        return [row["_id"] for row in answer.json()["history"]]

    def test_who_follows_waits_for_a_place_that_is_not_settled(self):
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 5))
        for end in ("COMMIT", "ROLLBACK"):
            readers = [self.reader(replica) for replica in (self.a, self.b)]
            before, event = self.in_order(), str(uuid.uuid4())
            held = self.held(event)
            later = self.send(40)
            eventually(lambda: len(self.in_order()) == len(before) + 40)

            def nothing_later():
                return all(set(later).isdisjoint(self.changed(replica, since))
                           for replica in (self.a, self.b))

            keep_for(1.0, lambda: not any(reader.views() for reader in readers)
                     and nothing_later())
            held.stdin.write(end + ";\n")
            held.stdin.flush()
            wanted = self.ask("SELECT id FROM views WHERE user_id = 'user'"
                              " ORDER BY seq")[-40:]
            if end == "COMMIT":
                wanted = [event, *wanted]
            for reader in readers:
                eventually(lambda: len(reader.views()) >= len(wanted))
                self.assertEqual(reader.views(), wanted)
            for replica in (self.a, self.b):
                eventually(lambda: self.changed(replica, since) == self.in_order())

    def test_a_place_that_was_shown_stays_good_while_an_older_one_is_announced(self):
        """Between a writer's look at the last place and its lock others may go
        by: what was shown is then not settled for a moment."""
        reader = self.reader(self.a)
        self.send(50)
        eventually(lambda: len(reader.views()) >= 50)
        place = self.b.get("/history?updatedSince=2026-01-01T00:00:00Z").json()["cursor"]
        slow = self.session("BEGIN; SELECT pg_advisory_xact_lock_shared("
                            "place_lock_class() | 20);")
        again = self.reader(self.b, last_id=reader.last_id)
        changes = self.b.get(
            f"/history?updatedSince=2026-01-01T00:00:00Z&cursor={place}")
        self.assertEqual(changes.status, 200, changes.body)
        later = self.send(10)
        keep_for(0.5, lambda: again.views() == [])
        slow.stdin.write("COMMIT;\n")
        slow.stdin.flush()
        eventually(lambda: len(again.views()) >= 10)
        self.assertEqual(set(again.views()), set(later))
        self.assertEqual(again.named("reset"), [])

    def test_what_one_has_acknowledged_the_other_shows(self):
        for number in range(100):
            first, second = (self.a, self.b) if number % 2 else (self.b, self.a)
            event = self.post(first, f"user-{number}")
            rows = second.get(f"/history?userId=user-{number}").json()["history"]
            self.assertEqual([row["_id"] for row in rows], [event])


    def test_what_one_keeps_or_does_not_record_the_other_says_at_once(self):
        for number in range(20):
            first, second = (self.a, self.b) if number % 2 else (self.b, self.a)
            for path, change in (
                    ("/recording?userId=anna", {"recording": number % 2 == 1}),
                    ("/retention?userId=anna", {"keepDays": number + 1})):
                answer = first.put(path, change)
                self.assertEqual(answer.status, 200, answer.body)
                self.assertEqual(second.get(path).json(), answer.json())

    def test_readers_hear_of_each_erasure_where_it_is_made(self):
        reader = self.reader(self.a)
        for number in range(20):
            user = f"user-{number}"
            self.post(self.a, user)
            eventually(lambda: len(reader.views()) > number)
            self.assertEqual(self.a.delete(f"/history?userId={user}").status, 200)
        eventually(lambda: len(reader.named("erased")) == 20)


class Erasure(OneStore):
    GONE = "erased-user"

    def send_old(self):
        """Views that the erased user's tombstone is to refuse, and others'."""
        users = [self.GONE, "another"] * 25
        self.random.shuffle(users)  # each replica is given some of both
        views = [made(self.random, user, viewedAt="2026-01-31T12:00:00Z")
                 for user in users]
        with channel_to(self.rabbit) as channel:
            for event, body in views:
                publish(channel, body, message_id=event)

    def of_user(self, reader):
        return [data for name, data, _ in list(reader.events)
                if name == "view" and data.get("userId") == self.GONE]

    def count_gone(self):
        return int(self.ask("SELECT count(*) FROM views WHERE user_id ="
                            f" '{self.GONE}'")[0])

    def test_an_erasure_at_one_holds_in_all(self):
        keeper = self.reader(self.b)  # what it is shown stays in the ring of b
        start = eventually(lambda: keeper.last_id)
        stop = self.background(self.send_old)
        eventually(lambda: len(self.of_user(keeper)) >= 300)
        answer = self.a.delete(f"/history?userId={self.GONE}")
        self.assertEqual(answer.status, 200, answer.body)
        page = self.b.get(f"/history?userId={self.GONE}").json()["history"]
        late = self.reader(self.b, last_id=start)
        self.assertEqual(page, [])
        shown = len(self.of_user(keeper))
        keep_for(2, lambda: self.count_gone() == 0)
        for replica in (self.a, self.b):
            eventually(lambda: metric(replica, "history_views_erased_total") > 0, 60)
        stop()
        eventually(lambda: len(late.views()) > 300)
        self.assertEqual(self.of_user(late), [])
        self.assertLess(len(self.of_user(keeper)) - shown, 100)

    def test_two_erasures_of_one_user_at_once_end_when_all_is_gone(self):
        for self.GONE in ("one", "another", "a third"):
            for _ in range(3):  # of the steps that an erasure takes
                self.send(1000, user=self.GONE)
            eventually(lambda: self.count_gone() == 3000, 60)
            left, answers = [], []

            def erase(replica):
                user = urllib.parse.quote(self.GONE)
                answer = replica.delete(f"/history?userId={user}")
                left.append(self.count_gone())
                answers.append(answer.status)

            threads = [threading.Thread(target=erase, args=(replica,))
                       for replica in (self.a, self.b)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual((answers, left), ([200, 200], [0, 0]))

    def test_an_erasure_whose_replica_was_killed_is_ended_by_another(self):
        self.send(2500, user=self.GONE)
        eventually(lambda: self.count_gone() == 2500, 60)
        rows = self.session(f"BEGIN; SELECT 1 FROM views WHERE user_id = '{self.GONE}'"
                            " FOR UPDATE;")
        eraser = threading.Thread(target=self.ask_to_erase, args=(self.a,))
        eraser.start()
        eventually(lambda: self.ask("SELECT pending_user_id FROM erased") == [self.GONE])
        self.a.kill()
        eraser.join()
        rows.stdin.write("COMMIT;\n")
        rows.stdin.flush()
        eventually(lambda: self.ask("SELECT count(*) FROM erased"
                                    " WHERE pending_user_id IS NULL") == ["1"], 60)
        self.assertEqual(self.count_gone(), 0)

    def ask_to_erase(self, replica):
        try:
            replica.delete(f"/history?userId={self.GONE}")
        except OSError:
            pass  # it was killed

    def test_no_view_of_an_erased_user_is_removed_to_be_restored(self):
        """Between the tombstone and the last of the views."""
        events = self.send(20, user=self.GONE)
        eventually(lambda: self.count_gone() == 20)
        rows = self.session(f"BEGIN; SELECT 1 FROM views WHERE user_id = '{self.GONE}'"
                            " FOR UPDATE;")
        eraser = threading.Thread(
            target=self.a.delete, args=(f"/history?userId={self.GONE}",))
        eraser.start()
        eventually(lambda: self.ask("SELECT count(*) FROM erased") == ["1"])
        answer = {}
        remover = threading.Thread(
            target=lambda: answer.update(it=self.b.delete(f"/history/{events[0]}")))
        remover.start()
        time.sleep(0.5)
        rows.stdin.write("COMMIT;\n")
        rows.stdin.flush()
        remover.join()
        eraser.join()
        self.assertEqual(answer["it"].status, 404)
        self.assertEqual(self.ask("SELECT count(*) FROM removed"), ["0"])
        self.assertEqual(self.count_gone(), 0)


class Leading(OneStore):
    def leads(self, replica):
        return metric(replica, "history_leads") == 1

    def leader(self):
        """(who leads, who does not); None: not exactly one."""
        leads = [self.leads(replica) for replica in (self.a, self.b)]
        if sorted(leads) != [False, True]:
            return None
        return (self.a, self.b) if leads[0] else (self.b, self.a)

    def test_what_is_to_be_done_once_is_done_by_one(self):
        leader, other = eventually(self.leader)
        done = metric(leader, "history_checkpoints_total")
        eventually(lambda: metric(leader, "history_checkpoints_total") > done + 1)
        self.assertEqual(metric(other, "history_checkpoints_total"), 0)

    def test_another_leads_within_seconds_of_a_kill_under_load_too(self):
        self.background(lambda: self.send(200))
        for _ in range(2):
            leader, other = eventually(self.leader)
            leader.kill()
            killed = time.monotonic()
            eventually(lambda: self.leads(other), 10)
            print(f"another leads {time.monotonic() - killed:.2f} s after a kill",
                  flush=True)
            leader.start()
            keep_for(1, lambda: not self.leads(leader))

    def test_a_leader_that_stands_still_is_followed_and_then_leads_no_more(self):
        leader, other = eventually(self.leader)
        leader.signal(signal.SIGSTOP)
        stopped = time.monotonic()
        try:
            eventually(lambda: self.leads(other), 40)
            took = time.monotonic() - stopped
        finally:
            leader.signal(signal.SIGCONT)
        went_on = time.monotonic()
        eventually(lambda: not self.leads(leader), 5)
        print(f"another leads {took:.1f} s after a stop; two said so for "
              f"{time.monotonic() - went_on:.2f} s", flush=True)
        self.assertTrue(self.leads(other))


class Stopped(OneStore):
    LONGEST_S = 15

    def in_transaction(self, name):
        return self.ask("SELECT count(*) FROM pg_stat_activity WHERE application_name"
                        f" = '{name}' AND state = 'idle in transaction'") != ["0"]

    def stop_in_transaction(self, replica, name):
        for _ in range(200):
            replica.signal(signal.SIGSTOP)
            if self.in_transaction(name):
                return
            replica.signal(signal.SIGCONT)
            time.sleep(self.random.uniform(0, 0.02))
        self.fail("it was never in a transaction")

    def test_one_that_stands_still_holds_the_others_up_for_seconds_only(self):
        reader = self.reader(self.b)
        sent = []
        stop = self.background(lambda: sent.extend(self.send(50)))
        eventually(lambda: metric(self.a, "history_views_new_total") > 100)
        self.addCleanup(self.a.signal, signal.SIGCONT)
        self.stop_in_transaction(self.a, "a")
        stopped = time.monotonic()
        posted = self.post(self.b)
        stored_s = time.monotonic() - stopped
        eventually(lambda: posted in reader.views(), 60)
        shown_s = time.monotonic() - stopped
        self.a.signal(signal.SIGCONT)
        stop()
        print(f"one stopped in a transaction: the other stored after {stored_s:.1f} s, "
              f"live readers were shown it after {shown_s:.1f} s", flush=True)
        self.assertLess(shown_s, self.LONGEST_S)
        eventually(lambda: set(sent) <= set(self.in_order()), 60)
        stored = self.in_order()
        eventually(lambda: len(reader.views()) >= len(stored))
        self.assertEqual(reader.views(), stored)

    def test_one_that_stands_still_in_a_copy_is_ended_by_the_others(self):
        """The server waits for its rows, and looks at no time-out there."""
        reader = self.reader(self.b)
        copying = self.session("BEGIN; SELECT announce_places(), nextval('places');")
        copying.stdin.write("COPY dismissed FROM STDIN;\n")
        copying.stdin.flush()
        stopped = time.monotonic()
        posted = self.post(self.b)
        keep_for(5, lambda: reader.views() == [])
        eventually(lambda: posted in reader.views(), 30)
        print("one stopped in a COPY: live readers were shown what was stored after "
              f"{time.monotonic() - stopped:.1f} s", flush=True)


if __name__ == "__main__":
    unittest.main()
