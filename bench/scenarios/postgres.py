"""The same work with the history in PostgreSQL, beside SQLite and beside what
PostgreSQL itself can do."""

import contextlib
import json
import os
import re
import subprocess
import time

from harness.figures import Figure, alternating
from harness.postgres import Postgres, Session
from harness.programs import Failed, answers, get, wait_until
from scenarios import drain, query

BATCH = 1000
DRAIN_TIMEOUT_S = 1200
POLL_S = 0.01
PGBENCH_THREADS = 2

# What a user's page asks the database for, by the same plan.
PAGE_SQL = """\\set user random(0, {users} - 1)
SELECT seq, viewed_at_ms, id, flags, user_id, video_id, video_path, received_ms, position_ms,
 duration_ms, session_id, rule, trace FROM views
 WHERE viewed_at_ms >= -62135596800000 AND viewed_at_ms < 253402300800000
 AND user_id = '018f3c1e-7b2a-7000-8000-' || lpad((:user)::text, 12, '0')
 ORDER BY viewed_at_ms DESC, seq DESC LIMIT {limit};
"""


class Figures:
    def __init__(self, options):
        views, rows = f"{options.views:,} views", f"{options.store_rows:,} rows"
        self.write = Figure("postgres_write", f"{views} in transactions of {BATCH}, through the "
                            "store alone", "views/s")
        self.write.at_least(0.7, "COPY of the same rows")
        self.drain = Figure("postgres_drain", f"drain {views} from the queue, one history",
                            "views/s")
        self.drain.at_least(0.7, "COPY of the same rows")
        self.two = Figure("postgres_drain_two", "the same, two histories", "views/s")
        self.two.at_least(0.7, "COPY of the same rows, two at once")
        self.cpu = Figure("postgres_drain_cpu", "CPU of history in a drain", "us a view", False)
        self.server_cpu = Figure("postgres_drain_server_cpu", "CPU of PostgreSQL in a drain",
                                 "us a view", False)
        self.wal = Figure("postgres_wal_bytes", "WAL of a drain", "bytes a view", False)
        self.bytes = Figure("postgres_bytes", f"the database with {rows}", "bytes a view", False)
        self.user = Figure("postgres_query_user",
                           f"GET /history?userId=…&limit={query.LIMIT} of {rows}, "
                           f"{query.CONNECTIONS} connections", "requests/s")
        self.user.at_least(0.7, "pgbench of the same select")
        self.query_cpu = Figure("postgres_query_cpu", "CPU of history for such a page",
                                "us a query", False)
        self.query_server_cpu = Figure("postgres_query_server_cpu",
                                       "CPU of PostgreSQL for such a page", "us a query", False)

    def all(self):
        return [self.write, self.drain, self.two, self.cpu, self.server_cpu, self.wal, self.bytes,
                self.user, self.query_cpu, self.query_server_cpu]


