"""A store that was lost comes back from the stream; and what the stream alone can
give."""

import contextlib
import os
import sys

from harness.bench import ROOT, USERS
from harness.figures import Figure, alternating
from harness.postgres import Postgres
from harness.programs import Failed

sys.path.insert(0, os.path.join(ROOT, "tests"))
from support.broker import Broker  # noqa: E402

TIMEOUT_S = 3600


class Figures:
    def __init__(self, views):
        self.rate = Figure("replay", f"history replay --from first of {views:,} views into a "
                           "store that is not there", "views/s")
        self.rate.at_least(0.9, "bare drain of the stream")
        self.postgres = Figure("replay_postgres", "the same into an empty PostgreSQL", "views/s")
        self.seconds = Figure("replay_seconds", "until all is there, the start of the command "
                              "and its end included", "s", False)

    def all(self):
        return [self.rate, self.postgres, self.seconds]


class Work:
    """A stream that has the views, and what the store said that had them first."""

    def __init__(self, bench, url):
        self.bench = bench
        self.url = url
        self.views = bench.options.views
        self.figures = Figures(self.views)
        bench.result("load", url, 0, self.views, USERS, "viewed", timeout_s=TIMEOUT_S)
        db = bench.new_db("first.db")
        self.replay(db)
        self.digest = self.digest_of(db)
        bench.remove_db(db)

    def command(self, db, *words):
        command = [self.bench.program("history"), *words, "--json"]
        env = {"RABBIT": self.url, "HISTORY_DB": db}
        return self.bench.programs.result(command, TIMEOUT_S, env)

    def replay(self, db):
        found = self.command(db, "replay", "--from", "first")
        if (found["read"], found["new"]) != (self.views, self.views):
            raise Failed(f"not all came back: {found}")
        return found

    def digest_of(self, db):
        found = self.command(db, "verify")
        if not found["good"] or found["views"] != self.views:
            raise Failed(f"the store is not good: {found}")
        return found["digest"]

    def lose_and_replay(self, db):
        found = self.replay(db)
        if self.digest_of(db) != self.digest:
            raise Failed("another digest came back")
        return found

    def sqlite(self):
        db = self.bench.new_db("replay.db")
        found = self.lose_and_replay(db)
        self.bench.remove_db(db)
        self.figures.rate.add("ours", found["read"] / found["seconds"])
        self.figures.seconds.add("ours", found["seconds"])

    def bare(self):
        found = self.bench.result("bare_drain", self.url, self.views, "stream",
                                  timeout_s=TIMEOUT_S)
        self.figures.rate.add("bare drain of the stream", found["views"] / found["seconds"])

    def postgres(self, server, number):
        with server.database(f"replay_{number}") as db:
            found = self.lose_and_replay(db)
        self.figures.postgres.add("ours", found["read"] / found["seconds"])


def run(bench):
    bench.declare_queues()  # which starts the broker
    broker = Broker(os.path.join(bench.folder, "broker"))
    server = Postgres(os.path.join(bench.folder, "postgres"))
    url = broker.add_vhost()
    with contextlib.ExitStack() as ends:
        ends.callback(server.stop)
        ends.callback(broker.remove_vhost, url)
        work = Work(bench, url)
        for number in range(bench.options.rounds):
            bench.say(f"replay: round {number + 1} of {bench.options.rounds}")
            steps = [work.sqlite, work.bare]
            for step in alternating(steps, number):
                step()
            work.postgres(server, number)
        return work.figures.all()
