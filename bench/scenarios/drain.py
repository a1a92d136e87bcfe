"""A backlog in the quorum queue, taken into the store."""

import contextlib
import json
import os
import sqlite3
import subprocess
import time

from harness.figures import Figure, alternating
from harness.programs import Failed

# As the reference does it is so slow that a small backlog says it all.
REFERENCE_PART = 10
WATCH_S = 1200
# A peer that ends at once takes acks with it that it has given.
ACKS_S = 1


def watch(bench, db, last_row):
    """Runs beside a consumer; its end is that of the drain."""
    return bench.programs.start(
        [bench.program("watch_commits"), db, str(last_row), str(WATCH_S)],
        stdout=subprocess.PIPE,
    )


def watched(watcher):
    output, _ = watcher.process.communicate(timeout=WATCH_S + 10)
    if watcher.process.returncode != 0:
        raise Failed(watcher.log())
    return json.loads(output.splitlines()[-1])


def rows_in(db):
    if not os.path.exists(db):
        return 0
    # Closed at once: closing the file by other means, as start.py does, would
    # take the locks away from a connection of this process.
    with contextlib.closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT coalesce(max(seq), 0) FROM views").fetchone()[0]


def drain_into(bench, db, views, start):
    """start(db) is a consumer to run, as `with` takes it. What watch_commits
    found, with cpu_s and peak_mb of the whole process."""
    rows = rows_in(db)
    bench.load_queue(rows, views)
    watcher = watch(bench, db, rows + views)
    with start(db) as program:
        found = watched(watcher)
        found["cpu_s_per_million"] = program.cpu_s() / views * 1e6
        found["peak_mb"] = program.peak_mb()
        time.sleep(ACKS_S)
    bench.check_queue_is_empty()
    found["views_per_s"] = found["views"] / found["seconds"]
    return found


def ours_into(bench, db, views):
    return drain_into(bench, db, views, lambda path: bench.history(path, wait=False))


def peer_into(bench, name, db, views):
    return drain_into(bench, db, views, lambda path: bench.node(name, path, wait=False))


def bare(bench, views):
    bench.load_queue(0, views)
    found = bench.result("bare_drain", bench.rabbit, views)
    bench.check_queue_is_empty()
    found["views_per_s"] = found["views"] / found["seconds"]
    return found


def fresh(bench, name, measure):
    db = bench.new_db(f"{name}.db")
    found = measure(db)
    bench.remove_db(db)
    return found


class DrainFigures:
    def __init__(self, views, rows):
        size = f"{views:,} views"
        self.rate = Figure("drain", f"drain {size} from the queue into the store", "views/s")
        self.rate.at_least(0.85, "bare rabbitmq-c").at_least(4, "Node, tuned")
        self.rate.at_least(20, "Node, as the reference")
        self.big = Figure("drain_big", f"the same into a store of {rows:,} rows", "views/s")
        self.big.at_least(0.75, "bare rabbitmq-c")
        self.cpu = Figure("drain_cpu", "CPU of a drain", "s per million views", False)
        self.cpu.at_most(0.5, "Node, tuned")
        self.peak = Figure("drain_peak", "peak memory of a drain", "MB", False).limit(48)
        self.gap = Figure("drain_gap", "longest time without a commit in a drain", "ms", False)
        self.gap.limit(100)
        self.gap_big = Figure("drain_big_gap", f"the same into {rows:,} rows", "ms", False)
        self.gap_big.limit(100)
        self.peak_big = Figure("drain_big_peak", f"peak memory of a drain into {rows:,} rows",
                               "MB", False).limit(48)

    def all(self):
        return [self.rate, self.big, self.cpu, self.peak, self.peak_big, self.gap, self.gap_big]

    def take(self, who, found):
        self.rate.add(who, found["views_per_s"])
        if "cpu_s_per_million" in found:
            self.cpu.add(who, found["cpu_s_per_million"])
            self.peak.add(who, found["peak_mb"])
            self.gap.add(who, found["longest_gap_ms"])


def run(bench):
    views, rows = bench.options.views, bench.options.store_rows
    big_store = bench.store(rows)
    figures = DrainFigures(views, rows)

    def into_big():
        found = ours_into(bench, big_store, views)
        figures.big.add("ours", found["views_per_s"])
        figures.gap_big.add("ours", found["longest_gap_ms"])
        figures.peak_big.add("ours", found["peak_mb"])

    def bare_drain():
        found = bare(bench, views)
        figures.rate.add("bare rabbitmq-c", found["views_per_s"])
        figures.big.add("bare rabbitmq-c", found["views_per_s"])
        figures.cpu.add("bare rabbitmq-c", found["cpu_s"] / views * 1e6)

    def ours():
        figures.take("ours", fresh(bench, "ours", lambda db: ours_into(bench, db, views)))

    def peer(who, name, count):
        def measure():
            found = fresh(bench, name, lambda db: peer_into(bench, name, db, count))
            figures.take(who, found)

        return measure

    steps = [ours, bare_drain, into_big]
    if bench.has_peers():
        steps.insert(2, peer("Node, tuned", "tuned", views))
        steps.append(peer("Node, as the reference", "reference",
                          max(10000, views // REFERENCE_PART)))
    for number in range(bench.options.rounds):
        bench.say(f"drain: round {number + 1} of {bench.options.rounds}")
        for step in alternating(steps, number):
            step()
    return figures.all()
