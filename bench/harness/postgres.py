"""A private PostgreSQL, and what its processes take."""

import contextlib
import os
import subprocess

from harness.bench import ROOT
from harness.programs import Failed, wait_until

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
TOOL = os.path.join(ROOT, "tools", "postgres")
START_TIMEOUT_S = 120
# Every commit is on the disk, as by default; the rest is what a server that
# takes many views is given.
SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "4GB", "checkpoint_timeout": "15min",
            "max_connections": "200"}


def _cpu_of(pid):
    """Of the process and of its children that have ended."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return sum(int(ticks) for ticks in fields[11:15]) / _TICKS_PER_S


def _children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


class Session:
    """A psql that stays, since to start one takes longer than to ask it."""

    def __init__(self, url):
        self._psql = subprocess.Popen(
            ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", url],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def number(self, sql):
        self._psql.stdin.write(f"{sql};\n")
        self._psql.stdin.flush()
        line = self._psql.stdout.readline().strip()
        if not line:
            raise Failed(f"psql has no answer to: {sql}")
        return float(line)

    def close(self):
        self._psql.stdin.close()
        self._psql.wait(30)


class Postgres:
    def __init__(self, folder):
        self._folder = folder
        settings = [word for name, value in SETTINGS.items()
                    for word in ("--set", f"{name}={value}")]
        started = subprocess.run([TOOL, "start", folder, "--fresh", *settings],
                                 stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
                                 timeout=START_TIMEOUT_S)
        if started.returncode != 0:
            raise Failed("PostgreSQL did not start")
        lines = dict(line.split("=", 1) for line in started.stdout.splitlines())
        self.url = lines["url"]
        self.pid = int(lines["pid"])

    def stop(self):
        subprocess.run([TOOL, "stop", self._folder, "--now", "--forget"],
                       stdin=subprocess.DEVNULL, check=False)

    def run(self, *commands, url=None):
        words = [word for command in commands for word in ("-c", command)]
        done = subprocess.run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", *words, url or self.url],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(done.stderr.strip())

    @contextlib.contextmanager
    def database(self, name):
        """A new one; its address."""
        self.run(f"CREATE DATABASE {name}")
        try:
            yield self.url.rsplit("/", 1)[0] + "/" + name
        finally:
            with contextlib.suppress(Failed):
                self.run(f"DROP DATABASE {name} WITH (FORCE)")

    def cpu_s(self):
        return _cpu_of(self.pid) + sum(
            _cpu_of(child) for child in _children_of(self.pid) if os.path.exists(f"/proc/{child}"))


def await_rows(session, rows, timeout_s):
    wait_until(lambda: session.number("SELECT sum(views) FROM counts") >= rows,
               "the views are not all in the database", timeout_s)
