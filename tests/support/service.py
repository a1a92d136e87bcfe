"""The real programs, each with a port, settings and files of its own."""

import json
import os
import re
import signal
import subprocess
import time

from support.broker import ROOT
from support.ports import free_port
from support.stores import store_in
from support.waiting import eventually
from support.web import request

BIN = os.environ.get("FLIXTUBE_BIN", os.path.join(ROOT, "build", "dev", "bin"))
GRACE_S = 20  # what a container gives a service to end
SANITIZER_REPORT = re.compile(
    r"ERROR: AddressSanitizer|ERROR: LeakSanitizer|WARNING: ThreadSanitizer"
    r"|runtime error:|SUMMARY: \w+Sanitizer|Assertion .* failed"
)


def program(name):
    return os.path.join(BIN, name)


def run(name, *arguments, env=None, timeout_s=30):
    """A program to its end: the completed process, its output as text."""
    return subprocess.run(
        [program(name), *arguments],
        env=environment(env or {}),
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )


def environment(settings):
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in ("PATH", "HOME", "TMPDIR") or name.endswith("SAN_OPTIONS")
    }
    kept.update({name: str(value) for name, value in settings.items()})
    return kept


class Service:
    """Starts and ends one program; what it logs is in `log()`."""

    name = ""

    def __init__(self, folder, **settings):
        self.folder = folder
        self.port = settings.pop("PORT", None) or free_port()
        self.settings = {"PORT": self.port, **settings}
        self.log_path = os.path.join(folder, f"{self.name}-{self.port}.log")
        self.process = None
        self.exit_codes = []

    def start(self, ready=True, **changed):
        self.settings.update(changed)
        self._log_from = self._log_bytes()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [program(self.name), "serve"],
                env=environment(self.settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        if ready:
            self.wait_ready()
        return self

    def _log_bytes(self):
        try:
            return os.path.getsize(self.log_path)
        except FileNotFoundError:
            return 0

    def log(self):
        """What it has logged since it was last started."""
        try:
            with open(self.log_path, errors="replace") as log:
                log.seek(self._log_from)
                return log.read()
        except FileNotFoundError:
            return ""

    def wait_ready(self, timeout_s=30):
        """Until all of it works: streaming is ready without a broker too, but
        says so."""

        def ready():
            if self.process.poll() is not None:
                return True
            answer = self.get("/readyz")
            return answer.status == 200 and answer.json()["reasons"] == []

        eventually(ready, timeout_s)
        if self.process.poll() is not None:
            raise AssertionError(
                f"{self.name} ended with {self.process.returncode}:\n{self.log()}"
            )

    def wait_log(self, pattern, timeout_s=20):
        return eventually(lambda: re.search(pattern, self.log()), timeout_s)

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def get(self, path, **more):
        return request("GET", self.url(path), **more)

    def post(self, path, body, **more):
        return self._send("POST", path, body, more)

    def put(self, path, body, **more):
        return self._send("PUT", path, body, more)

    def _send(self, method, path, body, more):
        if not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            more.setdefault("headers", {}).setdefault(
                "Content-Type", "application/json"
            )
        return request(method, self.url(path), body=body, **more)

    def delete(self, path, **more):
        return request("DELETE", self.url(path), **more)

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def wait_exit(self, timeout_s=GRACE_S):
        """Its exit code. A sanitizer's report fails the test, whatever it is."""
        code = self.process.wait(timeout_s)
        report = SANITIZER_REPORT.search(self.log())
        if report:
            raise AssertionError(f"{self.name}: {self.log()[report.start():]}")
        return code

    def stop(self):
        """Ends it as an operator does, and holds it to that: code 0."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            code = self.wait_exit()
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"{self.name} did not end within {GRACE_S} s:\n{self.log()}"
            )
        process, self.process = self.process, None
        if code != 0:
            raise AssertionError(
                f"{self.name} ({process.pid}) ended with {code}:\n{self.log()}"
            )

    def kill(self):
        """As a crash would end it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            report = SANITIZER_REPORT.search(self.log())
            self.process = None
            if report:
                raise AssertionError(f"{self.name}: {self.log()[report.start():]}")


class History(Service):
    name = "history"

    def __init__(self, folder, **settings):
        if not settings.keys() & {"HISTORY_DB", "HISTORY_DB_FILE"}:
            settings["HISTORY_DB"] = store_in(folder)
        super().__init__(folder, **settings)

    def rows(self, **parameters):
        """All rows of the history, newest first, by its own pages."""
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        path, rows = f"/history?limit=1000{'&' + query if query else ''}", []
        while path:
            page = self.get(path)
            if page.status != 200:
                raise AssertionError(f"{path}: {page.status} {page.body!r}")
            rows += page.json()["history"]
            path = page.json().get("next")
        return rows

    def ids(self):
        """Of all rows; one that is there twice is an error of the store."""
        ids = [row["_id"] for row in self.rows()]
        if len(ids) != len(set(ids)):
            raise AssertionError("an id is in the history twice")
        return set(ids)


class Streaming(Service):
    name = "streaming"

    def __init__(self, folder, **settings):
        settings.setdefault("OUTBOX_DB", os.path.join(folder, "outbox.db"))
        settings.setdefault("VIDEOS", os.path.join(ROOT, "videos"))
        super().__init__(folder, **settings)


def metric(service, name):
    """A number of /metrics, by its whole name with labels; None: not there."""
    for line in service.get("/metrics").text().splitlines():
        if line.startswith(name + " "):
            return float(line.rsplit(" ", 1)[1])
    return None


def keep_for(seconds, holds):
    """Fails as soon as holds() is not true within that time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not holds():
            raise AssertionError("did not hold")
        time.sleep(0.05)
