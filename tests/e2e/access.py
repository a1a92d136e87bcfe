"""Who may what: every route, as nobody, as another, and with bad tokens."""

import http.client
import json
import os
import time
import unittest
import uuid

from support import tokens
from support.claims import Claims
from support.event_source import EventSource
from support.service import run
from support.waiting import eventually
from support.web import request

SECRET = "a secret of the tests, 32 bytes at least"
NOBODYS = {
    *("/", "/page.css", "/page.js", "/parts.js", "/rows.js", "/healthz", "/readyz"),
    *("/overview.js", "/operator", "/operator.css", "/operator.js"),
}
WRITES = {("POST", "/viewed"), ("POST", "/imports/{name}")}
PLACEHOLDER = "{id}"
LEEWAY_S = 30  # of clocks that differ


def is_open(path):
    return path in NOBODYS or path.startswith("/openapi") or path.startswith("/docs")


class Access(Claims):
    def setUp(self):
        super().setUp()
        self.keys = os.path.join(self.folder, "keys")
        os.mkdir(self.keys)
        self.write_key("main.hs256", SECRET)
        self.rabbit = self.vhost()
        self.views = self.history(
            self.rabbit, AUTH_KEYS=self.keys, CORS_ORIGINS="http://player.example"
        )
        self.admin = self.token(scope="history:admin")
        self.anna_view = self.store("anna")

    def write_key(self, name, text):
        with open(os.path.join(self.keys, name), "w") as file:
            file.write(text)

    def token(self, user=None, **given):
        return tokens.hs256(SECRET, tokens.claims(user, **given))

    def ask(self, method, path, token=None, body=None, **headers):
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            kind = "x-ndjson" if path.startswith("/imports/") else "json"
            headers["Content-Type"] = "application/" + kind
        return request(method, self.views.url(path), body=body, headers=headers)

    def store(self, user):
        view = {"id": str(uuid.uuid4()), "userId": user, "video": {"id": "a.mp4"}}
        answer = self.ask("POST", "/viewed", self.admin, json.dumps(view))
        self.assertEqual(answer.status, 200, answer.body)
        return view["id"]

    def routes(self):
        told = run("history", "--routes")
        self.assertEqual(told.returncode, 0, told.stderr)
        for route in json.loads(told.stdout):
            path = route["path"].replace(PLACEHOLDER, self.anna_view).replace("{name}", "one")
            given = route.get("parameters") or []
            if "userId" in given and not is_open(path):
                path += "?userId=anna"
            takes = route["method"] in ("POST", "PUT") and PLACEHOLDER not in route["path"]
            body = "{}" if takes else None
            yield route["method"], route["path"], path, body

    def closed_routes(self):
        return [route for route in self.routes() if not is_open(route[1])]

    def bad_tokens(self):
        good = self.token("anna", scope="history:admin")
        head, body, signature = good.split(".")
        pair = os.path.join(self.folder, "other.pem")
        tokens.make_pair(
            pair, pair + ".pub", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"
        )
        admin = tokens.claims("anna", "history:admin")
        other_body = tokens.parts(admin, "HS256").split(".")[1]
        return {
            "none": None,
            "empty": "",
            "words": "not a token",
            "expired": self.token("anna", scope="history:admin", seconds=-60),
            "not yet": self.token(
                "anna", scope="history:admin", nbf=int(time.time()) + 300
            ),
            "without an end": tokens.hs256(
                SECRET, {"sub": "anna", "scope": "history:admin"}
            ),
            "another secret": tokens.hs256("x" * 40, admin),
            "another algorithm": tokens.hs256(SECRET, admin, "HS512"),
            "a key that is not ours": tokens.rs256(pair, admin),
            "alg none": tokens.unsigned(admin),
            "alg none with our signature": tokens.unsigned(admin) + signature,
            "another key's id": tokens.hs256(SECRET, admin, kid="other"),
            "truncated": good[:-10],
            "without a signature": f"{head}.{body}.",
            "two parts": f"{head}.{body}",
            "tampered": f"{head}.{other_body[:-2]}QQ.{signature}",
            "too long": good + "A" * 5000,
        }

    def test_every_closed_route_refuses_every_bad_token(self):
        bad = self.bad_tokens()
        routes = self.closed_routes()
        self.assertGreater(len(routes), 6)
        for method, name, path, body in routes:
            for what, token in bad.items():
                answer = self.ask(method, path, token, body)
                with self.subTest(route=f"{method} {name}", token=what):
                    self.assertEqual(answer.status, 401, answer.body)
                    challenge = answer.headers["WWW-Authenticate"]
                    self.assertTrue(challenge.startswith("Bearer"), challenge)
                    self.assertEqual(
                        answer.headers["Content-Type"], "application/problem+json"
                    )
                    if token:
                        self.assertNotIn(token[:60], answer.text())
        self.assertNotIn("eyJ", self.views.log())
        self.assertNotIn(SECRET, self.views.log())

    def test_every_closed_route_refuses_another_user(self):
        ben = self.token("ben")
        for method, name, path, body in self.closed_routes():
            answer = self.ask(method, path, ben, body)
            with self.subTest(route=f"{method} {name}"):
                expected = 404 if PLACEHOLDER in name else 403
                self.assertEqual(answer.status, expected, answer.body)
                self.assertNotIn("anna", answer.text())
        self.assertEqual(
            self.ask("GET", f"/history/{self.anna_view}", self.admin).status, 200
        )

    def test_a_user_without_saying_whose_is_refused(self):
        for path in ("/history", "/history?userId=", "/history?userId=ANNA"):
            answer = self.ask("GET", path, self.token("anna"))
            self.assertEqual(answer.status, 403, path)

    def test_open_routes_take_no_token(self):
        for method, name, path, _ in self.routes():
            if is_open(name):
                with self.subTest(route=name):
                    self.assertEqual(self.ask(method, path).status, 200)

    def test_a_user_reads_and_erases_their_own(self):
        anna = self.token("anna")
        listed = self.ask("GET", "/history?userId=anna", anna)
        self.assertEqual(
            [row["_id"] for row in listed.json()["history"]], [self.anna_view]
        )
        one = self.ask("GET", f"/history/{self.anna_view}", anna)
        self.assertEqual(one.json()["userId"], "anna")
        row = f"/history/{self.anna_view}"
        ben = self.token("ben")
        changes = "/history?updatedSince=2026-01-01T00:00:00Z"
        self.assertEqual(self.ask("DELETE", row, anna).status, 200)
        told = self.ask("GET", changes + "&userId=anna", anna).json()["history"]
        self.assertTrue(told[0]["deleted"])
        self.assertEqual(self.ask("GET", changes, anna).status, 403)
        # Another user's removal is not there either, nor to be restored.
        self.assertEqual(self.ask("GET", changes + "&userId=anna", ben).status, 403)
        self.assertEqual(self.ask("POST", row + "/restore", ben).status, 404)
        self.assertEqual(self.ask("POST", row + "/restore", anna).status, 200)
        self.assertEqual(self.ask("DELETE", "/history?userId=anna", anna).status, 200)
        gone = self.ask("GET", f"/history/{self.anna_view}", self.admin)
        self.assertEqual(gone.status, 404)

    def test_a_scope_allows_its_own_and_no_more(self):
        writer = self.token("logger", scope="other history:write")
        view = json.dumps({"userId": "anna", "video": {"id": "b.mp4"}})
        self.assertEqual(self.ask("POST", "/viewed", writer, view).status, 200)
        self.assertEqual(
            self.ask("GET", "/history?userId=anna", writer).status, 403
        )
        self.assertEqual(self.ask("GET", "/metrics", writer).status, 403)
        self.assertEqual(self.ask("GET", "/metrics", self.admin).status, 200)
        self.assertEqual(self.ask("GET", "/history", self.admin).status, 200)

    def test_keys_in_pairs_and_a_change_of_keys(self):
        rsa = os.path.join(self.folder, "rsa.pem")
        ec = os.path.join(self.folder, "ec.pem")
        tokens.make_pair(
            rsa,
            os.path.join(self.keys, "rsa.rs256.pem"),
            *("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
        )
        tokens.make_pair(
            ec,
            os.path.join(self.keys, "ec.es256.pem"),
            *("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
        )
        for token in (
            tokens.rs256(rsa, tokens.claims("anna")),
            tokens.es256(ec, tokens.claims("anna")),
        ):
            eventually(
                lambda: self.ask("GET", "/history?userId=anna", token).status == 200
            )
        with open(os.path.join(self.keys, "rsa.rs256.pem")) as file:
            public = file.read()
        forged = tokens.hs256(public, tokens.claims("anna"))
        self.assertEqual(self.ask("GET", "/history?userId=anna", forged).status, 401)
        os.remove(os.path.join(self.keys, "main.hs256"))
        eventually(
            lambda: self.ask("GET", "/history", self.admin).status == 401
        )

    def test_the_commands_make_and_use_tokens(self):
        env = {
            "AUTH_KEYS": self.keys,
            "PORT": self.views.port,
            "HISTORY_DB": self.views.settings["HISTORY_DB"],
        }
        made = run("history", "token", "--user", "anna", env=env)
        self.assertEqual(made.returncode, 0, made.stderr)
        anna = made.stdout.strip()
        self.assertEqual(self.ask("GET", "/history?userId=anna", anna).status, 200)
        self.assertEqual(self.ask("GET", "/history", anna).status, 403)
        erased = run("history", "erase", "--user", "anna", env=env)
        self.assertEqual(erased.returncode, 0, erased.stderr)
        self.assertEqual(json.loads(erased.stdout)["views"], 1)
        for words in ([], ["--user", "u" * 200], ["--user", "a", "--seconds", "0"]):
            self.assertEqual(run("history", "token", *words, env=env).returncode, 2)
        nothing = run("history", "token", "--user", "anna")
        self.assertEqual(nothing.returncode, 2)

    def test_a_page_of_the_player_may_send_its_token(self):
        asked = self.ask(
            "OPTIONS",
            "/history?userId=anna",
            **{
                "Origin": "http://player.example",
                "Access-Control-Request-Method": "GET",
                "Access-Control-Request-Headers": "authorization",
            },
        )
        self.assertEqual(asked.status, 204, asked.body)
        allowed = asked.headers["Access-Control-Allow-Headers"].lower()
        self.assertIn("authorization", allowed)
        self.assertIn("GET", asked.headers["Access-Control-Allow-Methods"])
        self.assertEqual(
            asked.headers["Access-Control-Allow-Origin"], "http://player.example"
        )
        other = self.ask(
            "OPTIONS",
            "/history",
            **{
                "Origin": "http://elsewhere.example",
                "Access-Control-Request-Method": "GET",
            },
        )
        self.assertEqual(other.status, 405)

    def test_a_stream_ends_when_its_token_does(self):
        short = self.token("anna", seconds=3 - LEEWAY_S)
        source = EventSource(self.views.port, token=short, userId="anna")
        lasting = EventSource(self.views.port, token=self.token("anna"), userId="anna")
        self.addCleanup(source.close)
        self.addCleanup(lasting.close)
        eventually(source.ended.is_set)
        self.assertEqual(source.named("end"), [{"reason": "the token has ended"}])
        self.assertFalse(lasting.ended.is_set())

    def test_a_viewer_reads_their_own_history_with_what_streaming_gives(self):
        player = self.streaming(self.rabbit, AUTH_KEYS=self.keys)
        met = player.get("/viewer")
        cookie = met.headers["Set-Cookie"].split(";")[0]
        me = met.json()
        self.assertGreater(me["tokenSeconds"], 60)
        again = player.get("/viewer", headers={"Cookie": cookie})
        self.assertEqual(again.json()["userId"], me["userId"])
        # The bare id of another viewer makes nobody that viewer.
        posing = player.get("/viewer", headers={"Cookie": f"viewer={me['userId']}"})
        self.assertNotEqual(posing.json()["userId"], me["userId"])
        self.assertEqual(player.get("/video", headers={"Cookie": cookie}).status, 200)
        path = f"/history?userId={me['userId']}"
        eventually(
            lambda: len(self.ask("GET", path, me["token"]).json()["history"]) == 1
        )
        self.assertEqual(self.ask("GET", path, posing.json()["token"]).status, 403)

    def test_an_address_that_asks_too_often_is_told_so(self):
        self.views.stop()
        self.views.start(HTTP_REQUESTS_PER_S_MAX=1000)
        self.views.stop()
        self.views.start(ready=False, HTTP_REQUESTS_PER_S_MAX=5)
        eventually(lambda: self.views.is_running() and self.answers())
        connection = http.client.HTTPConnection("127.0.0.1", self.views.port)
        statuses = []
        for _ in range(40):
            connection.request("GET", "/healthz")
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
            if answer.status == 429:
                self.assertEqual(answer.headers["Retry-After"], "1")
        connection.close()
        self.assertIn(429, statuses)
        self.assertLess(statuses.count(200), 20)
        eventually(lambda: self.ask("GET", "/healthz").status == 200)

    def answers(self):
        try:
            return self.ask("GET", "/healthz").status in (200, 429)
        except OSError:
            return False


class Binding(Claims):
    def refusal(self, **settings):
        done = run(
            "history",
            env={
                "PORT": 0,
                "RABBIT": "amqp://guest:guest@127.0.0.1:1",
                "HISTORY_DB": os.path.join(self.folder, "h.db"),
                **settings,
            },
        )
        return done.returncode, done.stderr

    def test_an_open_address_without_keys_is_refused_in_words(self):
        for address in ("0.0.0.0", "::", "192.0.2.1"):
            code, words = self.refusal(BIND=address)
            self.assertEqual(code, 2, words)
            self.assertIn("AUTH_KEYS", words)
            self.assertIn("AUTH=off", words)

    def test_settings_that_contradict_are_refused(self):
        self.assertEqual(self.refusal(AUTH="on")[0], 2)
        self.assertEqual(self.refusal(AUTH="off", AUTH_KEYS=self.folder)[0], 2)
        code, words = self.refusal(AUTH_KEYS=self.folder)
        self.assertNotEqual(code, 0)
        self.assertIn(self.folder, words)


if __name__ == "__main__":
    unittest.main()
