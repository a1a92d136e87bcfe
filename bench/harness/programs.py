"""Starts programs and ends every one of them, and asks the kernel what each
took."""

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class Failed(Exception):
    """A program did not do what was asked of it; the text is for people."""


def _end_with_parent():
    # A harness that is killed leaves nothing running.
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_s(pid):
    """User and system time of that process so far."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


class Program:
    """A running program. Its standard error goes to `log_path`."""

    def __init__(self, command, log_path, env=None, **more):
        self.name = os.path.basename(command[0])
        self.log_path = log_path
        with open(log_path, "wb") as log:
            self.process = subprocess.Popen(
                command,
                stdin=more.pop("stdin", subprocess.DEVNULL),
                stdout=more.pop("stdout", log),
                stderr=log,
                env=dict(os.environ, **{k: str(v) for k, v in (env or {}).items()}),
                preexec_fn=_end_with_parent,
                **more,
            )

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def cpu_s(self):
        return cpu_s(self.pid)

    def _status_kb(self, name):
        with open(f"/proc/{self.pid}/status") as file:
            for line in file:
                if line.startswith(name + ":"):
                    return int(line.split()[1])
        raise Failed(f"{self.name} has ended:\n{self.log()[-2000:]}")

    def peak_mb(self):
        return self._status_kb("VmHWM") / 1024

    def resident_mb(self):
        return self._status_kb("VmRSS") / 1024

    def own_mb(self):
        """Resident now, without the pages of files that it maps."""
        return self._status_kb("RssAnon") / 1024

    def check_running(self):
        if self.process.poll() is not None:
            raise Failed(
                f"{self.name} ended with {self.process.returncode}:\n"
                + self.log()[-2000:]
            )

    def stop(self, timeout_s=30):
        if self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed(f"{self.name} did not end within {timeout_s} s")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Programs:
    """All that run; `with` ends what is left."""

    def __init__(self, folder):
        self._folder = folder
        self._started = []
        self._count = 0

    def __enter__(self):
        return self

    def __exit__(self, *fault):
        for program in reversed(self._started):
            program.kill()

    def start(self, command, **more):
        self._count += 1
        name = f"{self._count}-{os.path.basename(command[0])}.log"
        program = Program(command, os.path.join(self._folder, name), **more)
        self._started.append(program)
        return program

    @contextlib.contextmanager
    def running(self, command, **more):
        """Ends it gracefully, or at once where the body failed."""
        program = self.start(command, **more)
        try:
            yield program
        except BaseException:
            program.kill()
            raise
        program.stop()
        os.unlink(program.log_path)

    def result(self, command, timeout_s, env=None):
        """Runs it to its end: the last line it printed, which is JSON."""
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=timeout_s,
                stdin=subprocess.DEVNULL,
                env=dict(os.environ, **{k: str(v) for k, v in (env or {}).items()}),
                preexec_fn=_end_with_parent,
            )
        except subprocess.TimeoutExpired:
            raise Failed(f"{command[0]} took over {timeout_s} s")
        if done.returncode != 0:
            raise Failed(f"{' '.join(command)}: {done.stderr.strip()[-2000:]}")
        return json.loads(done.stdout.strip().splitlines()[-1])


def get(port, path, timeout_s=30):
    """(status, headers, body)."""
    url = f"http://127.0.0.1:{port}{path}"
    try:
        with urllib.request.urlopen(url, timeout=timeout_s) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, answer.read()


def wait_until(holds, what, timeout_s=60, every_s=0.01):
    deadline = time.monotonic() + timeout_s
    while True:
        value = holds()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failed(f"{what}: not within {timeout_s} s")
        time.sleep(every_s)


def answers(program, port, path="/healthz"):
    """Waits until the program answers there with 200."""

    def holds():
        program.check_running()
        try:
            return get(port, path)[0] == 200
        except (ConnectionError, urllib.error.URLError):
            return False

    wait_until(holds, f"{program.name} does not answer")
