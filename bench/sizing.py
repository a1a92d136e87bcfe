#!/usr/bin/python3
"""What a rate of views needs: cores, queues, disks and network, by arithmetic
on what bench/ measured. docs/SCALE.md has what it prints.

  bench/sizing.py                       print it
  bench/sizing.py --write | --check     put it into docs/SCALE.md, or compare
  bench/sizing.py --rates 500,2500 --keep-days 90 …   with numbers of your own

What was not measured is not guessed: a cell then says so. What is assumed is in
ASSUMED, printed with the rest, and an option each.

It reads bench/results/*.json, each written by the scenario of that name: of a
figure's "ours" the median. The keys, with their units:

size.json, for the largest store that was measured, ROWS (and what one machine
does comes from publish.json, latency.json and query.json, too):
  size_ROWS_cpu            us a view     history with SQLite, in a drain
  size_ROWS_drain          views/s       what one such history takes
  size_ROWS_query_cpu      us a query    a page of one user's history
  size_ROWS_bytes          bytes a view  the file
scale.json:
  scale_publish_one        views/s       what one quorum queue takes
  scale_cluster_cpu        us a view     three nodes together, in and out
  scale_stream_bytes       bytes a view  the stream, and so a message
  scale_streaming_cpu      us a view     the report that counts, until it is published
  scale_report_cpu         us a report   one that does not count
postgres.json, with size_ROWS_ after postgres_ where there are several sizes:
  postgres_drain           views/s       one history, one store
  postgres_drain_two       views/s       two histories, one store, together
  postgres_drain_cpu       us a view     the histories
  postgres_drain_server_cpu  us a view   all of the server's processes
  postgres_wal_bytes       bytes a view  its log of changes
  postgres_bytes           bytes a view  the data files
  postgres_query_cpu       us a query    the history
  postgres_query_server_cpu  us a query  all of the server's processes
"""

import argparse
import json
import math
import os
import re
import sys
from statistics import median

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RESULTS = os.path.join(ROOT, "bench", "results")
DOCUMENT = os.path.join(ROOT, "docs", "SCALE.md")
BEGIN, END = "<!-- bench/sizing.py: begin -->", "<!-- bench/sizing.py: end -->"

RATES = [1000, 3000, 10000, 30000, 100000, 300000, 1000000]
NODES = 3  # of a broker, as scale_cluster_cpu was measured
QUEUES_MAX = 64  # schema/topology.h
# A message leaves the queue's leader for two other nodes, once for the queue and
# once for the stream, and for a history.
SENT_BY_BROKER = 2 + 2 + 1
DAY_S = 86400
STREAM_BYTES = 20e9  # STREAM_MAX_BYTES where nothing else is said
NONE = "not measured"

# Name, value, what it is.
ASSUMED = [
    ("busy", 0.6, "share of a core, a queue, a link or a disk that is planned to be used"),
    ("mean", 0.5, "a day's mean rate, of its peak"),
    ("queries-per-view", 1.0, "pages of a user's history asked for, for each view"),
    ("reports-per-view", 60, "POST /progress for each view: five minutes of one every 5 s"),
    ("keep-days", 365, "how long the history is kept"),
    ("stream-days", 30, "how long the stream is kept (STREAM_MAX_AGE_S)"),
    ("machine-cores", 32, "cores of one machine"),
    ("link-gbit", 25, "network of one machine, Gbit/s"),
    ("disk-tb", 16, "disk of one machine, TB"),
]

# What all of it, on one machine, has been seen to do. Key, unit, what it is.
ONE_MACHINE = [
    ("publish_progress", "requests/s", "reports that count, until they are on disk"),
    ("publish_viewed", "requests/s", "`POST /viewed`, a view each"),
    ("latency_p99", "ms", "from publishing to the history, 99th percentile, at 1,000 views/s"),
    ("query_p95", "ms", "a user's page while a backlog is taken in, 95th percentile"),
]
FILES = ("size", "scale", "postgres", "publish", "latency", "query")

