"""asyncapi.yaml and viewed.schema.json, and what is on the broker, agree."""

import json
import unittest

from support.amqp import DEAD_QUEUE, bind_exclusive, channel_to, publish, take
from support.broker import shared_broker, vhost_of
from support.claims import Claims
from support.documents import Document
from support.waiting import eventually


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class AmqpContract(Claims):
    @classmethod
    def setUpClass(cls):
        cls.document = Document("asyncapi.yaml")
        cls.channels = cls.document.content["channels"].values()
        cls.messages = cls.document.content["components"]["messages"]

    def documented(self, kind):
        """The bindings of the exchanges, or of the queues, by name."""
        found = {}
        for channel in self.channels:
            binding = channel["bindings"]["amqp"]
            if binding["is"] == {"exchange": "routingKey", "queue": "queue"}[kind]:
                self.assertEqual(binding[kind]["name"], channel["address"])
                found[channel["address"]] = (binding[kind], channel)
        return found

    def on_the_broker(self, what, rabbit):
        return shared_broker().manage("GET", f"/{what}/{vhost_of(rabbit)}")

    def test_the_topology_is_as_documented_whoever_starts(self):
        for start in (self.history, self.streaming):
            rabbit = self.vhost()
            start(rabbit)
            with self.subTest(start.__name__):
                self.check_exchanges(rabbit)
                self.check_queues(rabbit)
                self.check_bindings(rabbit)

    def check_exchanges(self, rabbit):
        there = {
            one["name"]: (one["type"], one["durable"], one["auto_delete"])
            for one in self.on_the_broker("exchanges", rabbit)
            if one["name"] and not one["name"].startswith("amq.")
        }
        documented = {
            name: (one["type"], one["durable"], one["autoDelete"])
            for name, (one, _) in self.documented("exchange").items()
        }
        self.assertEqual(there, documented)

    def check_queues(self, rabbit):
        there = {
            one["name"]: (one["durable"], one["exclusive"], one["arguments"])
            for one in self.on_the_broker("queues", rabbit)
        }
        documented = {
            name: (one["durable"], one["exclusive"], channel["x-arguments"])
            for name, (one, channel) in self.documented("queue").items()
        }
        self.assertEqual(there, documented)

    def check_bindings(self, rabbit):
        there = {
            (one["source"], one["destination"], one["routing_key"])
            for one in self.on_the_broker("bindings", rabbit)
            if one["source"]
        }
        documented = {
            (channel["x-bound-to"], name, "")
            for name, (_, channel) in self.documented("queue").items()
        }
        self.assertEqual(there, documented)

    def check_message(self, name, properties, body):
        message = self.messages[name]
        self.document.check(properties.headers or {}, message["headers"], name)
        self.assertEqual(
            properties.type, message["bindings"]["amqp"]["messageType"]
        )
        if "x-properties" in message:
            given = {
                field: value
                for field in message["x-properties"]["properties"]
                if (value := getattr(properties, field)) is not None
            }
            self.document.check(given, message["x-properties"], name)
        if message["payload"]:
            self.document.check(json.loads(body), message["payload"], name)

    def test_what_streaming_publishes_is_as_documented(self):
        rabbit = self.vhost()
        videos = self.streaming(rabbit)
        with channel_to(rabbit) as channel:
            queue = bind_exclusive(channel)
            videos.get("/video", headers={"traceparent": TRACE})
            properties, body = eventually(lambda: take(channel, queue))
        self.check_message("viewed", properties, body)
        message = json.loads(body)
        self.assertEqual(properties.message_id, message["id"])
        self.assertEqual(properties.headers["traceparent"], message["traceparent"])
        self.assertEqual(
            properties.headers["cloudEvents_partitionkey"], message["userId"]
        )
        # Ours says all that the schema knows.
        known = set(Document("viewed.schema.json").content["properties"])
        self.assertLessEqual(known - set(message), {"position"})
        self.assertLessEqual(set(message), known)

    def test_what_history_sets_aside_is_as_documented(self):
        rabbit = self.vhost()
        self.history(rabbit)
        with channel_to(rabbit) as channel:
            publish(channel, b"poison")
            properties, body = eventually(lambda: take(channel, DEAD_QUEUE))
        self.assertEqual(body, b"poison")
        self.check_message("dead", properties, body)

    def test_every_example_is_taken_and_is_as_its_schema_says(self):
        rabbit = self.vhost()
        views = self.history(rabbit)
        examples = self.messages["viewed"]["examples"]
        with channel_to(rabbit) as channel:
            for example in examples:
                self.document.check(
                    example["payload"],
                    self.messages["viewed"]["payload"],
                    example["name"],
                )
                publish(channel, example["payload"])
        eventually(lambda: len(views.rows()) == len(examples))

    def test_schema_and_history_agree_on_what_is_no_view(self):
        views = self.history(self.vhost())
        schema = Document("viewed.schema.json")
        good = self.messages["viewed"]["examples"][0]["payload"]
        fields = schema.content["properties"]
        for name in fields:
            for wrong in (None, True, [], {}, "", "x" * 2000, -1, 1e12, "7"):
                message = {**good, name: wrong}
                if name == "id":
                    message.pop("sessionId")
                try:
                    schema.check(message, schema.content)
                    valid = True
                except AssertionError:
                    valid = False
                with self.subTest(field=name, value=str(wrong)[:20]):
                    status = views.post("/viewed", message).status
                    self.assertEqual(status, 200 if valid else 400)

    def test_every_reference_leads_somewhere(self):
        for reference in self.document.references():
            with self.subTest(reference):
                self.document.resolver.resolve(reference)


if __name__ == "__main__":
    unittest.main()
