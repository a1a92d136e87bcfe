"""HTTP load by wrk."""

import json
import os
import subprocess

from harness.programs import Failed

_SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wrk", "targets.lua")
_THREADS = 2
_GRACE_S = 30


def load(bench, port, targets, connections, seconds):
    """Asks for the targets (lines as wrk/targets.lua reads them) in turn over
    so many connections. {"requests_per_s", "bytes_per_s", "p95_ms", …}"""
    path = os.path.join(bench.scratch, "targets.txt")
    with open(path, "w") as file:
        file.write("".join(line + "\n" for line in targets))
    command = ["wrk", "-t", str(_THREADS), "-c", str(connections), "-d", f"{seconds}s",
               "--latency", "-s", _SCRIPT, f"http://127.0.0.1:{port}", "--", path]
    done = subprocess.run(command, capture_output=True, text=True,
                          timeout=seconds + _GRACE_S, stdin=subprocess.DEVNULL)
    lines = [line for line in done.stdout.splitlines() if line.startswith("JSON ")]
    if done.returncode != 0 or not lines:
        raise Failed(f"wrk: {done.stdout[-500:]}{done.stderr[-500:]}")
    found = json.loads(lines[-1][5:])
    if found["requests"] == 0 or found["failed"] or found["refused"]:
        raise Failed(f"wrk on {targets[0]!r}: {found}")
    return {
        "requests": found["requests"],
        "requests_per_s": found["requests"] / found["seconds"],
        "bytes_per_s": found["bytes"] / found["seconds"],
        "p50_ms": found["p50_us"] / 1e3,
        "p95_ms": found["p95_us"] / 1e3,
        "p99_ms": found["p99_us"] / 1e3,
        "max_ms": found["max_us"] / 1e3,
    }
