"""From the start of the program to its first answer, with a large store."""

import os
import time

from harness.figures import Figure
from harness.programs import answers
from scenarios import drain

LIMIT_S = 1


def forget_pages(db):
    """The file's pages leave the system's cache, as after a boot."""
    for path in (db, db + "-wal"):
        if os.path.exists(path):
            with open(path, "rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def start_s(bench, db):
    """Until /healthz answers, which is after the store was opened."""
    began = time.monotonic()
    with bench.history(db, wait=False) as program:
        answers(program, program.port)
        return time.monotonic() - began


def kill_in_a_drain(bench, db):
    """Leaves a store as a crash does: a WAL, and views that are not merged."""
    rows = drain.rows_in(db)
    views = bench.options.views
    bench.load_queue(rows, views)
    watcher = drain.watch(bench, db, rows + views)
    with bench.history(db, wait=False) as program:
        drain.watched(watcher)
        program.kill()


class StartFigures:
    def __init__(self, rows, prefix=""):
        size = f"{rows:,} rows"
        self.cold = Figure(f"{prefix}start_cold", f"start with {size}, nothing of it in memory",
                           "s", False).limit(LIMIT_S)
        self.warm = Figure(f"{prefix}start_warm", f"start with {size} again", "s", False)
        self.warm.limit(LIMIT_S)
        self.killed = Figure(f"{prefix}start_killed", f"start with {size} after a kill in a drain",
                             "s", False).limit(LIMIT_S)

    def all(self):
        return [self.cold, self.warm, self.killed]

    def measure(self, bench, db):
        forget_pages(db)
        self.cold.add("ours", start_s(bench, db))
        self.warm.add("ours", start_s(bench, db))
        kill_in_a_drain(bench, db)
        self.killed.add("ours", start_s(bench, db))
        bench.take_queue()


def run(bench):
    rows = bench.options.store_rows
    db = bench.store(rows)
    bench.declare_queues()
    figures = StartFigures(rows)
    for number in range(bench.options.rounds):
        bench.say(f"start: round {number + 1} of {bench.options.rounds}")
        figures.measure(bench, db)
    return figures.all()