class Work:
    """One server, the figures, and a count for names of databases."""

    def __init__(self, bench, server):
        self.bench = bench
        self.server = server
        self.figures = Figures(bench.options)
        self.users = bench.users_of(bench.options.store_rows)
        self.count = 0

    @contextlib.contextmanager
    def database(self, tables=True):
        self.count += 1
        with self.server.database(f"bench_{self.count}") as url:
            if tables:
                self.make_tables(url)
            self.server.run("CHECKPOINT")
            yield url

    def make_tables(self, url):
        """As a history that starts makes them, and one view beside the others."""
        self.bench.result("write_views", "store", url, 10 ** 9, 1, 1, self.users)

    # --- writing ------------------------------------------------------------

    def write(self, mode, at_once=1):
        """Views a second of all together."""
        views = self.bench.options.views // at_once
        with self.database() as url:
            started = [self.bench.programs.start(
                [self.bench.program("write_views"), mode, url, str(number * views), str(views),
                 str(BATCH), str(self.users)], stdout=subprocess.PIPE)
                for number in range(at_once)]
            rates = 0
            for program in started:
                output, _ = program.process.communicate(timeout=DRAIN_TIMEOUT_S)
                if program.process.returncode != 0:
                    raise Failed(program.log())
                found = json.loads(output)
                rates += found["views"] / found["seconds"]
            return rates

    def write_beside_drain(self, at_once=1):
        """COPY while the broker and a consumer that keeps nothing are at work, as
        they are in a drain: what is left of the cores for the database then."""
        bench = self.bench
        bench.load_queue(0, bench.options.views)
        drains = [bench.programs.start(
            [bench.program("bare_drain"), bench.rabbit, str(bench.options.views // at_once)],
            stdout=subprocess.PIPE) for _ in range(at_once)]
        rate = self.write("copy", at_once)
        for program in drains:
            program.process.communicate(timeout=DRAIN_TIMEOUT_S)
            if program.process.returncode != 0:
                raise Failed(program.log())
        bench.check_queue_is_empty()
        return rate

    def write_sqlite(self):
        db = self.bench.new_db("write.db")
        found = self.bench.result("write_views", "store", db, 0, self.bench.options.views, BATCH,
                                  self.users)
        self.bench.remove_db(db)
        return found["views"] / found["seconds"]

    # --- draining -----------------------------------------------------------

    def drain(self, histories):
        """By so many histories, first commit to last."""
        views = self.bench.options.views
        with self.database() as url, contextlib.closing(Session(url)) as session:
            self.bench.load_queue(0, views)
            before_bytes = session.number("SELECT pg_current_wal_lsn() - '0/0'")
            before_cpu = self.server.cpu_s()
            with contextlib.ExitStack() as stack:
                running = [stack.enter_context(self.bench.history(url, wait=False))
                           for _ in range(histories)]
                wait_until(lambda: session.number("SELECT sum(views) FROM counts") > 1,
                           "no view comes", DRAIN_TIMEOUT_S, POLL_S)
                first = session.number("SELECT sum(views) FROM counts")
                start = time.monotonic()
                wait_until(lambda: session.number("SELECT sum(views) FROM counts") >= views + 1,
                           "the views are not all in the database", DRAIN_TIMEOUT_S, POLL_S)
                seconds = time.monotonic() - start
                cpu = sum(program.cpu_s() for program in running)
                server_cpu = self.server.cpu_s() - before_cpu
                time.sleep(drain.ACKS_S)
            wal = session.number("SELECT pg_current_wal_lsn() - '0/0'") - before_bytes
            self.bench.check_queue_is_empty()
        return {"views_per_s": (views + 1 - first) / seconds, "cpu_us": cpu / views * 1e6,
                "server_cpu_us": server_cpu / views * 1e6, "wal": wal / views}

    # --- pages --------------------------------------------------------------

    def pgbench(self, url):
        path = os.path.join(self.bench.scratch, "page.sql")
        with open(path, "w") as file:
            file.write(PAGE_SQL.format(users=self.users, limit=query.LIMIT))
        done = subprocess.run(
            ["pgbench", "-n", "-M", "prepared", "-c", str(query.CONNECTIONS), "-j",
             str(PGBENCH_THREADS), "-T", str(self.bench.options.seconds), "-f", path, url],
            capture_output=True, text=True, stdin=subprocess.DEVNULL,
            timeout=self.bench.options.seconds + 60)
        found = re.search(r"tps = ([0-9.]+)", done.stdout)
        if done.returncode != 0 or not found:
            raise Failed(f"pgbench: {done.stderr.strip()}")
        return float(found.group(1))

    def pages(self, url):
        figures = self.figures
        targets = query.user_pages(self.users)
        with self.bench.history(url) as history:
            answers(history, history.port, targets[0])
            like = get(history.port, targets[0])
            before, server_before = history.cpu_s(), self.server.cpu_s()
            found = query.load(self.bench, history.port, targets)
            requests = found["requests"]
            figures.query_cpu.add("ours", (history.cpu_s() - before) / requests * 1e6)
            figures.query_server_cpu.add(
                "ours", (self.server.cpu_s() - server_before) / requests * 1e6)
            figures.user.add("ours", found["requests_per_s"])
        select = self.pgbench(url)
        with query.bare_http(self.bench, "thread", like) as program:
            answer = query.load(self.bench, program.port, targets)["requests_per_s"]
        figures.user.add("pgbench of the same select", select)
        # A page is one of each, and both figures are what all cores can do.
        figures.user.add("that select and then bare libmicrohttpd's answer",
                         1 / (1 / select + 1 / answer))
        with self.bench.history(self.bench.store(self.bench.options.store_rows)) as history:
            found = query.load(self.bench, history.port, targets)
            figures.user.add("SQLite", found["requests_per_s"])

    def run_pages(self):
        rows = self.bench.options.store_rows
        with self.database(tables=False) as url, contextlib.closing(Session(url)) as session:
            self.bench.say(f"a database of {rows} rows")
            self.bench.result("fill_store", "ours", url, rows, self.users, timeout_s=7200)
            self.server.run("VACUUM ANALYZE", "CHECKPOINT", url=url)
            self.figures.bytes.add(
                "ours", session.number("SELECT pg_database_size(current_database())") / rows)
            for _ in range(self.bench.options.rounds):
                self.pages(url)


def steps_of(work):
    figures = work.figures

    def floor():
        rate = work.write("copy")
        figures.write.add("COPY of the same rows", rate)
        figures.drain.add("COPY of the same rows", rate)

    def store():
        figures.write.add("ours", work.write("store"))
        figures.write.add("SQLite", work.write_sqlite())
        figures.write.add("two at once", work.write("store", 2))

    def rows_alone():
        figures.write.add("COPY of the rows alone", work.write("copy_views"))

    def floor_of_two():
        figures.two.add("COPY of the same rows, two at once", work.write("copy", 2))

    def floors_beside_drains():
        figures.drain.add("COPY beside a bare drain of as many", work.write_beside_drain())
        figures.two.add("two COPYs beside two bare drains", work.write_beside_drain(2))

    def one():
        found = work.drain(1)
        figures.drain.add("ours", found["views_per_s"])
        figures.cpu.add("ours", found["cpu_us"])
        figures.server_cpu.add("ours", found["server_cpu_us"])
        figures.wal.add("ours", found["wal"])

    def two():
        figures.two.add("ours", work.drain(2)["views_per_s"])

    def sqlite():
        bench = work.bench
        found = drain.fresh(bench, "ours",
                            lambda db: drain.ours_into(bench, db, bench.options.views))
        figures.drain.add("SQLite", found["views_per_s"])

    return [store, floor, one, two, floor_of_two, floors_beside_drains, sqlite, rows_alone]


def run(bench):
    bench.declare_queues()
    server = Postgres(os.path.join(bench.folder, "postgres"))
    try:
        work = Work(bench, server)
        for number in range(bench.options.rounds):
            bench.say(f"postgres: round {number + 1} of {bench.options.rounds}")
            for step in alternating(steps_of(work), number):
                step()
        work.run_pages()
        return work.figures.all()
    finally:
        server.stop()
