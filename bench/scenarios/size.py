"""The same work at several sizes of the store: it must not cost more."""

import os

from harness.figures import Figure
from scenarios import drain, query, start


class SizeFigures:
    def __init__(self, rows):
        def figure(key, work, unit, more=True):
            return Figure(f"size_{rows}_{key}", f"{work}, {rows:,} rows", unit, more)

        self.rows = rows
        self.drain = figure("drain", "drain", "views/s").at_least(0.75, "bare rabbitmq-c")
        self.cpu = figure("cpu", "CPU of a drain", "us a view", False)
        self.peak = figure("peak", "peak memory of a drain", "MB", False)
        self.gap = figure("gap", "longest time without a commit", "ms", False)
        self.user = figure("user", "a user's page", "requests/s")
        self.newest = figure("newest", "the newest page", "requests/s")
        self.deep = figure("deep", "a deep page", "requests/s")
        self.deep.at_least(0.95, "the newest page")
        self.query_cpu = figure("query_cpu", "CPU of a user's page", "us a query", False)
        self.bytes = figure("bytes", "the file", "bytes a view", False)
        self.start = start.StartFigures(rows, f"size_{rows}_")

    def all(self):
        return [self.drain, self.cpu, self.peak, self.gap, self.user, self.newest, self.deep,
                self.query_cpu, self.bytes, *self.start.all()]

    def measure_drain(self, bench, db):
        found = drain.ours_into(bench, db, bench.options.views)
        self.drain.add("ours", found["views_per_s"])
        self.cpu.add("ours", found["cpu_s_per_million"])
        self.peak.add("ours", found["peak_mb"])
        self.gap.add("ours", found["longest_gap_ms"])
        self.bytes.add("ours", os.path.getsize(db) / drain.rows_in(db))

    def measure_pages(self, bench, db):
        depth = min(query.DEEP_MAX, self.rows * 9 // 10)
        with bench.history(db) as history:
            pages = query.pages_of(bench, history.port, self.rows, depth)
            before = history.cpu_s()
            found = query.load(bench, history.port, pages["user"])
            self.query_cpu.add("ours", (history.cpu_s() - before) / found["requests"] * 1e6)
            self.user.add("ours", found["requests_per_s"])
            found = query.load(bench, history.port, pages["newest"])
            self.newest.add("ours", found["requests_per_s"])
            self.deep.add("the newest page", found["requests_per_s"])
            found = query.load(bench, history.port, pages["deep"])
            self.deep.add("ours", found["requests_per_s"])


def run(bench):
    sizes = [SizeFigures(rows) for rows in bench.options.sizes]
    stores = {size.rows: bench.store(size.rows) for size in sizes}
    bench.declare_queues()
    for number in range(bench.options.rounds):
        bench.say(f"size: round {number + 1} of {bench.options.rounds}")
        bare = drain.bare(bench, bench.options.views)["views_per_s"]
        for size in sizes:
            size.drain.add("bare rabbitmq-c", bare)
            size.measure_pages(bench, stores[size.rows])
            size.measure_drain(bench, stores[size.rows])
            size.start.measure(bench, stores[size.rows])
    return [figure for size in sizes for figure in size.all()]
