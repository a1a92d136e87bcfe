#!/usr/bin/python3
"""Measures ours, the floors and the peers, in one run and in turn.

Every server is a real one on loopback, every load has an end, and nothing is
left running. What each scenario does stands in scenarios/, what came out in
results/ and README.md.
"""

import argparse
import importlib
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import machine, report  # noqa: E402
from harness.bench import ROOT, Bench  # noqa: E402
from harness.programs import Failed  # noqa: E402

QUICK = {"rounds": 3, "views": 200000, "store_rows": 1000000, "seconds": 3,
         "sizes": [200000, 1000000], "minutes": 40}
FULL = {"rounds": 3, "views": 1000000, "store_rows": 20000000, "seconds": 10,
        "sizes": [1000000, 5000000, 20000000], "minutes": 170}
SCENARIOS = report.ORDER


def count(text):
    number = int(text.replace("_", "").replace(",", ""))
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def read_options():
    parser = argparse.ArgumentParser(
        prog="./flix bench", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO",
                        help="of " + ", ".join(SCENARIOS) + "; all without any")
    parser.add_argument("--quick", action="store_true", help="small sizes (the default)")
    parser.add_argument("--full", action="store_true",
                        help="the sizes of the table in README.md; takes hours and 30 GB of disk")
    parser.add_argument("--rounds", type=count)
    parser.add_argument("--views", type=count, help="in the queue of a drain")
    parser.add_argument("--store-rows", type=count, help="of the large store")
    parser.add_argument("--seconds", type=count, help="of one load by HTTP")
    parser.add_argument("--sizes", type=lambda text: [count(part) for part in text.split(",")],
                        help="of the stores in `size`, comma between")
    parser.add_argument("--minutes", type=count, help="after which it ends, whatever runs")
    parser.add_argument("--no-peers", action="store_true", help="without the Node peers")
    parser.add_argument("--rebuild", action="store_true", help="fill the kept stores anew")
    parser.add_argument("--data", default=os.path.join(ROOT, "build", "bench", "data"),
                        help="folder for the broker and the stores")
    parser.add_argument("--results", default=os.path.join(ROOT, "bench", "results"))
    parser.add_argument("--documents", action="store_true",
                        help="also write README.md and the plot from the results")
    options = parser.parse_args()
    for name in options.scenarios:
        if name not in SCENARIOS:
            parser.error(f"there is no scenario {name}")
    for name, value in (FULL if options.full else QUICK).items():
        if getattr(options, name, None) is None:
            setattr(options, name, value)
    options.rebuilt = set()
    return options


def out_of_time(*_):
    raise Failed("the time is over (--minutes)")


def run_scenario(bench, name):
    load_before = machine.load()
    figures = importlib.import_module(f"scenarios.{name}").run(bench)
    result = report.save(name, figures, bench, load_before)
    print(f"\n{name}: {report.options_text(result)}")
    print(report.text(result["figures"]), flush=True)


def main():
    options = read_options()
    signal.signal(signal.SIGALRM, out_of_time)
    signal.signal(signal.SIGTERM, out_of_time)
    signal.alarm(options.minutes * 60)
    failed = []
    with Bench(options) as bench:
        bench.build_programs()
        for name in options.scenarios or SCENARIOS:
            try:
                run_scenario(bench, name)
            except Failed as failure:
                failed.append(name)
                bench.say(f"{name}: {failure}")
    results = report.saved(options.results)
    if results:
        print("\n" + report.machine_text(next(iter(results.values()))))
    if options.documents:
        report.write_documents(options.results)
    sys.exit(f"bench: failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
