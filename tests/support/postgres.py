"""A PostgreSQL for tests: the run's shared one, or one of a test's own."""

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
import uuid

from support.broker import ROOT

TOOL = os.path.join(ROOT, "tools", "postgres")


class Postgres:
    """One that tools/postgres started in a folder; its port and data stay."""

    def __init__(self, folder):
        self.folder = folder
        with open(os.path.join(folder, "postgres.env")) as file:
            self.url = dict(line.strip().split("=", 1) for line in file)["url"]

    @classmethod
    def start_in(cls, folder, *options, disk=None):
        """Its data lies on that disk, else in the temporary folder."""
        env = {**os.environ, "TMPDIR": disk} if disk else None
        subprocess.run([TOOL, "start", folder, *options], check=True, env=env,
                       stdout=subprocess.DEVNULL, timeout=120)
        return cls(folder)

    def kill(self):
        """As a crash would end it."""
        subprocess.run([TOOL, "kill", self.folder], check=True, timeout=120)

    def halt(self):
        """It and all that it has started keep their connections and answer
        nothing: a halted server alone would leave those that serve them."""
        for pid in self._processes():
            _signal(pid, signal.SIGSTOP)

    def go_on(self):
        for pid in self._processes():
            _signal(pid, signal.SIGCONT)

    def _processes(self):
        with open(os.path.join(self.folder, "postgres.env")) as file:
            server = dict(line.strip().split("=", 1) for line in file)["pid"]
        children = subprocess.run(["pgrep", "-P", server], capture_output=True, text=True)
        return [int(server), *map(int, children.stdout.split())]

    def start_again(self, *options):
        subprocess.run([TOOL, "start", self.folder, *options], check=True,
                       stdout=subprocess.DEVNULL, timeout=120)

    def stop(self):
        subprocess.run([TOOL, "stop", self.folder, "--now", "--forget"], check=True,
                       timeout=120)

    def run(self, sql, url=None):
        """What a statement answers, as psql prints it bare."""
        return statement(url or self.url, sql).strip()

    def add_database(self):
        """A database for one test; its address."""
        name = "test_" + uuid.uuid4().hex
        self.run(f"CREATE DATABASE {name}")
        return self.url.rsplit("/", 1)[0] + "/" + name

    def remove_database(self, url):
        self.run(f"DROP DATABASE IF EXISTS {database_of(url)} WITH (FORCE)")

    def empty_database(self, url):
        self.remove_database(url)
        self.run(f"CREATE DATABASE {database_of(url)}")

    def copy_database(self, url, copy):
        """Nobody may have the one open."""
        self.remove_database(copy)
        self.run(f"CREATE DATABASE {database_of(copy)} TEMPLATE {database_of(url)}")

    def cut(self, url):
        """Ends all connections to a database."""
        self.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                 f" WHERE datname = '{database_of(url)}'")


def _signal(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # it was one that came and went


def statement(url, sql, *options):
    """Statements in one transaction; what the last one answers, as psql prints
    it bare."""
    done = subprocess.run(["psql", url, "-AtqX", "-v", "ON_ERROR_STOP=1", *options, "-c", sql],
                          capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise AssertionError(f"{sql}: {done.stderr}")
    return done.stdout


def database_of(url):
    return url.rsplit("/", 1)[1]


_shared = None


def shared_postgres():
    """That of the whole CTest run, or of this process without one."""
    global _shared
    if _shared is None:
        folder = os.environ.get("FLIXTUBE_POSTGRES")
        if folder:
            _shared = Postgres(folder)
        else:
            folder = tempfile.mkdtemp(prefix="flixtube-postgres-")
            _shared = Postgres.start_in(folder, "--set", "fsync=off")
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            atexit.register(_shared.stop)
    return _shared
