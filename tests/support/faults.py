"""The faults that are injected from outside, each a function of the world and
of its random numbers. It may leave the fault standing: World.heal() ends it."""

import contextlib
import re
import signal
import time

import pika

from support.amqp import EXCHANGE, QUEUE, channel_to
from support.postgres import database_of, statement
from support.waiting import eventually


def _bytes(random):
    """Often within the first frames, where the links are set up."""
    return random.choice((random.randrange(2000), random.randrange(200_000)))


def kill_history(world):
    world.views.kill()
    world.views.start(ready=False)


def kill_streaming(world):
    world.videos.kill()
    world.videos.start(ready=False)


def restart_history(world):
    world.views.stop()
    world.views.start(ready=False)


def restart_streaming(world):
    world.videos.stop()
    world.videos.start(ready=False)


def _halt(world, service):
    service.signal(signal.SIGSTOP)
    time.sleep(world.random.uniform(0.05, 1.5))
    service.signal(signal.SIGCONT)


def halt_history(world):
    _halt(world, world.views)


def halt_streaming(world):
    _halt(world, world.videos)


def _cut(world, proxy):
    side = world.random.choice(("client", "server"))
    proxy.tell(f"cut {side} {_bytes(world.random)}")


def cut_history(world):
    _cut(world, world.proxies[0])


def cut_streaming(world):
    _cut(world, world.proxies[1])


def cut_both(world):
    for proxy in world.proxies:
        _cut(world, proxy)


def _stall(world, proxy):
    proxy.tell("stall 1")
    time.sleep(world.random.uniform(0.05, 2))
    proxy.tell("stall 0")


def stall_history(world):
    _stall(world, world.proxies[0])


def stall_streaming(world):
    _stall(world, world.proxies[1])


def delay(world):
    for proxy in world.proxies:
        proxy.tell(f"delay {world.random.randrange(5, 60)}")
    time.sleep(world.random.uniform(0.2, 2))
    for proxy in world.proxies:
        proxy.tell("delay 0")


def refuse(world):
    for proxy in world.proxies:
        proxy.tell("refuse 1")
        proxy.tell("cut client 0")
    time.sleep(world.random.uniform(0.2, 1.5))
    for proxy in world.proxies:
        proxy.tell("refuse 0")


def halt_broker(world):
    world.broker.halt()
    time.sleep(world.random.uniform(0.05, 3))
    world.broker.go_on()


def kill_broker(world):
    world.broker.kill()
    world.broker.start_again()


@contextlib.contextmanager
def _channel(world):
    """What is gone already cannot be taken away: that is no failure."""
    try:
        with channel_to(world.broker.url) as channel:
            yield channel
    except pika.exceptions.ChannelClosedByBroker as error:
        if error.reply_code != 404:
            raise


def delete_queue(world):
    with _channel(world) as channel:
        channel.queue_delete(QUEUE)


def delete_binding(world):
    with _channel(world) as channel:
        channel.queue_unbind(QUEUE, EXCHANGE, "")


def delete_exchange(world):
    with _channel(world) as channel:
        channel.exchange_delete(EXCHANGE)


# --- of PostgreSQL, where the store is there ----------------------------------------

SAID_WITHIN_S = 60


def _until_said(world):
    """history says that the store does not work, and why."""

    def is_said():
        reasons = world.views.get("/readyz").json()["reasons"]
        return any(re.fullmatch("store: .+", reason) for reason in reasons)

    eventually(is_said, SAID_WITHIN_S)


def kill_postgres(world):
    world.postgres.kill()
    if world.random.random() < 0.5:
        _until_said(world)
    world.postgres.start_again()


def halt_postgres(world):
    world.postgres.halt()
    time.sleep(world.random.uniform(0.05, 6))
    world.postgres.go_on()


def cut_postgres(world):
    for _ in range(world.random.randrange(1, 6)):
        world.postgres.cut(world.views.settings["HISTORY_DB"])
        time.sleep(world.random.uniform(0, 0.3))


def read_only_postgres(world):
    """New sessions take no writes for a while; those that began in that time
    never do."""
    url = world.views.settings["HISTORY_DB"]
    alter = f"ALTER DATABASE {database_of(url)} "
    world.postgres.run(alter + "SET default_transaction_read_only = on")
    try:
        world.postgres.cut(url)
        _until_said(world)
    finally:
        world.postgres.run("SET default_transaction_read_only = off; " + alter
                           + "RESET default_transaction_read_only")


def lock_postgres(world):
    """An operator holds a table, maybe for longer than history waits."""
    url = world.views.settings["HISTORY_DB"]
    seconds = world.random.uniform(0.5, 13)
    statement(url, f"BEGIN; LOCK TABLE ids IN ACCESS EXCLUSIVE MODE;"
              f" SELECT pg_sleep({seconds:.2f}); COMMIT")


def kill_both(world):
    """What history has acknowledged by then must be in the database."""
    kills = [world.postgres.kill, world.views.kill]
    world.random.shuffle(kills)
    kills[0]()
    time.sleep(world.random.uniform(0, 0.5))
    kills[1]()
    world.postgres.start_again()
    world.views.start(ready=False)


LINK = (cut_history, cut_streaming, cut_both, stall_history, stall_streaming,
        delay, refuse)
HALTS = (halt_history, halt_streaming, halt_broker)
TOPOLOGY = (delete_queue, delete_binding, delete_exchange)
KILLS = (kill_history, kill_streaming, restart_history, restart_streaming)
BROKER = (kill_broker,)
POSTGRES = (kill_postgres, halt_postgres, cut_postgres, read_only_postgres,
            lock_postgres, kill_both)
ALL = LINK + HALTS + TOPOLOGY + KILLS + BROKER
