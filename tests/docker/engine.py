"""The Docker engine that the tests use, and the images that no registry is
needed for: what answers to `docker info`, or a dockerd of the tests' own."""

import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHES = "/var/cache" if os.geteuid() == 0 else os.path.expanduser("~/.cache")
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or CACHES) / "flixtube"
OWN = CACHE / "engine"
SOCKET = OWN / "docker.sock"
PID_FILE = OWN / "dockerd.pid"
# One program of the tests at a time, whichever checkout it is from.
LOCK = "/tmp/flixtube-docker.lock"
PROJECT_PREFIX = "flixtube-test-"
KEPT_HOURS = 14 * 24  # of a builder's layers that nobody used again
BRIDGE = "flixtube0"  # docker0 may be another engine's
BRIDGE_ADDRESS = "172.30.255.1/24"

BASE_IMAGE = "debian:trixie-slim"
BROKER_IMAGE = "flixtube-test-rabbitmq"
COMPOSE_IMAGE = "flixtube-test-compose"
COMPOSE_2 = CACHE / "docker-compose-2"
PROJECT_PREFIX = "flixtube-test-"
SKIPPED = 77  # CTest's SKIP_RETURN_CODE

# What trixie-slim leaves out, too, so that sizes can be compared.
SLIM_OPTIONS = [
    f"--dpkgopt=path-exclude=/usr/share/{folder}/*"
    for folder in ("doc", "man", "info", "locale")
]


class NoEngine(Exception):
    """There is none to be had here; the text says why."""


def client():
    """Debian's client where there is one: it has BuildKit in it."""
    return "/usr/bin/docker" if os.path.exists("/usr/bin/docker") else "docker"


