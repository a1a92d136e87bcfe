"""Memory of streaming while many clients keep their connections and ask for
nothing."""

import resource
import socket

from harness.figures import Figure
from harness.programs import Failed
from scenarios import video

CONNECTIONS = 2000
ROOM = 500  # descriptors for all else
REQUEST = (f"GET /video?id={video.NAME}&reports=1 HTTP/1.1\r\nHost: localhost\r\n"
           "Range: bytes=0-65535\r\n\r\n").encode()


def read_answer(peer):
    answer = b""
    while b"\r\n\r\n" not in answer:
        chunk = peer.recv(65536)
        if not chunk:
            raise Failed("streaming closed an idle connection")
        answer += chunk
    head, body = answer.split(b"\r\n\r\n", 1)
    if not head.startswith(b"HTTP/1.1 206"):
        raise Failed(f"streaming answers {head[:60]!r}")
    left = 65536 - len(body)
    while left > 0:
        left -= len(peer.recv(65536))


def run(bench):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, CONNECTIONS * 2 + ROOM), hard))
    figure = Figure("memory_idle", f"memory of streaming with {CONNECTIONS:,} idle connections",
                    "MB", False).limit(64)
    peak = Figure("memory_idle_peak", "the same, at its peak", "MB", False)
    videos = video.make_videos(bench)
    for _ in range(bench.options.rounds):
        peers = []
        with bench.streaming(videos, bench.new_db("outbox.db"),
                             HTTP_CONNECTIONS_MAX=CONNECTIONS + 100) as program:
            try:
                for _ in range(CONNECTIONS):
                    peer = socket.create_connection(("127.0.0.1", program.port), timeout=10)
                    peers.append(peer)
                    peer.sendall(REQUEST)
                    read_answer(peer)
                figure.add("ours", program.resident_mb())
                peak.add("ours", program.peak_mb())
            finally:
                for peer in peers:
                    peer.close()
    return [figure, peak]