# Key, unit, what it is.
MEASURED = {
    "sqlite_cpu": ("us a view", "history with SQLite, CPU"),
    "sqlite_drain": ("views/s", "history with SQLite, the most it takes"),
    "sqlite_query_cpu": ("us a query", "history with SQLite, CPU of a user's page"),
    "sqlite_bytes": ("bytes a view", "SQLite's file"),
    "postgres_drain": ("views/s", "one history with PostgreSQL, the most it takes"),
    "postgres_drain_two": ("views/s", "two histories with one PostgreSQL, together"),
    "postgres_drain_cpu": ("us a view", "history with PostgreSQL, CPU"),
    "postgres_drain_server_cpu": ("us a view", "PostgreSQL itself, CPU"),
    "postgres_query_cpu": ("us a query", "history with PostgreSQL, CPU of a user's page"),
    "postgres_query_server_cpu": ("us a query", "PostgreSQL itself, CPU of it"),
    "postgres_bytes": ("bytes a view", "PostgreSQL's data files"),
    "postgres_wal_bytes": ("bytes a view", "PostgreSQL's log of changes (WAL)"),
    "scale_publish_one": ("views/s", "one quorum queue, the most that was put into it"),
    "scale_cluster_cpu": ("us a view", f"broker of {NODES} nodes, CPU of all"),
    "scale_stream_bytes": ("bytes a view", "the stream on a node's disk; taken for a message"),
    "scale_streaming_cpu": ("us a view", "streaming, CPU of the report that counts"),
    "scale_report_cpu": ("us a report", "streaming, CPU of one that does not"),
}


class Sources:
    """The figures of one results folder, by key: (median, where from)."""

    def __init__(self, folder):
        self.figures, self.units, self.machines = {}, {}, {}
        for name in FILES:
            path = os.path.join(folder, f"{name}.json")
            if os.path.exists(path):
                with open(path) as file:
                    self._add(name, json.load(file))

    def _add(self, name, result):
        machine = result["machine"]
        text = f"{machine['cores']} cores ({machine['processor']}), {result['made']}"
        self.machines[f"{name}.json"] = text
        for figure in result["figures"]:
            values = figure["values"].get("ours")
            if values:
                self.figures[figure["key"]] = (median(values), f"{name}.json")
                self.units[figure["key"]] = figure["unit"]

    def find(self, name):
        """(value, "file, key"), or None where it was not measured."""
        key = self._key(name)
        if key is None:
            return None
        if self.units[key] != MEASURED[name][0]:
            sys.exit(f"sizing: {key} is in {self.units[key]}, not in {MEASURED[name][0]}")
        value, file = self.figures[key]
        return value, f"`{file}`, `{key}`"

    def value(self, key):
        return self.figures[key][0] if key in self.figures else None

    def sizes(self):
        """Rows of the stores that were measured, rising."""
        return sorted(int(match.group(1)) for key in self.figures
                      if (match := re.fullmatch(r"size_(\d+)_drain", key)))

    def _key(self, name):
        """The figure of the largest store, or the one without a size."""
        if name.startswith("sqlite_"):
            form = rf"size_(\d+)_{name.removeprefix('sqlite_')}"
        else:
            form = name.replace("postgres_", r"postgres_size_(\d+)_", 1)
        sized = [(int(match.group(1)), key) for key in self.figures
                 if form != name and (match := re.fullmatch(form, key))]
        if sized:
            return max(sized)[1]
        return name if name in self.figures else None


