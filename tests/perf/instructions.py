#!/usr/bin/python3
"""A view and a query take no more instructions than their bound.

    instructions.py BUILD_FOLDER

Counts by callgrind what bench/count_work.c does: reading and storing a message,
and a page of 20 rows of one user. The same sources give the same number within
a thousandth, however busy the machine is; another compiler or SQLite gives
another, so the bounds leave room for that. A change that makes either cheaper
lowers its bound in the same commit.
"""

import json
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Measured with gcc 12 and SQLite 3.40: 35,410 and 190,720.
BOUNDS = {"view": 40000, "query": 212000}
WORK = {"view": ("views", "take_views"), "query": ("queries", "answer_queries")}
COUNT_S = 120


def build(folder):
    """A release build under that folder; returns where its programs are."""
    release = os.path.join(folder, "perf")
    for command in (
        ["cmake", "-S", ROOT, "-B", release, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
         "-DFLIXTUBE_TESTS=OFF", "-DFLIXTUBE_BENCH=ON"],
        ["cmake", "--build", release, "--target", "count_work"],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(done.stdout + done.stderr)
    return os.path.join(release, "bin")


def count(programs, what, db, profile):
    """Instructions of one unit of that work; `profile` is callgrind's file."""
    words, function = WORK[what]
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", f"--toggle-collect={function}",
         f"--callgrind-out-file={profile}",
         os.path.join(programs, "count_work"), words, db],
        capture_output=True, text=True, timeout=COUNT_S,
    )
    collected = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not collected:
        sys.exit(done.stdout + done.stderr)
    return int(collected.group(1)) / json.loads(done.stdout)["units"]


def main():
    programs = build(sys.argv[1])
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        db = os.path.join(folder, "views.db")
        for what, bound in BOUNDS.items():
            got = count(programs, what, db, os.path.join(folder, what))
            print(f"{what}: {got:,.0f} instructions, at most {bound:,}")
            failed |= got > bound
    sys.exit(failed)


if __name__ == "__main__":
    main()
