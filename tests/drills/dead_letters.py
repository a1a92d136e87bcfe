"""Dead letters can be listed, looked at, retried and discarded, one by one."""

import json
import unittest
import uuid

import pika

from support.amqp import DEAD_QUEUE, QUEUE, bind_exclusive, channel_to, publish
from support.claims import Claims
from support.service import run
from support.waiting import eventually
from support.web import request

RETRIES_MAX = 10
DEAD_EXCHANGE = "viewed.dead"


def view():
    event = str(uuid.uuid4())
    return event, json.dumps({"id": event, "videoPath": "./v.mp4"})


class DeadLetters(Claims):
    def setUp(self):
        super().setUp()
        self.rabbit = self.vhost()

    def dead(self, *words, code=0):
        done = run("history", "dead", *words, env={"RABBIT": self.rabbit})
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def letters(self):
        return json.loads(self.dead("list", "--json"))["letters"]

    def wait_letters(self, count):
        return eventually(
            lambda: (found := self.letters()) and len(found) == count and found
        )

    def poison(self, *bodies):
        """So many letters, in the order of the bodies."""
        with channel_to(self.rabbit) as channel:
            for body in bodies:
                publish(channel, body, message_id="from-afar")
        return self.wait_letters(len(bodies))

    def lay_aside(self, body, **properties):
        """A letter of a message that would be a view by now, as if an older
        release had refused it."""
        letter = str(uuid.uuid4())
        headers = {"x-reason": "refused", "x-message-id": "", **properties}
        with channel_to(self.rabbit) as channel:
            channel.basic_publish(
                DEAD_EXCHANGE,
                "",
                body,
                pika.BasicProperties(message_id=letter, headers=headers),
            )
        eventually(lambda: letter in [one["id"] for one in self.letters()])
        return letter

    def test_a_list_says_what_came_and_why_it_was_refused(self):
        self.history(self.rabbit)
        first, second = self.poison(b"not JSON", b"\x1b[2J\xff")
        self.assertEqual(first["body"], "not JSON")
        self.assertEqual(first["messageId"], "from-afar")
        self.assertIn("JSON", first["reason"])
        self.assertRegex(first["seenAt"], r"^20\d\d-.*Z$")
        self.assertEqual(first["retries"], 0)
        text = self.dead("list")
        self.assertIn(first["id"], text)
        self.assertNotIn("\x1b", text)
        self.assertIn("\\x1b[2J\\xff", self.dead("show", second["id"]))

    def test_looking_changes_nothing(self):
        self.history(self.rabbit)
        before = self.poison(b"1", b"2", b"3")
        self.dead("list")
        self.dead("show", before[1]["id"])
        by_id = {"key": lambda letter: letter["id"]}
        self.assertEqual(sorted(self.letters(), **by_id), sorted(before, **by_id))

    def test_a_retry_stores_the_view_once_and_removes_the_letter(self):
        views = self.history(self.rabbit)
        event, body = view()
        letter = self.lay_aside(body)
        with channel_to(self.rabbit) as channel:
            other = bind_exclusive(channel)
            self.dead("retry", letter)
            eventually(lambda: views.ids() == {event})
            self.assertEqual(self.letters(), [])
            # Other services have had it when it was new.
            self.assertEqual(channel.basic_get(other), (None, None, None))
        self.dead("retry", letter, code=1)
        self.assertEqual(views.ids(), {event})

    def test_a_retry_that_was_cut_short_is_no_second_view(self):
        """A message without an id, sent twice: as if the letter had stayed."""
        views = self.history(self.rabbit)
        body = b'{"videoPath":"./v.mp4"}'
        letter = self.lay_aside(body)
        with channel_to(self.rabbit) as channel:
            held = channel.basic_get(DEAD_QUEUE, auto_ack=False)
            self.assertEqual(held[2], body)
        eventually(lambda: self.letters())
        self.dead("retry", letter)
        eventually(views.ids)
        properties = held[1]
        with channel_to(self.rabbit) as channel:
            channel.basic_publish(DEAD_EXCHANGE, "", body, properties)
        self.wait_letters(1)
        self.dead("retry", letter)
        eventually(lambda: not self.letters())
        eventually(lambda: self.queue_is_empty())
        self.assertEqual(len(views.ids()), 1)

    def queue_is_empty(self):
        with channel_to(self.rabbit) as channel:
            state = channel.queue_declare(QUEUE, passive=True).method
        return state.message_count == 0

    def test_what_fails_again_keeps_its_id_and_is_not_retried_for_ever(self):
        self.history(self.rabbit)
        (letter,) = self.poison(b"not JSON")
        for retry in range(1, RETRIES_MAX + 1):
            self.dead("retry", letter["id"])
            (again,) = self.wait_letters(1)
            self.assertEqual(again["retries"], retry)
            for name in ("id", "seenAt", "messageId", "body", "reason"):
                self.assertEqual(again[name], letter[name])
        answer = json.loads(self.dead("retry", "--json", letter["id"], code=1))
        self.assertEqual(answer["letters"][0]["outcome"], "refused")
        self.assertEqual(len(self.letters()), 1)

    def test_all_are_retried_once_each_though_some_come_back(self):
        views = self.history(self.rabbit)
        self.poison(b"a", b"b", b"c")
        good = [view() for _ in range(20)]
        for _, body in good:
            self.lay_aside(body)
        self.assertIn("23 done, 0 not", self.dead("retry", "--all"))
        eventually(lambda: views.ids() == {event for event, _ in good})
        back = self.wait_letters(3)
        self.assertEqual([one["retries"] for one in back], [1, 1, 1])

    def test_only_what_is_named_is_discarded(self):
        self.history(self.rabbit)
        first, second, third = self.poison(b"1", b"2", b"3")
        self.dead("discard", code=2)
        self.dead("discard", "--all", code=2)
        self.dead("discard", "not-an-id", code=2)
        self.dead("discard", str(uuid.uuid4()), code=1)
        self.dead("discard", second["id"])
        left = {letter["id"]: letter for letter in self.letters()}
        self.assertEqual(left, {one["id"]: one for one in (first, third)})

    def test_what_the_broker_moved_has_an_id_that_stays(self):
        """Rejected in the queue: no reason and no id of ours is on it."""
        with channel_to(self.rabbit) as channel:
            self.history(self.rabbit).stop()
            publish(channel, b"{}", message_id="from-afar")
            method = eventually(lambda: channel.basic_get(QUEUE)[0])
            channel.basic_reject(method.delivery_tag, requeue=False)
        (letter,) = self.wait_letters(1)
        self.assertIn("rejected", letter["reason"])
        self.assertEqual(letter["messageId"], "from-afar")
        self.assertRegex(letter["seenAt"], r"^20\d\d-")
        self.assertEqual(self.letters(), [letter])
        self.dead("discard", letter["id"])
        self.assertEqual(self.letters(), [])

    def test_a_broker_that_is_away_is_code_3(self):
        self.rabbit = "amqp://guest:guest@127.0.0.1:1"
        self.dead("list", code=3)