class Sizes:
    """What a peak rate needs; None wherever something was not measured."""

    def __init__(self, rate, costs, assumed):
        self.rate, self.costs, self.assumed = rate, costs, assumed

    def _cost(self, *parts):
        """The sum of (key, times) in us a view; None where one is not known."""
        values = [self.costs.get(key) for key, _ in parts]
        if None in values:
            return None
        return sum(value * times for value, (_, times) in zip(values, parts))

    def _cores(self, us):
        return None if us is None else self.rate * us / 1e6 / self.assumed["busy"]

    def streaming_cores(self):
        return self._cores(self._cost(
            ("scale_streaming_cpu", 1),
            ("scale_report_cpu", self.assumed["reports-per-view"] - 1)))

    def broker_cores(self):
        return self._cores(self._cost(("scale_cluster_cpu", 1)))

    def queues(self):
        carries = self.costs.get("scale_publish_one")
        return carries and max(1, math.ceil(self.rate / (carries * self.assumed["busy"])))

    def broker_gbit(self):
        size = self.costs.get("scale_stream_bytes")
        return size and self.rate * size * SENT_BY_BROKER * 8 / 1e9

    def brokers(self):
        """Clusters, by their cores and by their network."""
        cores, gbit, queues = self.broker_cores(), self.broker_gbit(), self.queues()
        if None in (cores, gbit, queues):
            return None
        link = NODES * self.assumed["link-gbit"] * self.assumed["busy"]
        return max(1, math.ceil(cores / (NODES * self.assumed["machine-cores"])),
                   math.ceil(gbit / link), math.ceil(queues / QUEUES_MAX))

    def sqlite_takes_it(self):
        most = self.costs.get("sqlite_drain")
        return most and self.rate <= most * self.assumed["busy"]

    def sqlite_cores(self):
        return self._cores(self._cost(
            ("sqlite_cpu", 1), ("sqlite_query_cpu", self.assumed["queries-per-view"])))

    def history_cores(self):
        return self._cores(self._cost(
            ("postgres_drain_cpu", 1),
            ("postgres_query_cpu", self.assumed["queries-per-view"])))

    def server_cores(self):
        return self._cores(self._cost(
            ("postgres_drain_server_cpu", 1),
            ("postgres_query_server_cpu", self.assumed["queries-per-view"])))

    def servers(self):
        """By their cores and by their disks."""
        cores = self.server_cores()
        size = self.bytes_of("postgres_bytes", self.assumed["keep-days"])
        if cores is None or size is None:
            return None
        disk = self.assumed["disk-tb"] * 1e12 * self.assumed["busy"]
        return max(1, math.ceil(cores / self.assumed["machine-cores"]), math.ceil(size / disk))

    def views(self, days):
        return self.rate * self.assumed["mean"] * DAY_S * days

    def bytes_of(self, key, days):
        size = self.costs.get(key)
        return size and size * self.views(days)


def number(value):
    if value is None:
        return NONE
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def count(value):
    return NONE if value is None else f"{value:,.0f}"


def size_text(value):
    if value is None:
        return NONE
    for unit in ("MB", "GB", "TB"):
        value /= 1e6 if unit == "MB" else 1e3
        if value < 1000:
            break
    else:
        value, unit = value / 1e3, "PB"
    return f"{number(value)} {unit}"


def hours_text(bytes_a_day):
    return NONE if bytes_a_day is None else f"{number(STREAM_BYTES / bytes_a_day * 24)} h"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def one_machine_text(sources):
    rows = []
    for rows_there in sources.sizes():
        for key, what in (("drain", "views taken from the queue"),
                          ("user", "pages of a user's history")):
            figure = f"size_{rows_there}_{key}"
            value = sources.value(figure)
            if value is not None:
                rows.append([f"{what}, {rows_there:,} rows in the store",
                             f"{number(value)} /s", f"`size.json`, `{figure}`"])
    for key, unit, what in ONE_MACHINE:
        value = sources.value(key)
        if value is not None:
            rows.append([what, f"{number(value)} {unit}",
                         f"`{sources.figures[key][1]}`, `{key}`"])
    return table(["one machine, SQLite", "", "where it stands"], rows)


def measured_text(sources):
    rows = []
    for name, (unit, what) in MEASURED.items():
        found = sources.find(name)
        rows.append([what, f"{number(found[0])} {unit}" if found else NONE,
                     found[1] if found else ""])
    machines = "; ".join(f"`{file}`: {text}" for file, text in sources.machines.items())
    return (table(["measured", "", "where it stands"], rows)
            + f"\n\nOn {machines}. A core below is one of those, at its worst: broker, "
            "services and load shared them. What more rows than the largest store had "
            f"({max(sources.sizes(), default=0):,}) cost is not known.")


