"""Rounds of faults in the running system, each drawn from a seed: people watch,
others publish, some of it poison and some of it twice, something breaks, and
when all has come to rest each accepted view is stored once.

  system_rounds.py [--seconds 60] [--seed N] [--kind NAME] [--rounds N]
                   [--store sqlite|postgresql] [--only-of-the-store]

A round that fails says its seed; with it, --rounds 1 and the kind it can be had
again, as far as two runs of real programs are alike.
"""

import argparse
import collections
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from support import faults
from support.fault_world import STREAM_IS_KEPT_S, SmallDisk, World
from support.postgres import Postgres
from support.stores import on_postgres
from support.waiting import eventually

ROUNDS_OF_A_WORLD = 40  # then with new files, so that checks stay quick
RATE = 150
SPARE_S = (0.2, 1.0)


def under_load(fault):
    """A fault while people watch and others publish."""

    def round_of(world):
        viewers = world.viewers(RATE, threads=8)
        # Poison that the stream alone has is no view, and stays there.
        others = world.others(poison=fault not in faults.TOPOLOGY)
        time.sleep(world.random.uniform(*SPARE_S))
        fault(world)
        time.sleep(world.random.uniform(*SPARE_S))
        viewers.stop()
        others.stop()
        world.heal()
        return world.check(viewers, others)

    round_of.__name__ = fault.__name__
    return round_of


def two_at_once(world):
    """A service ends while the network or the broker is bad."""
    first = world.random.choice(faults.LINK + (faults.halt_broker,))
    second = world.random.choice(faults.KILLS)
    thread = threading.Thread(target=first, args=(world,))
    thread.start()
    second(world)
    thread.join()


def full_disk(world, service, name):
    """Its files lie on 1 MB: nothing is acknowledged when that is full, the
    service says so, and goes on by itself when there is room."""
    try:
        disk = SmallDisk(world.folder)
    except PermissionError:
        return None
    service.stop()
    kept = {setting: service.settings.get(setting, 0)
            for setting in (name, "CHECKPOINT_S")}
    file = os.path.join(disk.folder, os.path.basename(kept[name]))
    # The stream has all earlier views, which would not find room either.
    service.start(**{name: file, "CHECKPOINT_S": 0})
    viewers = world.viewers(RATE * 4, threads=8)
    try:
        disk.fill()
        eventually(lambda: service.get("/readyz").json()["reasons"], 30)
        time.sleep(world.random.uniform(*SPARE_S))
        disk.make_room()
        eventually(lambda: service.get("/readyz").json()["reasons"] == [], 30)
        time.sleep(world.random.uniform(*SPARE_S))
    finally:
        viewers.stop()
    world.heal()
    accepted = world.check(viewers)
    service.stop()
    service.start(**kept)
    disk.remove()
    return accepted


def full_disk_of_history(world):
    return full_disk(world, world.views, "HISTORY_DB")


def full_disk_of_postgres(world):
    """The whole server's: it may end, and its operator starts it again."""
    try:
        disk = SmallDisk(tempfile.gettempdir(), size="160m", larger="500m")
    except PermissionError:
        return None
    kept = {setting: world.views.settings[setting]
            for setting in ("HISTORY_DB", "CHECKPOINT_S")}
    world.views.stop()
    settings = ("--set", "fsync=off", "--set", "min_wal_size=32MB",
                "--set", "max_wal_size=48MB")
    small = Postgres.start_in(os.path.join(disk.folder, "server"), *settings,
                              disk=disk.folder)
    try:
        world.views.start(HISTORY_DB=small.add_database(), CHECKPOINT_S=0)
        viewers = world.viewers(RATE * 4, threads=8)
        try:
            disk.fill()
            eventually(lambda: world.views.get("/readyz").json()["reasons"], 90)
            time.sleep(world.random.uniform(*SPARE_S))
            disk.make_room()
            small.start_again(*settings)
            eventually(lambda: world.views.get("/readyz").json()["reasons"] == [], 60)
            time.sleep(world.random.uniform(*SPARE_S))
        finally:
            viewers.stop()
        world.heal()
        accepted = world.check(viewers)
        world.views.stop()
    finally:
        small.stop()
        disk.remove()
    world.views.start(**kept)
    return accepted


