"""Publishes views until the broker has confirmed each, whatever breaks."""

import collections
import threading
import time

import pika

from support.amqp import EXCHANGE, PERSISTENT

AT_ONCE = 400  # messages without an answer yet
SILENT_S = 20  # a node that confirms nothing for so long is left for the next


class ViewsPublisher(threading.Thread):
    """Messages as (id, body), from several nodes' addresses, by one connection
    at a time. What has no answer when that breaks is published again: so an id
    may be in the broker more than once. It waits at `gate`, the number of
    messages that may be confirmed."""

    def __init__(self, urls, messages):
        super().__init__(daemon=True)
        self.urls = collections.deque(urls)
        self.messages = collections.deque(messages)
        self.under_way = {}  # tag: message
        self.published = 0
        self.confirmed = 0
        self.breaks = 0
        self.gate = len(messages)
        self.ending = False

    def run(self):
        while (self.messages or self.under_way) and not self.ending:
            try:
                self._publish_by(self.urls[0])
            except (pika.exceptions.AMQPError, OSError):
                self.breaks += 1
                time.sleep(0.2)
            self.messages.extendleft(self.under_way.values())
            self.under_way = {}
            self.urls.rotate()

    def _publish_by(self, url):
        parameters = pika.URLParameters(url)
        parameters.heartbeat = 0
        parameters.socket_timeout = parameters.stack_timeout = 5
        connection = pika.BlockingConnection(parameters)
        try:
            channel = connection.channel()
            channel._impl.confirm_delivery(self._answered)
            self.tag, self.heard = 0, time.monotonic()
            while (self.messages or self.under_way) and not self.ending:
                self._publish_some(channel)
                connection.process_data_events(time_limit=0.02)
                if self.under_way and time.monotonic() - self.heard > SILENT_S:
                    return
        finally:
            if connection.is_open:
                connection.close()

    def _publish_some(self, channel):
        while (self.messages and len(self.under_way) < AT_ONCE
               and self.confirmed + len(self.under_way) < self.gate):
            message = self.messages.popleft()
            self.tag += 1
            self.under_way[self.tag] = message
            self.published += 1
            channel.basic_publish(
                EXCHANGE, "", message[1],
                pika.BasicProperties(message_id=message[0], delivery_mode=PERSISTENT))

    def _answered(self, frame):
        self.heard = time.monotonic()
        answer = frame.method
        tags = [answer.delivery_tag]
        if answer.multiple:
            tags = [tag for tag in self.under_way if tag <= answer.delivery_tag]
        for tag in tags:
            message = self.under_way.pop(tag, None)
            if message is None:
                continue
            if isinstance(answer, pika.spec.Basic.Ack):
                self.confirmed += 1
            else:
                self.messages.append(message)
