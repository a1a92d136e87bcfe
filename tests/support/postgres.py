"""A PostgreSQL for tests: the run's shared one, or one of a test's own."""

import atexit
import os
import shutil
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
    def start_in(cls, folder, *options):
        subprocess.run([TOOL, "start", folder, *options], check=True,
                       stdout=subprocess.DEVNULL, timeout=120)
        return cls(folder)

    def kill(self):
        """As a crash would end it."""
        subprocess.run([TOOL, "kill", self.folder], check=True, timeout=120)

    def start_again(self):
        subprocess.run([TOOL, "start", self.folder], check=True,
                       stdout=subprocess.DEVNULL, timeout=120)

    def stop(self):
        subprocess.run([TOOL, "stop", self.folder, "--now", "--forget"], check=True,
                       timeout=120)

    def run(self, sql, url=None):
        """What a statement answers, as psql prints it bare."""
        return subprocess.run(["psql", url or self.url, "-AtqX", "-c", sql], check=True,
                              capture_output=True, text=True, timeout=60).stdout.strip()

    def add_database(self):
        """A database for one test; its address."""
        name = "test_" + uuid.uuid4().hex
        self.run(f"CREATE DATABASE {name}")
        return self.url.rsplit("/", 1)[0] + "/" + name

    def remove_database(self, url):
        self.run(f"DROP DATABASE {url.rsplit('/', 1)[1]} WITH (FORCE)")


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
