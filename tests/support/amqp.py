"""An AMQP client of another make (pika), as other services would use it."""

import contextlib
import itertools
import json
import time

import pika

EXCHANGE = "viewed"
QUEUE = "history.viewed"
DEAD_QUEUE = "history.viewed.dead"
STREAM = "viewed.log"
PERSISTENT = 2


CONFIRM_TIMEOUT_S = 30


@contextlib.contextmanager
def channel_to(url):
    """A channel whose publishes are confirmed when the block ends.

    A broker drops what a quorum queue has not taken yet when the publisher's
    channel is closed, and a queue that was just declared takes its time: of a
    few messages that were followed by a close at once, some were lost in one
    round of thirty.
    """
    parameters = pika.URLParameters(url)
    parameters.heartbeat = 0  # the tests may be slower than any heartbeat
    connection = pika.BlockingConnection(parameters)
    try:
        channel = connection.channel()
        unconfirmed = _confirming(channel)
        yield channel
        _wait_for_confirms(channel, unconfirmed)
    finally:
        if connection.is_open:
            connection.close()


def _confirming(channel):
    """Counts what is published and answered: the tags without an answer.

    BlockingChannel's own confirm_delivery() waits for each message by itself,
    which is a hundred times slower; the channel inside it does not wait.
    """
    unconfirmed, published = set(), itertools.count(1)
    plain_publish = channel.basic_publish

    def answered(frame):
        tag = frame.method.delivery_tag
        if frame.method.multiple:
            unconfirmed.difference_update({t for t in unconfirmed if t <= tag})
        else:
            unconfirmed.discard(tag)

    def counted_publish(*arguments, **named):
        tag = next(published)
        if tag == 1:
            channel._impl.confirm_delivery(answered)
        unconfirmed.add(tag)
        return plain_publish(*arguments, **named)

    channel.basic_publish = counted_publish
    return unconfirmed


def _wait_for_confirms(channel, unconfirmed):
    deadline = time.monotonic() + CONFIRM_TIMEOUT_S
    while unconfirmed and channel.is_open:
        if time.monotonic() >= deadline:
            raise AssertionError(f"{len(unconfirmed)} messages are not confirmed")
        channel.connection.process_data_events(time_limit=0.05)


def publish(channel, body, **properties):
    """Publishes to the exchange, a dict as JSON; returns nothing: no confirm."""
    if isinstance(body, dict):
        body = json.dumps(body)
    channel.basic_publish(
        EXCHANGE, "", body, pika.BasicProperties(**properties) if properties else None
    )


def take(channel, queue):
    """The next message as (properties, body), or None."""
    method, properties, body = channel.basic_get(queue, auto_ack=True)
    return None if method is None else (properties, body)


def bind_exclusive(channel):
    """A queue of one's own on the exchange, as any other service would."""
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.queue_bind(queue, EXCHANGE)
    return queue
