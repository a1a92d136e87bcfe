"""Both services, a broker of their own, a bad network before each, and people
who watch: what the fault rounds and the soak happen in, and what must hold."""

import collections
import json
import os
import random
import signal
import sqlite3
import subprocess
import tempfile
import threading
import uuid

import pika

from support.amqp import (
    DEAD_QUEUE, EXCHANGE, PERSISTENT, QUEUE, STREAM, channel_to, take,
)
from support.broker import Broker
from support.clips import folder_with_clips
from support.postgres import Postgres
from support.service import BIN, History, Streaming, run as run_program
from support.stores import ask, each, id_text, on_postgres
from support.waiting import eventually

# RabbitMQ 3.10 writes down half a second late that a stream was made. Killed
# before, it never gets that stream back.
STREAM_IS_KEPT_S = 2
# The services may be of another build than the tests' own programs.
TOOLS = os.environ.get("FLIXTUBE_TOOLS", BIN)
# A round of the comparison with the stream, and two looks of ten seconds at the
# queue where the broker did not tell that it was gone.
QUEUE_BACK_S = 60
ACCEPTED, UNSURE = 1, 2
VIEWER = "{run:08x}-0000-4000-8000-"


class Proxy:
    """tests/support/proxy.h as a program of its own."""

    def __init__(self, to_port):
        self.process = subprocess.Popen(
            [os.path.join(TOOLS, "proxy"), str(to_port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        self.port = int(self.process.stdout.readline())
        self.lock = threading.Lock()

    def tell(self, line):
        with self.lock:  # two faults at once
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        if answer != "ok\n":
            raise AssertionError(f"the proxy did not take: {line}")

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)


class Viewers:
    """tests/support/viewers.c: people who watch, at a rate, until told."""

    def __init__(self, port, journal, run, first, rate, threads=16):
        self.journal, self.run, self.first = journal, run, first
        self.process = subprocess.Popen(
            [os.path.join(TOOLS, "viewers"), str(port), "small.mp4", str(run),
             str(first), str(rate), str(threads), journal]
        )

    def count(self):
        """About how many were answered so far."""
        return os.path.getsize(self.journal) // 8 if os.path.exists(self.journal) else 0

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        if code != 0:
            raise AssertionError(f"the viewers ended with {code}")

    def states(self):
        """A byte for each number from `first` on: ACCEPTED, UNSURE or 0."""
        states = bytearray()
        with open(self.journal) as journal:
            for line in journal:
                at = int(line[2:]) - self.first
                if at >= len(states):
                    states.extend(bytes(at + 1 - len(states)))
                if states[at]:
                    raise AssertionError(f"number {at} is in the journal twice")
                states[at] = ACCEPTED if line[0] == "A" else UNSURE
        return states


class Others(threading.Thread):
    """Another service that publishes views: some twice, in any order, and some
    messages that can be none. What the broker has confirmed is accepted."""

    def __init__(self, url, name, seed, poison):
        super().__init__(daemon=True)
        self.url, self.name_of_user, self.with_poison = url, name, poison
        self.random = random.Random(seed)
        self.accepted, self.unsure, self.poison = set(), set(), set()
        self.stopping = threading.Event()
        self.error = None

    def run(self):
        while not self.stopping.is_set():
            try:
                with channel_to(self.url) as channel:
                    channel.confirm_delivery()
                    while not self.stopping.wait(0.01):
                        self.publish_one(channel)
            except (pika.exceptions.AMQPError, OSError):
                self.stopping.wait(0.1)
            except Exception as error:  # a mistake of the test itself
                self.error = error
                return

    def publish_one(self, channel):
        chance = self.random.random()
        if self.with_poison and chance < 0.1:
            self.publish_poison(channel)
            return
        sent = list(self.accepted | self.unsure)
        again = sent and chance < 0.4
        event = self.random.choice(sent) if again else str(uuid.uuid4())
        self.unsure.add(event)
        body = {"id": event, "userId": self.name_of_user, "videoPath": "./v.mp4"}
        channel.basic_publish(
            EXCHANGE, "", json.dumps(body),
            pika.BasicProperties(message_id=event, delivery_mode=PERSISTENT),
            mandatory=True,
        )
        self.accepted.add(event)

    def publish_poison(self, channel):
        body = b"poison " + uuid.uuid4().bytes
        channel.basic_publish(
            EXCHANGE, "", body, pika.BasicProperties(delivery_mode=PERSISTENT),
            mandatory=True,
        )
        self.poison.add(body)

    def stop(self):
        self.stopping.set()
        self.join(60)
        if self.error is not None or self.is_alive():
            raise AssertionError(f"the other publisher hangs: {self.error!r}")


class SmallDisk:
    """1 MB that fills up and is then given room."""

    def __init__(self, parent, size="1m", larger="64m"):
        self.folder = tempfile.mkdtemp(dir=parent)
        self.filler = os.path.join(self.folder, "filler")
        self.larger = larger
        if not self._mount(f"size={size}"):
            os.rmdir(self.folder)
            raise PermissionError("mount")

    def _mount(self, options):
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", self.folder],
            capture_output=True,
        )
        return done.returncode == 0

    def fill(self):
        with open(self.filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    def make_room(self):
        if not self._mount(f"remount,size={self.larger}"):
            raise AssertionError("the disk cannot be made larger")

    def remove(self):
        subprocess.run(["umount", "--lazy", self.folder], check=True)
        os.rmdir(self.folder)


class World:
    def __init__(self, folder, seed, **settings):
        self.folder, self.random = folder, random.Random(seed)
        self.broker = Broker.start_in(os.path.join(folder, "broker"))
        self.port = int(self.broker.url.rsplit(":", 1)[1])
        self.proxies = [Proxy(self.port), Proxy(self.port)]
        # Not the run's shared one: this one is killed.
        self.postgres = Postgres.start_in(
            os.path.join(folder, "postgres"), "--set", "fsync=off",
            "--set", "log_min_messages=fatal") if on_postgres() else None
        store = {"HISTORY_DB": self.postgres.add_database()} if on_postgres() else {}
        clips = folder_with_clips(folder, small=20000)
        common = settings.pop("common", {})
        self.views = History(
            folder, RABBIT=self._behind(0),
            **{"CHECKPOINT_S": 1, **store, **common, **settings.pop("history", {})},
        )
        self.videos = Streaming(
            folder, RABBIT=self._behind(1), VIDEOS=clips, SESSION_IDLE_MS=60000,
            **{**common, **settings.pop("streaming", {})},
        )
        self.run = seed & 0x7FFFFFFF
        self.next_viewer = 0
        self.journals = 0
        self.views.start()
        self.videos.start()
        self.dead = set()
        self.watching = None

    def _behind(self, number):
        return f"amqp://guest:guest@127.0.0.1:{self.proxies[number].port}"

    def service(self, name):
        return self.views if name == "history" else self.videos

    def viewers(self, rate, threads=16):
        self.journals += 1
        self.watching = Viewers(
            self.videos.port, os.path.join(self.folder, f"journal-{self.journals}"),
            self.run, self.next_viewer, rate, threads,
        )
        return self.watching

    def others(self, poison=True):
        self.journals += 1
        others = Others(self.broker.url, f"other-{self.journals}",
                        self.random.random(), poison)
        others.start()
        return others

    def heal(self):
        """Ends what a fault has left, so that all can come to rest."""
        self.broker.go_on()
        if self.postgres is not None:
            self.postgres.go_on()
        for proxy in self.proxies:
            for line in ("stall 0", "delay 0", "refuse 0"):
                proxy.tell(line)
        for service in (self.views, self.videos):
            if service.is_running():
                service.signal(signal.SIGCONT)
            else:
                service.start(ready=False)
        self.wait_queue()

    def wait_queue(self):
        """Until history has brought back what was deleted: what can be no view
        would be in the stream alone before, and stay there (docs/RECOVERY.md)."""

        def is_there():
            with channel_to(self.broker.url) as channel:
                queue = channel.queue_declare(QUEUE, passive=True).method
            bindings = self.broker.manage("GET", f"/bindings/%2F/e/{EXCHANGE}/q/{QUEUE}")
            return queue.consumer_count > 0 and bindings

        eventually(is_there, QUEUE_BACK_S)

    def stop(self):
        if self.watching is not None:
            self.watching.process.kill()
            self.watching.process.wait()
        for service in (self.videos, self.views):
            service.kill()
        for proxy in self.proxies:
            proxy.stop()
        if self.postgres is not None:
            self.postgres.go_on()
            self.postgres.stop()
        self.broker.stop()

    # --- the oracle ---------------------------------------------------------

    def database(self, service, name):
        return sqlite3.connect(
            f"file:{service.settings[name]}?mode=ro", uri=True, timeout=30
        )

    def outbox_depth(self):
        with self.database(self.videos, "OUTBOX_DB") as file:
            return file.execute("SELECT count(*) FROM outbox").fetchone()[0]

    def stored(self, run, first, count):
        """How often each viewer's view is in the store, and what else is."""
        times, others = bytearray(count), collections.Counter()
        prefix = VIEWER.format(run=run)
        for user, in each(self.views.settings["HISTORY_DB"],
                          "SELECT user_id FROM views"):
            if not user.startswith(prefix):
                others[user] += 1
                continue
            at = int(user[-12:], 16) - first
            if 0 <= at < count:
                times[at] += 1
            elif at >= count:
                others[user] += 1
        return times, others

    def missing(self, states, times):
        return [at for at, state in enumerate(states)
                if state == ACCEPTED and times[at] == 0]

    def stored_of(self, others):
        store = self.views.settings["HISTORY_DB"]
        rows = ask(store, f"SELECT {id_text(store)} FROM views"
                   f" WHERE user_id = '{others.name_of_user}'")
        return [str(uuid.UUID(row[0])) for row in rows]

    def take_dead(self):
        with channel_to(self.broker.url) as channel:
            while message := take(channel, DEAD_QUEUE):
                self.dead.add(message[1])
        return self.dead

    def check_others(self, others, timeout_s):
        """Theirs are stored once each, and what cannot be a view is set aside."""
        eventually(lambda: others.accepted <= set(self.stored_of(others)), timeout_s)
        stored = self.stored_of(others)
        if len(stored) != len(set(stored)) or not set(stored) <= others.unsure:
            raise AssertionError("a view of another service is doubled or invented")
        try:
            eventually(lambda: others.poison <= self.take_dead(), timeout_s)
        except AssertionError as error:
            lost = others.poison - self.dead
            raise AssertionError(
                f"of {len(others.poison)} messages that can be no view {len(lost)} "
                f"are no dead letters; the stream has {len(lost & self.in_stream())} "
                f"of these") from error
        return len(others.accepted) + len(others.poison)

    def in_stream(self):
        """The bodies of all messages that the stream keeps."""
        bodies = set()
        with channel_to(self.broker.url) as channel:
            channel.basic_qos(prefetch_count=1000)
            for method, _, body in channel.consume(
                STREAM, inactivity_timeout=5, arguments={"x-stream-offset": "first"}
            ):
                if method is None:
                    return bodies
                bodies.add(body)
                channel.basic_ack(method.delivery_tag)

    def check(self, viewers, others=None, timeout_s=60):
        """Accepted = stored, once each; nothing else came; the files are good."""
        return self.check_viewers(viewers, timeout_s) + (
            self.check_others(others, timeout_s) if others else 0)

    def check_viewers(self, viewers, timeout_s):
        states = viewers.states()
        self.next_viewer = viewers.first + len(states)

        def all_there():
            if self.outbox_depth() > 0:
                return False
            self.times, self.strange = self.stored(
                viewers.run, viewers.first, len(states)
            )
            return not self.missing(states, self.times)

        try:
            eventually(all_there, timeout_s, every_s=0.1)
        except AssertionError as error:
            lost = self.missing(states, self.times)
            raise AssertionError(
                f"{len(lost)} accepted views are not stored ({lost[:5]}…), "
                f"{self.outbox_depth()} in the outbox"
            ) from error
        doubled = [at for at, times in enumerate(self.times) if times > 1]
        invented = [at for at, state in enumerate(states)
                    if state == 0 and self.times[at]]
        strange = [user for user in self.strange
                   if not user.startswith("other-")]
        if doubled or invented or strange:
            raise AssertionError(f"doubled {doubled[:5]}, invented {invented[:5]} "
                                 f"{strange[:5]}")
        self.check_files()
        return sum(state == ACCEPTED for state in states)

    def check_files(self):
        with self.database(self.videos, "OUTBOX_DB") as file:
            answer = file.execute("PRAGMA integrity_check").fetchall()
        if answer != [("ok",)]:
            raise AssertionError(f"OUTBOX_DB: {answer[:3]}")
        done = run_program("history", "verify", env=self.views.settings, timeout_s=900)
        if done.returncode != 0:
            raise AssertionError(f"HISTORY_DB: {done.stdout}{done.stderr}")
