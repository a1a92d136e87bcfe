"""An AMQP client of another make (pika), as other services would use it."""

import contextlib
import json

import pika

EXCHANGE = "viewed"
QUEUE = "history.viewed"
DEAD_QUEUE = "history.viewed.dead"
STREAM = "viewed.log"
PERSISTENT = 2


@contextlib.contextmanager
def channel_to(url):
    parameters = pika.URLParameters(url)
    parameters.heartbeat = 0  # the tests may be slower than any heartbeat
    connection = pika.BlockingConnection(parameters)
    try:
        yield connection.channel()
    finally:
        if connection.is_open:
            connection.close()


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
