"""Hours of views with faults every few seconds: memory, descriptors and threads
of both services stay flat, and at the end each accepted view is stored once.

  soak.py [--minutes 60] [--rate 2000] [--seed N] [--samples FILE]

The services are killed in the first sixth of the time alone: what is measured
then is the life of two processes under all the other faults.
"""

import argparse
import collections
import csv
import os
import random
import shutil
import tempfile
import threading
import time

from support import faults
from support.fault_world import STREAM_IS_KEPT_S, World

SAMPLE_S = 5
FAULT_S = (2, 6)
# How often each is drawn, out of all.
WEIGHTS = {
    **{fault: 6 for fault in faults.LINK},
    **{fault: 3 for fault in faults.HALTS},
    **{fault: 2 for fault in faults.TOPOLOGY},
    **{fault: 1 for fault in faults.BROKER},
}
KILL_PART = 1 / 6
WARM_UP_S = 120  # caches and the map of sessions fill
MEASURES = ("rss_kb", "anonymous_kb", "descriptors", "threads")


def measure(pid):
    with open(f"/proc/{pid}/status") as file:
        status = dict(line.split(":", 1) for line in file)
    number = lambda name: int(status[name].split()[0])
    return {
        "rss_kb": number("VmRSS"),
        "anonymous_kb": number("RssAnon"),
        "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
        "threads": number("Threads"),
    }


class Sampler(threading.Thread):
    """Looks at both processes every few seconds, and asks history something."""

    def __init__(self, world, path):
        super().__init__(daemon=True)
        self.world, self.stopping = world, threading.Event()
        self.samples, self.began = [], time.monotonic()
        self.answered = self.unanswered = 0
        self.file = open(path, "w", newline="")
        self.writer = csv.writer(self.file)
        self.writer.writerow(("s", "service", "pid", *MEASURES))

    def run(self):
        while not self.stopping.wait(SAMPLE_S):
            for service in (self.world.views, self.world.videos):
                try:
                    pid = service.process.pid
                    sample = measure(pid)
                except (AttributeError, OSError, KeyError):
                    continue  # it is being started again
                at = time.monotonic() - self.began
                self.samples.append((at, service.name, pid, sample))
                self.writer.writerow((round(at, 1), service.name, pid, *sample.values()))
            self.file.flush()
            self.ask()

    def ask(self):
        try:
            answer = self.world.views.get("/history?limit=100", timeout_s=5)
            self.answered += answer.status == 200
            self.unanswered += answer.status != 200
        except OSError:
            self.unanswered += 1

    def stop(self):
        self.stopping.set()
        self.join()
        self.file.close()


def slope_per_hour(points):
    """By least squares."""
    n = len(points)
    mean_x = sum(x for x, _ in points) / n
    mean_y = sum(y for _, y in points) / n
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    if spread == 0:
        return 0.0
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread * 3600


def report(samples):
    for name in ("history", "streaming"):
        lives = collections.Counter(pid for _, of, pid, _ in samples if of == name)
        pid, _ = lives.most_common(1)[0]
        mine = [(at, s) for at, of, p, s in samples if of == name and p == pid]
        warm = [(at, s) for at, s in mine if at - mine[0][0] >= WARM_UP_S] or mine
        minutes = (warm[-1][0] - warm[0][0]) / 60
        print(f"{name}, one process for {minutes:.1f} min, {len(warm)} samples")
        for what in MEASURES:
            values = [s[what] for _, s in warm]
            slope = slope_per_hour([(at, s[what]) for at, s in warm])
            print(f"  {what:<13} first {values[0]:>8}  last {values[-1]:>8}"
                  f"  max {max(values):>8}  slope {slope:+.1f}/h")


def inject(world, minutes, counts):
    began = time.monotonic()
    ends = began + minutes * 60
    kills_until = began + minutes * 60 * KILL_PART
    while time.monotonic() < ends:
        time.sleep(min(world.random.uniform(*FAULT_S), max(0, ends - time.monotonic())))
        weights = dict(WEIGHTS)
        if time.monotonic() < kills_until:
            weights.update({fault: 5 for fault in faults.KILLS})
        fault = world.random.choices(list(weights), list(weights.values()))[0]
        fault(world)
        counts[fault.__name__] += 1


def soak(folder, options):
    world = World(folder, options.seed, history={"CHECKPOINT_S": 60})
    try:
        time.sleep(STREAM_IS_KEPT_S)
        sampler = Sampler(world, options.samples)
        sampler.start()
        counts = collections.Counter()
        viewers = world.viewers(options.rate, threads=48)
        began = time.monotonic()
        inject(world, options.minutes, counts)
        viewers.stop()
        took_s = time.monotonic() - began
        world.heal()
        accepted = world.check(viewers, timeout_s=900)
        drained_s = time.monotonic() - began - took_s
        sampler.stop()
        print(f"{accepted} views accepted in {took_s / 60:.1f} min "
              f"({accepted / took_s:.0f}/s), {sum(counts.values())} faults:")
        for name, count in sorted(counts.items()):
            print(f"  {count:>5} {name}")
        print(f"queries: {sampler.answered} answered, {sampler.unanswered} not")
        report(sampler.samples)
        print(f"PASS: every accepted view is stored once, both files are good "
              f"({drained_s:.0f} s after the last)")
    except BaseException:
        print(f"FAIL with --seed {options.seed}; what it left is in {folder}")
        options.keep = True
        raise
    finally:
        world.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=2000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    parser.add_argument("--samples", default="soak.csv")
    options = parser.parse_args()
    options.keep = False
    folder = tempfile.mkdtemp(prefix="flixtube-soak-")
    print(f"soak: seed {options.seed}, {options.minutes} min at {options.rate}/s, "
          f"in {folder}", flush=True)
    try:
        soak(folder, options)
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