def assumed_text(assumed):
    return table(["assumed", "", "option"],
                 [[what, f"{assumed[name]:g}", f"`--{name}`"] for name, _, what in ASSUMED])


def by_one_writer(sizes, cell):
    """What stands for SQLite, where its one writer is enough."""
    enough = sizes.sqlite_takes_it()
    return NONE if enough is None else cell if enough else "over one writer"


def parts_text(all_sizes):
    rows = [[f"{sizes.rate:,}", number(sizes.streaming_cores()),
             number(sizes.broker_cores()), number(sizes.broker_gbit()),
             count(sizes.brokers()), count(sizes.queues()),
             by_one_writer(sizes, number(sizes.sqlite_cores())),
             number(sizes.history_cores()), number(sizes.server_cores()),
             count(sizes.servers())] for sizes in all_sizes]
    return table(["views/s at the peak", "streaming, cores", f"broker, cores of {NODES} nodes",
                  "broker sends, Gbit/s", f"brokers of {NODES} nodes", "queues in all",
                  "history and SQLite, cores", "histories, cores", "PostgreSQL, cores",
                  "PostgreSQL servers"], rows)


def disks_text(all_sizes, assumed):
    keep, stream = assumed["keep-days"], assumed["stream-days"]
    rows = [[f"{sizes.rate:,}", f"{sizes.views(keep) / 1e9:,.1f}",
             by_one_writer(sizes, size_text(sizes.bytes_of("sqlite_bytes", keep))),
             size_text(sizes.bytes_of("postgres_bytes", keep)),
             size_text(sizes.bytes_of("postgres_wal_bytes", 1)),
             size_text(sizes.bytes_of("scale_stream_bytes", stream)),
             hours_text(sizes.bytes_of("scale_stream_bytes", 1))]
            for sizes in all_sizes]
    return table(["views/s at the peak", f"views in {keep:g} days, 10⁹", "SQLite",
                  "PostgreSQL", "its WAL, a day", f"the stream, {stream:g} days, each node",
                  f"{size_text(STREAM_BYTES)} of stream last"], rows)


def text(sources, rates, assumed):
    costs = {name: found[0] for name in MEASURED if (found := sources.find(name))}
    all_sizes = [Sizes(rate, costs, assumed) for rate in rates]
    return "\n\n".join([one_machine_text(sources), measured_text(sources),
                        assumed_text(assumed), parts_text(all_sizes),
                        disks_text(all_sizes, assumed)])


def read_options():
    parser = argparse.ArgumentParser(
        prog="bench/sizing.py", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", default=RESULTS)
    parser.add_argument("--rates", type=lambda given: [int(part) for part in given.split(",")],
                        default=RATES, help="views/s at the peak, comma between")
    for name, value, what in ASSUMED:
        parser.add_argument(f"--{name}", type=float, default=value, help=f"{what} ({value:g})")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--write", action="store_true", help="into docs/SCALE.md")
    what.add_argument("--check", action="store_true", help="fail where it has other numbers")
    return parser.parse_args()


def main():
    options = read_options()
    assumed = {name: getattr(options, name.replace("-", "_")) for name, _, _ in ASSUMED}
    made = text(Sources(options.results), options.rates, assumed)
    if not options.write and not options.check:
        print(made)
        return
    with open(DOCUMENT) as file:
        page = file.read()
    before, rest = page.split(BEGIN + "\n", 1)
    after = rest.split(END, 1)[1]
    new = f"{before}{BEGIN}\n{made}\n{END}{after}"
    if options.write:
        with open(DOCUMENT, "w") as file:
            file.write(new)
    elif new != page:
        sys.exit("sizing: docs/SCALE.md has other numbers: run bench/sizing.py --write")


if __name__ == "__main__":
    main()
