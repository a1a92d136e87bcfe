"""Instructions of a view and of a query, and where they go."""

import os
import shutil
import subprocess
import sys

from harness.bench import ROOT
from harness.figures import Figure

sys.path.insert(0, os.path.join(ROOT, "tests", "perf"))
import instructions  # noqa: E402

TOP = 12


def top_functions(profile):
    """Lines "share function", the dearest first."""
    done = subprocess.run(["callgrind_annotate", profile], capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if "%) " in line and "PROGRAM" not in line]
    shares = []
    for line in lines[:TOP]:
        share = line.split("(", 1)[1].split("%", 1)[0].strip()
        function = line.split("%) ", 1)[1].split(" [")[0].rsplit(":", 1)[-1]
        shares.append(f"{share:>6} %  {function}")
    return shares


def run(bench):
    if not shutil.which("valgrind"):
        bench.say("no valgrind: instructions are not counted")
        return []
    db = bench.new_db("counted.db")
    figures = []
    for what, bound in instructions.BOUNDS.items():
        profile = os.path.join(bench.scratch, f"callgrind.{what}")
        figure = Figure(f"instructions_{what}", f"instructions of a {what}", "", False)
        figure.limit(bound).add("ours", instructions.count(bench.bin, what, db, profile))
        figures.append(figure)
        print(f"Of a {what}, by function itself:", *top_functions(profile), sep="\n")
    return figures