class DeadLettersByHttp(DeadLetters):
    """The same work by HTTP, where it is switched on."""

    def setUp(self):
        super().setUp()
        self.views = self.history(self.rabbit, ADMIN_API="on")

    def history(self, rabbit, **settings):
        """One does, the first."""
        if "ADMIN_API" in settings:
            return super().history(rabbit, **settings)
        return self.views

    def letters(self):
        answer = self.views.get("/dead")
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json()["letters"]

    def dead(self, *words, code=0):
        if words[0] not in ("retry", "discard") or code == 2:
            return super().dead(*words, code=code)
        ids = [word for word in words[1:] if not word.startswith("--")]
        body = {"all": True} if "--all" in words else {"ids": ids}
        answer = self.views.post(f"/dead/{words[0]}", body)
        self.assertEqual(answer.status, 200, answer.body)
        outcomes = [one["outcome"] for one in answer.json()["letters"]]
        self.assertEqual(code != 0, set(outcomes) != {"done"}, outcomes)
        done = outcomes.count("done")
        text = f"{done} done, {len(outcomes) - done} not"
        return answer.text() if "--json" in words else text

    # These need a history that is stopped, or no broker.
    test_what_the_broker_moved_has_an_id_that_stays = None
    test_a_broker_that_is_away_is_code_3 = None

    def test_bad_bodies_are_refused(self):
        for body in (b"", b"{", {}, {"ids": "x"}, {"ids": [1]}, {"all": False}):
            answer = self.views.post(
                "/dead/retry", body, headers={"Content-Type": "application/json"}
            )
            self.assertEqual(answer.status, 400, body)
        self.assertEqual(self.views.post("/dead/discard", {"all": True}).status, 400)
        for limit in ("0", "1001", "x", "-1", ""):
            self.assertEqual(self.views.get(f"/dead?limit={limit}").status, 400)

    def test_it_answers_this_machine_alone_and_by_its_own_name(self):
        for host, status in (
            ("localhost", 200),
            (f"127.0.0.1:{self.views.port}", 200),
            ("localhost.evil.example", 403),
            ("evil.example", 403),
        ):
            answer = self.views.get("/dead", headers={"Host": host})
            self.assertEqual(answer.status, status, host)


class SwitchedOff(Claims):
    def test_without_the_switch_the_routes_refuse(self):
        views = self.history(self.vhost())
        self.assertEqual(views.get("/dead").status, 403)
        self.assertEqual(views.post("/dead/retry", {"all": True}).status, 403)
        self.assertEqual(views.post("/dead/discard", {"ids": []}).status, 403)
        self.assertEqual(request("GET", views.url("/history")).status, 200)


if __name__ == "__main__":
    unittest.main()
