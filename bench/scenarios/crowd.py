"""Queries and ingest while a thousand readers follow the history live and a
thousand clients never end their request; beside the same without them."""

import contextlib
import json
import subprocess
import threading

from harness import wrk
from harness.figures import Figure, alternating
from harness.programs import Failed
from scenarios import query

FOLLOWERS = 950  # each of one user
LISTENERS = 50  # each of all
SLOW = 1000
CONNECTIONS_MAX = 4096
VIEWS_PER_S = 1000
MORE_S = 2  # the views begin before the queries and end after them
GRACE_S = 60
NO_BROKER = "amqp://guest:guest@127.0.0.1:1"


class CrowdFigures:
    def __init__(self):
        who = f"{FOLLOWERS + LISTENERS:,} live readers and {SLOW:,} slow clients"
        self.queries = Figure("crowd_queries", f"a user's page beside {who}", "requests/s")
        self.p95 = Figure("crowd_p95", "95th percentile of it", "ms", False)
        self.seen = Figure("crowd_visible", f"publish to visible at {VIEWS_PER_S:,} views/s"
                           " beside all of it, 99th percentile", "ms", False)
        self.events = Figure("crowd_events", "views told to the readers", "events/s")
        self.memory = Figure("crowd_memory", "memory of history, mapped files apart", "MB", False)
        self.cut = Figure("crowd_cut", "slow clients that were cut", "a second")

    def all(self):
        return [self.queries, self.p95, self.seen, self.events, self.memory, self.cut]


@contextlib.contextmanager
def crowd(bench, port, figures, seconds):
    program = bench.programs.start(
        [bench.program("crowd"), str(port), str(FOLLOWERS), str(LISTENERS), str(SLOW)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    if not program.process.stdout.readline():
        raise Failed(program.log())
    yield
    program.process.stdin.close()
    line = program.process.stdout.readline()
    if program.process.wait(GRACE_S) != 0:
        raise Failed(program.log())
    found = json.loads(line)
    if found["readers_cut"]:
        raise Failed(f"readers were cut: {found}")
    figures.events.add("ours", found["events"] / seconds)
    figures.cut.add("ours", found["slow_cut"] / seconds)


def measure(bench, seen_port, port, targets):
    """(the queries, the views): at the same time."""
    seconds = bench.options.seconds
    views = []
    publisher = threading.Thread(target=lambda: views.append(bench.result(
        "visible", bench.rabbit, seen_port, VIEWS_PER_S, seconds + MORE_S)))
    publisher.start()
    try:
        found = wrk.load(bench, port, targets, query.CONNECTIONS, seconds)
    finally:
        publisher.join()
    if not views:
        raise Failed("the views were not all seen")
    return found, views[0]


def run(bench):
    rows = bench.options.store_rows
    db = bench.store(rows)
    targets = query.user_pages(bench.users_of(rows))
    figures = CrowdFigures()
    bench.declare_queues()

    def step(who, surroundings):
        def go():
            with bench.history(db, HTTP_CONNECTIONS_MAX=CONNECTIONS_MAX,
                               LIVE_READERS_MAX=FOLLOWERS + LISTENERS) as history:
                with surroundings(history.port):
                    found, views = measure(bench, history.port, history.port, targets)
                    figures.memory.add(who, history.own_mb())
            figures.queries.add(who, found["requests_per_s"])
            figures.p95.add(who, found["p95_ms"])
            figures.seen.add(who, views["p99_ms"])

        return go

    def bare_delivery():
        """The broker's part of it: the views go to a client that does nothing,
        beside the same queries."""
        with bench.history(db, RABBIT=NO_BROKER) as history:
            _, views = measure(bench, 0, history.port, targets)
        figures.seen.add("bare delivery, without them", views["p99_ms"])
        bench.check_queue_is_empty()

    seconds = bench.options.seconds + MORE_S
    steps = [step("ours", lambda port: crowd(bench, port, figures, seconds)),
             step("without them", lambda port: contextlib.nullcontext()),
             bare_delivery]
    for number in range(bench.options.rounds):
        bench.say(f"crowd: round {number + 1} of {bench.options.rounds}")
        for go in alternating(steps, number):
            go()
    return figures.all()