def answers(environment):
    try:
        return (
            subprocess.run(
                [client(), "info"],
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=30,
            ).returncode
            == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False


class Engine:
    """An engine that answers."""

    def __init__(self, environment, own):
        self.environment = environment
        self.own = own

    def docker(self, *arguments, check=True, timeout_s=600, **more):
        """One command of the client; its standard output as text."""
        done = subprocess.run(
            [client(), *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=timeout_s,
            **more,
        )
        if check and done.returncode != 0:
            raise AssertionError(
                f"docker {' '.join(arguments)}: {done.returncode}\n"
                f"{done.stdout[-4000:]}{done.stderr[-4000:]}"
            )
        return done.stdout

    def lines(self, *arguments):
        return self.docker(*arguments).split()

    def logs(self, container):
        """Both outputs of a container, mixed as they came."""
        return subprocess.run(
            [client(), "logs", container],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=60,
        ).stdout

    def kill_processes(self, pids):
        """By SIGKILL and from outside: by `docker kill` one would be stopped
        for good. A container does it, since we may not be root."""
        numbers = " ".join(map(str, pids))
        self.docker(
            "run", "--rm", "--pid=host", BASE_IMAGE, "sh", "-c", f"kill -9 {numbers}"
        )

    def has_image(self, name):
        return bool(self.docker("image", "ls", "-q", name).strip())

    def inspect(self, name):
        return json.loads(self.docker("inspect", name))[0]

    def image_bytes(self, name):
        return self.inspect(name)["Size"]

    def build(self, tag, dockerfile, context, *options):
        self.docker(
            "build", "-q", "-t", tag, "-f", str(dockerfile), *options, str(context)
        )


def get_engine():
    """An engine that answers, if need be by starting one. Raises NoEngine."""
    if answers(os.environ):
        return Engine(dict(os.environ), own=False)
    environment = dict(os.environ, DOCKER_HOST=f"unix://{SOCKET}")
    environment.pop("DOCKER_CONTEXT", None)
    if not answers(environment):
        start_own(environment)
    return Engine(environment, own=True)


def remove_leftovers(engine):
    """What tests left that were killed: their containers would start again."""
    left = engine.docker("ps", "-aq", "--filter", f"name={PROJECT_PREFIX}").split()
    if left:
        engine.docker("rm", "-f", "-v", *left)
    for kind in ("network", "volume"):
        left = engine.docker(kind, "ls", "-q", "--filter", f"name={PROJECT_PREFIX}")
        if left.split():
            engine.docker(kind, "rm", *left.split())


def start_own(environment):
    if os.geteuid() != 0:
        raise NoEngine("no Docker engine answers, and only root can start one")
    for program in ("dockerd", "containerd", "runc", "iptables", "ip", client()):
        if not shutil.which(program):
            raise NoEngine(
                f"no Docker engine answers, and there is no {program} to start "
                "one: apt-get install docker.io docker-compose mmdebstrap"
            )
    OWN.mkdir(parents=True, exist_ok=True)
    # Left by one that was killed, and by now perhaps other processes' numbers.
    PID_FILE.unlink(missing_ok=True)
    (OWN / "exec" / "containerd" / "containerd.pid").unlink(missing_ok=True)
    make_bridge()
    with open(OWN / "dockerd.log", "wb") as log:
        daemon = subprocess.Popen(
            [
                "dockerd",
                *("--data-root", OWN / "data"),
                *("--exec-root", OWN / "exec"),
                *("--pidfile", PID_FILE),
                *("--host", f"unix://{SOCKET}"),
                *("--bridge", BRIDGE),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )
    deadline = time.monotonic() + 60
    while not answers(environment):
        if daemon.poll() is not None or time.monotonic() > deadline:
            if daemon.poll() is None:
                daemon.terminate()
                daemon.wait()
            remove_bridge()
            last = (OWN / "dockerd.log").read_text(errors="replace")[-1500:]
            raise NoEngine(f"dockerd does not start on this machine:\n{last}")
        time.sleep(0.1)


def make_bridge():
    remove_bridge()
    for command in (
        ["ip", "link", "add", "name", BRIDGE, "type", "bridge"],
        ["ip", "address", "add", BRIDGE_ADDRESS, "dev", BRIDGE],
        ["ip", "link", "set", BRIDGE, "up"],
    ):
        made = subprocess.run(command, capture_output=True, text=True)
        if made.returncode != 0:
            raise NoEngine(f"{' '.join(command)}: {made.stderr}")


def remove_bridge():
    subprocess.run(["ip", "link", "delete", BRIDGE], capture_output=True)


def own_pid():
    """Of the dockerd that start_own() started, if it still runs."""
    try:
        pid = int(PID_FILE.read_text())
        command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if os.fsencode(SOCKET) in command else None


def own_processes():
    """What was started to run it: dockerd, containerd, a shim a container."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        program = os.path.basename(command.split(b"\0")[0])
        if os.fsencode(OWN) in command and program.startswith(
            (b"dockerd", b"containerd")
        ):
            found.append(int(folder.name))
    return found


def end(pids, number, timeout_s=60):
    """Signals each, and waits until all have ended."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    deadline = time.monotonic() + timeout_s
    while any(os.path.exists(f"/proc/{pid}") and not is_zombie(pid) for pid in pids):
        if time.monotonic() > deadline:
            raise AssertionError(f"does not end: {pids}")
        time.sleep(0.05)


def is_zombie(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1]
    except OSError:
        return True
    return state.split()[0] == "Z"


def stop_own():
    """Ends it as a host's shutdown does. False: there was none."""
    pid = own_pid()
    if pid is not None:
        end([pid], signal.SIGTERM)
    end(own_processes(), signal.SIGKILL)  # of one that was killed before
    remove_bridge()
    return pid is not None


def crash_own(container_pids):
    """Ends it and these containers as a host does that loses its power."""
    end([own_pid()], signal.SIGKILL)
    end([*own_processes(), *container_pids], signal.SIGKILL)


def need_base_image(engine):
    """The public image under its public name: pulled by an engine that is used
    for other things, too; else made from Debian's packages, once."""
    if engine.has_image(BASE_IMAGE):
        return
    if not engine.own and pull(engine):
        return
    archive = CACHE / "trixie-slim.tar"
    if not archive.exists():
        if not shutil.which("mmdebstrap"):
            raise NoEngine("no mmdebstrap to make the base image with")
        CACHE.mkdir(parents=True, exist_ok=True)
        new = archive.with_suffix(".new")
        subprocess.run(
            ["mmdebstrap", "--quiet", "--format=tar", "--variant=minbase"]
            + SLIM_OPTIONS
            + ["trixie", str(new)],
            check=True,
            timeout=600,
        )
        new.rename(archive)
    engine.docker("import", str(archive), BASE_IMAGE)


def pull(engine):
    try:
        engine.docker("pull", "-q", BASE_IMAGE, timeout_s=120)
    except (AssertionError, subprocess.TimeoutExpired):
        return False
    return True


def need_broker_image(engine):
    """Debian's RabbitMQ in place of the official image; of layers that are
    there already but for what was changed."""
    folder = ROOT / "docker" / "rabbitmq"
    engine.build(BROKER_IMAGE, folder / "Dockerfile-debian", folder)


def need_compose_2(engine):
    """Compose v2 out of trixie's package: one static program."""
    if COMPOSE_2.exists():
        return
    engine.docker(
        "build",
        "-q",
        "-t",
        COMPOSE_IMAGE,
        "-",
        input=f"FROM {BASE_IMAGE}\n"
        "RUN apt-get update && cd /tmp && apt-get download docker-compose "
        "&& dpkg -x docker-compose_*.deb /compose && apt-get clean\n",
    )
    container = engine.docker("create", COMPOSE_IMAGE, "true").strip()
    new = COMPOSE_2.with_suffix(".new")
    engine.docker(
        "cp",
        f"{container}:/compose/usr/libexec/docker/cli-plugins/docker-compose",
        str(new),
    )
    engine.docker("rm", container)
    engine.docker("rmi", COMPOSE_IMAGE)
    new.rename(COMPOSE_2)


def lock():
    """Waits until no other program of the tests uses the engine. It is ours
    from then on until this program ends."""
    try:
        file = os.open(LOCK, os.O_RDONLY)
    except FileNotFoundError:
        file = os.open(LOCK, os.O_RDONLY | os.O_CREAT, 0o444)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("waiting for another run of these tests", flush=True)
        began = time.monotonic()
        fcntl.flock(file, fcntl.LOCK_EX)
        print(f"waited {time.monotonic() - began:.0f} s", flush=True)


def remove_leftovers(engine):
    """What a run left that was killed. Only with the lock held: nobody else's
    project exists then."""
    ours = ("-q", "--filter", f"name={PROJECT_PREFIX}")
    for things, remove in (
        (engine.lines("ps", "-a", *ours), ("rm", "-f", "-v")),
        (engine.lines("volume", "ls", *ours), ("volume", "rm")),
        (engine.lines("network", "ls", *ours), ("network", "rm")),
        (
            [
                name
                for name in engine.lines(
                    "image", "ls", "--format", "{{.Repository}}:{{.Tag}}"
                )
                if f":{PROJECT_PREFIX}" in name
            ],
            ("rmi", "--no-prune"),
        ),
    ):
        if things:
            engine.docker(*remove, *things)


def forget_old_layers(engine):
    for what in ("image", "builder"):
        engine.docker(what, "prune", "-f", "--filter", f"until={KEPT_HOURS}h")


def prepare():
    """The engine, alone, with all that the tests need; or the end of the
    program with the reason and CTest's code for a skipped test."""
    lock()
    try:
        engine = get_engine()
        if engine.own:
            remove_leftovers(engine)
        need_base_image(engine)
        need_broker_image(engine)
        need_compose_2(engine)
    except NoEngine as reason:
        print(f"skipped: {reason}", flush=True)
        sys.exit(SKIPPED)
    return engine
