"""Video over HTTP: the whole file, and pieces of it, beside nginx."""

import contextlib
import os
import random

from harness import wrk
from harness.bench import ROOT
from harness.figures import Figure, alternating
from harness.programs import answers, free_port

CONNECTIONS = 32
FILE_BYTES = 1055736
RANGE_BYTES = 64 * 1024
VIEWERS = 64
NAME = "clip.mp4"
VIEWER = "018f3c1e-7b2a-7000-8000-{:012d}"


def make_videos(bench):
    """A folder with one file of no particular content."""
    folder = os.path.join(bench.scratch, "videos")
    os.makedirs(folder, exist_ok=True)
    os.chmod(bench.scratch, 0o755)
    with open(os.path.join(folder, NAME), "wb") as file:
        file.write(random.Random(3).randbytes(FILE_BYTES))
    return folder


def ranges():
    return [f"Range: bytes={at}-{at + RANGE_BYTES - 1}"
            for at in range(0, FILE_BYTES - RANGE_BYTES, RANGE_BYTES)]


def ours_of_page(headers):
    """As the player's page asks: with its viewer, and reporting by itself."""
    return ["\t".join([f"/video?id={NAME}&reports=1",
                       f"Cookie: viewer={VIEWER.format(viewer)}", *header])
            for viewer in range(VIEWERS) for header in headers]


def ours_plain(headers):
    """As other clients ask; what arrives is followed, for it may be a view."""
    return ["\t".join([f"/video?id={NAME}", *header]) for header in headers]


def nginx_paths(headers):
    return ["\t".join([f"/{NAME}", *header]) for header in headers]


@contextlib.contextmanager
def nginx(bench, videos):
    folder = os.path.join(bench.scratch, "nginx")
    os.makedirs(folder, exist_ok=True)
    port = free_port()
    with open(os.path.join(ROOT, "bench", "peers", "nginx.conf")) as file:
        text = file.read().replace("@PORT@", str(port)).replace("@ROOT@", videos)
    path = os.path.join(folder, "nginx.conf")
    with open(path, "w") as file:
        file.write(text)
    command = ["nginx", "-p", folder, "-c", path]
    if os.getuid() == 0:
        command += ["-g", "user root;"]
    with bench.programs.running(command) as program:
        answers(program, port, f"/{NAME}")
        program.port = port
        yield program


def run(bench):
    videos = make_videos(bench)
    kinds = {"whole": [[]], "range": [[line] for line in ranges()]}
    whole = Figure("video_whole", f"whole 1 MB file, {CONNECTIONS} connections", "GB/s")
    whole.at_least(1.2, "nginx")
    part = Figure("video_range", f"64 kB ranges, {CONNECTIONS} connections", "GB/s")
    part.at_least(1.0, "nginx")
    figures = {"whole": whole, "range": part}

    def measure(who, port, targets_of):
        for kind, headers in kinds.items():
            found = wrk.load(bench, port, targets_of(headers), CONNECTIONS,
                             bench.options.seconds)
            figures[kind].add(who, found["bytes_per_s"] / 1e9)

    bench.declare_queues()
    with nginx(bench, videos) as peer, bench.streaming(
        videos, bench.new_db("outbox.db")
    ) as ours:
        steps = [
            lambda: measure("ours", ours.port, ours_of_page),
            lambda: measure("nginx", peer.port, nginx_paths),
            lambda: measure("ours, clients that do not report", ours.port, ours_plain),
        ]
        for number in range(bench.options.rounds):
            bench.say(f"video: round {number + 1} of {bench.options.rounds}")
            for step in alternating(steps, number):
                step()
    return list(figures.values())
