"""What a scenario is given: options, programs, the broker, stores."""

import contextlib
import os
import shutil
import subprocess
import sys

from harness.programs import Failed, Programs, answers, free_port, wait_until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NODE = os.path.join(ROOT, "bench", "peers", "node")
USERS = 100000
ROWS_PER_USER = 100  # of a store that is queried: a page of 20 is always full
BROKER_START_TIMEOUT_S = 120
LOAD_S_PER_VIEW = 1 / 1000  # slower than that is a fault
LOAD_S = 60
QUEUE_COUNT_S = 15


class Bench:
    def __init__(self, options):
        self.options = options
        self.folder = os.path.abspath(options.data)
        self.build = os.path.join(ROOT, "build", "bench")
        self.bin = os.path.join(self.build, "bin")
        self._broker_url = None
        self._peers = None

    def __enter__(self):
        os.makedirs(self.folder, exist_ok=True)
        self.scratch = os.path.join(self.folder, "scratch")
        shutil.rmtree(self.scratch, ignore_errors=True)
        os.makedirs(self.scratch)
        self._stack = contextlib.ExitStack()
        self.programs = self._stack.enter_context(Programs(self.scratch))
        return self

    def __exit__(self, *fault):
        self._stack.close()
        if fault[0] is None:
            shutil.rmtree(self.scratch, ignore_errors=True)

    def say(self, text):
        print(f"bench: {text}", file=sys.stderr, flush=True)

    # --- what is needed -----------------------------------------------------

    def build_programs(self):
        self.say("building build/bench")
        os.makedirs(self.build, exist_ok=True)
        log_path = os.path.join(self.build, "build.log")
        with open(log_path, "w") as log:
            for command in (
                ["cmake", "--preset", "release", "-B", self.build, "-DFLIXTUBE_BENCH=ON"],
                ["cmake", "--build", self.build],
            ):
                if subprocess.run(command, cwd=ROOT, stdout=log, stderr=log).returncode:
                    raise Failed(f"the build failed, see {log_path}")

    def program(self, name):
        return os.path.join(self.bin, name)

    def result(self, name, *arguments, timeout_s=600, env=None):
        command = [self.program(name), *map(str, arguments)]
        return self.programs.result(command, timeout_s, env)

    def has_peers(self):
        """Whether the Node peers can run; installs their packages once."""
        if self._peers is None:
            self._peers = self._install_peers()
        return self._peers

    def _install_peers(self):
        if self.options.no_peers:
            return False
        if not shutil.which("node") or not shutil.which("npm"):
            self.say("no node or npm: the Node peers are not measured")
            return False
        if os.path.isdir(os.path.join(NODE, "node_modules")):
            return True
        self.say("installing the Node peers' packages; one is compiled, which takes minutes")
        log_path = os.path.join(self.folder, "npm.log")
        with open(log_path, "w") as log:
            # The headers that Debian's package has, where there is no other way.
            done = subprocess.run(
                ["npm", "ci", "--no-audit", "--no-fund"],
                cwd=NODE,
                stdout=log,
                stderr=log,
                env=dict(os.environ, npm_config_nodedir="/usr"),
            )
        if done.returncode != 0:
            shutil.rmtree(os.path.join(NODE, "node_modules"), ignore_errors=True)
            self.say(f"npm failed, see {log_path}: the Node peers are not measured")
            return False
        return True

    @property
    def rabbit(self):
        """The address of a private broker, started at its first use."""
        if self._broker_url is None:
            self.say("starting a private broker")
            folder = os.path.join(self.folder, "broker")
            tool = os.path.join(ROOT, "tools", "broker")
            self._stack.callback(
                subprocess.run, [tool, "stop", folder, "--now"], stdin=subprocess.DEVNULL
            )
            started = subprocess.run(
                # Room for a backlog of millions.
                [tool, "start", folder, "--fresh", "--set",
                 "vm_memory_high_watermark.absolute=6GB"],
                stdout=subprocess.PIPE,
                text=True,
                stdin=subprocess.DEVNULL,
                timeout=BROKER_START_TIMEOUT_S,
            )
            if started.returncode != 0:
                raise Failed("the broker did not start")
            self._broker_url = dict(
                line.split("=", 1) for line in started.stdout.splitlines()
            )["amqp"]
        return self._broker_url

    # --- the services -------------------------------------------------------

    @contextlib.contextmanager
    def history(self, db, wait=True, **settings):
        port = free_port()
        env = {"PORT": port, "RABBIT": self.rabbit, "HISTORY_DB": db, **settings}
        with self.programs.running([self.program("history")], env=env) as program:
            program.port = port
            if wait:
                answers(program, port)
            yield program

    @contextlib.contextmanager
    def streaming(self, videos, outbox, **settings):
        port = free_port()
        env = {
            "PORT": port,
            "RABBIT": self.rabbit,
            "OUTBOX_DB": outbox,
            "VIDEOS": videos,
            **settings,
        }
        with self.programs.running([self.program("streaming")], env=env) as program:
            program.port = port
            answers(program, port)
            yield program

    @contextlib.contextmanager
    def node(self, name, db, wait=True):
        """A Node peer: reference or tuned."""
        port = free_port()
        env = {"PORT": port, "RABBIT": self.rabbit, "HISTORY_DB": db,
               "NODE_ENV": "production"}
        command = ["node", os.path.join(NODE, f"{name}.js")]
        with self.programs.running(command, env=env) as program:
            program.name = f"the {name} Node peer"
            program.port = port
            if wait:
                answers(program, port)
            yield program

    # --- views --------------------------------------------------------------

    def load_queue(self, first, count):
        return self.result(
            "load", self.rabbit, first, count, USERS,
            timeout_s=LOAD_S + count * LOAD_S_PER_VIEW,
        )

    def _left(self):
        return self.result("bare_drain", self.rabbit, "left")["left"]

    def check_queue_is_empty(self):
        """All was acknowledged; the broker counts some time after it."""
        wait_until(lambda: self._left() == 0, "views are still in the queue",
                   QUEUE_COUNT_S, every_s=0.2)

    def take_queue(self):
        """Empties the queue of what no scenario waits for."""
        left = self._left()
        if left > 0:
            self.result("bare_drain", self.rabbit, left)

    def declare_queues(self):
        self.load_queue(0, 0)

    # --- stores -------------------------------------------------------------

    def new_db(self, name):
        """A path in the scratch folder where no file is."""
        path = os.path.join(self.scratch, name)
        self.remove_db(path)
        return path

    def remove_db(self, path):
        for end in ("", "-wal", "-shm", "-lock"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path + end)

    def store(self, rows, kind="ours"):
        """A store of at least so many rows, kept from run to run."""
        path = os.path.join(self.folder, f"{kind}-{rows}.db")
        if self.options.rebuild and path not in self.options.rebuilt:
            self.remove_db(path)
            self.options.rebuilt.add(path)
        users = self.users_of(rows)
        if kind == "peer" and not os.path.exists(path):
            with self.node("tuned", path):
                pass  # it makes its table
        if not os.path.exists(path) or kind == "peer":
            self.say(f"a store of {rows} rows ({kind})")
        filled = path + ".filled"
        if not (os.path.exists(filled) and os.path.exists(path)):
            self.result("fill_store", kind, path, rows, users, timeout_s=7200)
            with open(filled, "w"):
                pass
        return path

    def users_of(self, rows):
        return max(1, min(1000000, rows // ROWS_PER_USER))
