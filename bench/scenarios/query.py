"""GET /history under load: pages of a user, of all, and deep ones."""

import contextlib
import json
import os
import random
import subprocess

from harness import wrk
from harness.figures import Figure, alternating
from harness.programs import Failed, answers, get
from scenarios import drain

CONNECTIONS = 32
LIMIT = 20
TARGETS = 1000
DEEP_PLACES = 50
DEEP_MAX = 1000000
USER = "018f3c1e-7b2a-7000-8000-{:012d}"
# What MHD adds by itself.
OWN_HEADERS = ("date", "content-length", "connection")


def user_pages(users):
    draw = random.Random(1)
    return [f"/history?userId={USER.format(draw.randrange(users))}&limit={LIMIT}"
            for _ in range(TARGETS)]


def deep_pages(port, depth):
    """Pages from about so many rows on, by their cursors."""
    draw = random.Random(2)
    paths = []
    for _ in range(DEEP_PLACES):
        skip = int(depth * draw.uniform(0.9, 1))
        _, _, body = get(port, f"/history?skip={skip}&limit={LIMIT}")
        paths.append(json.loads(body)["next"])
    return paths


@contextlib.contextmanager
def bare_http(bench, mode, like):
    """libmicrohttpd alone, which answers as that answer of ours is."""
    _, headers, body = like
    headers_path = os.path.join(bench.scratch, "headers")
    body_path = os.path.join(bench.scratch, "body")
    with open(headers_path, "w") as file:
        for name, value in headers.items():
            if name.lower() not in OWN_HEADERS:
                file.write(f"{name}: {value}\n")
    with open(body_path, "wb") as file:
        file.write(body)
    program = bench.programs.start(
        [bench.program("bare_http"), mode, "1024", headers_path, body_path],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )
    try:
        line = program.process.stdout.readline()
        if not line:
            raise Failed(program.log())
        program.port = json.loads(line)["port"]
        answers(program, program.port)
        yield program
    finally:
        program.process.stdin.close()
        program.process.wait(30)


def load(bench, port, targets):
    return wrk.load(bench, port, targets, CONNECTIONS, bench.options.seconds)


def page_figure(key, work):
    figure = Figure(key, work, "requests/s")
    return figure.at_least(0.8, "bare libmicrohttpd").at_least(5, "Node, tuned")


class QueryFigures:
    def __init__(self, rows, depth):
        size = f"{rows:,} rows"
        self.user = page_figure(
            "query_user", f"GET /history?userId=…&limit={LIMIT} of {size}, {CONNECTIONS} connections")
        self.newest = page_figure("query_newest", f"GET /history?limit={LIMIT}, the same")
        self.deep = Figure("query_deep", f"a page {depth:,} rows deep, by cursor", "requests/s")
        self.deep.at_least(0.95, "the first page")
        self.p95 = Figure("query_p95", "95th percentile of a user's page while a drain runs",
                          "ms", False)
        self.p95.at_most(3, "idle")

    def all(self):
        return [self.user, self.newest, self.deep, self.p95]


def bare_step(bench, mode, who, figures, targets):
    def measure():
        for figure, paths, like in targets:
            with bare_http(bench, mode, like) as program:
                found = load(bench, program.port, paths)
            figure.add(who, found["requests_per_s"])

    return measure


def peer_step(bench, rows, figures):
    db = bench.store(rows, "peer")

    def measure():
        with bench.node("tuned", db) as program:
            for figure, paths in ((figures.user, user_pages(bench.users_of(rows))),
                                  (figures.newest, [f"/history?limit={LIMIT}"])):
                found = load(bench, program.port, paths)
                figure.add("Node, tuned", found["requests_per_s"])

    return measure


def ours_step(bench, port, figures, pages):
    def measure():
        found = load(bench, port, pages["user"])
        figures.user.add("ours", found["requests_per_s"])
        figures.p95.add("idle", found["p95_ms"])
        newest = load(bench, port, pages["newest"])
        figures.newest.add("ours", newest["requests_per_s"])
        figures.deep.add("the first page", newest["requests_per_s"])
        found = load(bench, port, pages["deep"])
        figures.deep.add("ours", found["requests_per_s"])

    return measure


def pages_of(bench, port, rows, depth):
    return {
        "user": user_pages(bench.users_of(rows)),
        "newest": [f"/history?limit={LIMIT}"],
        "deep": deep_pages(port, depth),
    }


def run(bench):
    rows = bench.options.store_rows
    depth = min(DEEP_MAX, rows * 9 // 10)
    db = bench.store(rows)
    figures = QueryFigures(rows, depth)
    bench.declare_queues()
    with bench.history(db) as history:
        pages = pages_of(bench, history.port, rows, depth)
        likes = [(figures.user, pages["user"], get(history.port, pages["user"][0])),
                 (figures.newest, pages["newest"], get(history.port, pages["newest"][0]))]
        steps = [ours_step(bench, history.port, figures, pages),
                 bare_step(bench, "thread", "bare libmicrohttpd", figures, likes),
                 bare_step(bench, "epoll", "bare libmicrohttpd, epoll", figures, likes)]
        if bench.has_peers():
            steps.append(peer_step(bench, rows, figures))
        for number in range(bench.options.rounds):
            bench.say(f"query: round {number + 1} of {bench.options.rounds}")
            for step in alternating(steps, number):
                step()
    for _ in range(bench.options.rounds):
        figures.p95.add("ours", busy_p95_ms(bench, db, pages["user"]))
    return figures.all()


def busy_p95_ms(bench, db, targets):
    """Of the queries while the program takes views in; the load on it ends
    before the queue does, or the figure would be of a quiet store in part."""
    views = bench.options.views * 2
    rows = drain.rows_in(db)
    bench.load_queue(rows, views)
    with bench.history(db) as history:
        found = wrk.load(bench, history.port, targets, CONNECTIONS,
                         max(1, bench.options.seconds // 2))
        if drain.rows_in(db) >= rows + views:
            raise Failed("the queue was empty before the load ended: give more --views")
        watcher = drain.watch(bench, db, rows + views)
        drain.watched(watcher)
    bench.check_queue_is_empty()
    return found["p95_ms"]