def full_disk_of_streaming(world):
    return full_disk(world, world.videos, "OUTBOX_DB")


KINDS = {
    **{fault.__name__: under_load(fault) for fault in faults.ALL},
    "two_at_once": under_load(two_at_once),
    "full_disk_of_streaming": full_disk_of_streaming,
}
KINDS_OF_SQLITE = {"full_disk_of_history": full_disk_of_history}
KINDS_OF_POSTGRES = {
    **{fault.__name__: under_load(fault) for fault in faults.POSTGRES},
    "full_disk_of_postgres": full_disk_of_postgres,
}


def kinds_of(options):
    own = KINDS_OF_SQLITE if options.store == "sqlite" else KINDS_OF_POSTGRES
    return own if options.only_of_the_store else {**KINDS, **own}


# A start of the broker takes as long as ten of the others.
SELDOM = {"kill_broker": 0.3, "full_disk_of_history": 0.5,
          "full_disk_of_streaming": 0.5, "full_disk_of_postgres": 0.3,
          "two_at_once": 3}


class Rounds:
    def __init__(self, options):
        self.options = options
        self.passed = collections.Counter()
        self.skipped = collections.Counter()
        self.accepted = 0
        self.world = None
        self.folder = None

    def begin_world(self, seed):
        self.end_world()
        self.folder = tempfile.mkdtemp(prefix="flixtube-rounds-")
        self.world = World(self.folder, seed)
        time.sleep(STREAM_IS_KEPT_S)

    def end_world(self, keep=False):
        if self.world is not None:
            self.world.stop()
            if not keep:
                shutil.rmtree(self.folder, ignore_errors=True)
        self.world = None

    def run(self):
        ends = time.monotonic() + self.options.seconds
        number = 0
        while time.monotonic() < ends and number < self.options.rounds:
            seed = self.options.seed + number
            if number % ROUNDS_OF_A_WORLD == 0:
                self.begin_world(seed)
            self.round(seed)
            number += 1
        self.end_world()

    def round(self, seed):
        draw = random.Random(seed)
        kinds = kinds_of(self.options)
        names = [self.options.kind] if self.options.kind else list(kinds)
        kind = draw.choices(names, [SELDOM.get(name, 1) for name in names])[0]
        self.world.random = draw
        try:
            accepted = kinds[kind](self.world)
        except BaseException:
            print(f"FAILED: --kind {kind} --seed {seed}; what it left: {self.folder}",
                  flush=True)
            self.end_world(keep=True)
            raise
        if accepted is None:
            self.skipped[kind] += 1
            return
        self.passed[kind] += 1
        self.accepted += accepted

    def report(self):
        print(f"{sum(self.passed.values())} rounds, {self.accepted} views accepted, "
              f"seeds from {self.options.seed}, {self.options.store}")
        for name, count in sorted(self.passed.items()):
            print(f"  {count:>5} {name}")
        for name, count in sorted(self.skipped.items()):
            print(f"  {count:>5} {name} SKIPPED: mounting is not allowed here")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=sys.maxsize)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default=(
        "postgresql" if on_postgres() else "sqlite"))
    parser.add_argument("--only-of-the-store", action="store_true")
    parser.add_argument("--kind")
    options = parser.parse_args()
    if options.kind and options.kind not in kinds_of(options):
        parser.error(f"--kind is one of {' '.join(sorted(kinds_of(options)))}")
    os.environ["FLIXTUBE_STORE"] = options.store
    rounds = Rounds(options)
    try:
        rounds.run()
    finally:
        rounds.report()


if __name__ == "__main__":
    main()
