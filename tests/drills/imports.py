"""Views of files: in once, out again whole, and the same when they come back."""

import json
import os
import subprocess
import threading
import unittest
import uuid

from support import tokens
from support.claims import Claims
from support.event_source import EventSource
from support.service import History, environment, program, run
from support.stores import BESIDE, is_database, is_there, left_out, of_files
from support.waiting import eventually
from support.web import request

VIEWS = 1300  # some batches
SECRET = "a secret of the tests, 32 bytes at least"
CORPUS = os.path.join(os.path.dirname(__file__), "..", "fuzz", "corpus", "import")
EXPORTS = (  # newest first
    ("takeout", ("--user", "anna"),
     [("anna", "youtube:abc_DEF-123", "A 'thing'", "2024-11-21T14:52:38.445Z")],
     {"advert": 1, "videoGone": 1, "noVideo": 1}),
    ("tautulli", (),
     [("133788", "plex:4348", "A Show - Pilot", "2023-11-14T22:13:20.000Z")],
     {"playing": 1}),
    ("trakt", ("--user", "anna"),
     [("anna", "trakt:episode:253", "A Show 2x03 The One", "2014-03-31T10:28:53.000Z"),
      ("anna", "trakt:movie:4", "A Film (2008)", "2014-03-31T09:28:53.000Z")],
     {}),
)


def row(number, user=None, **more):
    """As the history tells it; two share a time, and one in ten has little."""
    told = {
        "_id": f"019c1234-5678-7abc-8def-{number:012x}",
        "videoPath": f"./videos/{number % 7} é \"quoted\".mp4",
        "video": {"id": f"video-{number % 7}.mp4"},
        "userId": user or f"user-{number % 3}",
        "viewedAt": f"2026-01-31T12:{number // 2 // 60 % 60:02}:{number // 2 % 60:02}.123Z",
        "receivedAt": "2026-01-31T13:00:00.000Z",
        "position": 12.5,
        "duration": 30,
        "sessionId": "11111111-2222-4333-8444-555555555555",
        "rule": ("played", "bytes", "other")[number % 3],
        "traceparent": f"00-4bf92f3577b34da6a3ce929d0e0e4736-{number + 1:016x}-01",
    }
    if number % 10 == 0:
        for name in ("videoPath", "userId", "position", "duration", "sessionId", "rule",
                     "traceparent"):
            del told[name]
        told["idGiven"] = False
    told.update(more)
    return told


def without_received(export):
    rows = [json.loads(line) for line in export.splitlines()]
    for one in rows:
        del one["receivedAt"]
    return json.dumps(rows)


class Imports(Claims):
    def setUp(self):
        super().setUp()
        self.rabbit = self.vhost()
        self.backups = os.path.join(self.folder, "backups")
        os.mkdir(self.backups)
        self.views = History(
            self.folder, RABBIT=self.rabbit, ADMIN_API="on", BACKUP_DIR=self.backups,
            BACKUP_EVERY_S=86400)
        self.addCleanup(self.views.stop)
        self.store = self.views.settings["HISTORY_DB"]

    def write(self, rows, name="rows.ndjson"):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            for one in rows:
                file.write(one if isinstance(one, str) else json.dumps(one))
                file.write("\n")
        return path

    def command(self, *words, code=0, **settings):
        done = run("history", *words, timeout_s=120, env={
            "RABBIT": self.rabbit, "HISTORY_DB": self.store, "PORT": self.views.port,
            "BACKUP_DIR": self.backups, **settings})
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def bring(self, *words, **settings):
        """The report; `dry` first, which must say the same and change nothing."""
        before = self.digest() if is_there(self.store) else None
        dry = json.loads(self.command("import", *words, "--dry-run", "--json", **settings).stdout)
        self.assertEqual(before, self.digest() if is_there(self.store) else None)
        told = json.loads(self.command("import", *words, "--json", **settings).stdout)
        for one in (dry, told):
            self.assertEqual(one["ended"], "done")
            self.assertEqual(one["read"], one["new"] + one["known"]
                             + sum(one["refused"].values()) + sum(one["skipped"].values()))
        same = ("format", "read", "new", "known", "refused", "skipped")
        self.assertEqual([dry[name] for name in same], [told[name] for name in same])
        return told

    def asks(self, is_up):
        """Whether a command asks the service."""
        return is_up and not is_database(self.store)

    def digest(self):
        report = json.loads(self.command("verify", "--json").stdout)
        self.assertTrue(report["good"], report)
        return report["digest"], report["views"]

    def undo(self, name, views):
        told = json.loads(self.command("import", "--undo", name, "--json").stdout)
        self.assertEqual(told, {"import": name, "views": views})

    def export(self, service, more=""):
        answer = service.get("/history?format=ndjson&order=asc" + more)
        self.assertEqual(answer.status, 200)
        return answer.text()

    def there_and_back(self):
        """What was there before stays, twice adds nothing, an undo takes it all."""
        rows = [row(number) for number in range(VIEWS)]
        self.bring(self.write(rows[::5]), "--name", "before")
        before = self.digest()
        path = self.write(rows + rows[:3])
        new = VIEWS - len(rows[::5])
        for _ in range(2):
            told = self.bring(path, "--name", "mine")
            self.assertEqual((told["new"], told["known"]), (new, VIEWS + 3 - new))
            after = self.digest()
            self.assertEqual(after[1], VIEWS)
            told = self.bring(path)
            self.assertEqual((told["new"], told["known"]), (0, VIEWS + 3))
            self.assertEqual(self.digest(), after)
            self.undo("mine", new)
            self.assertEqual(self.digest(), before)
        self.command("import", "--undo", "mine", code=3)
        told = self.bring(path)
        self.assertEqual(told["new"], new)
        self.undo(told["import"], new)
        self.assertEqual(self.digest(), before)

    def test_with_the_service_down_it_is_in_once_and_out_again(self):
        self.there_and_back()

    def test_beside_the_service_it_is_in_once_and_out_again(self):
        self.views.start()
        self.there_and_back()

    def test_an_export_that_is_imported_is_the_same_export(self):
        path = self.write([row(number) for number in range(VIEWS)])
        self.bring(path)
        self.views.start()
        export = self.export(self.views)
        self.assertEqual(len(export.splitlines()), VIEWS)
        with open(path) as file:
            self.assertEqual(without_received(export), without_received(file.read()))
        with open(path, "w") as file:
            file.write(export)
        newest = self.views.get("/history?format=ndjson").text()
        for beside in (False, True):
            folder = os.path.join(self.folder, f"other-{beside}")
            os.mkdir(folder)
            other = History(folder, RABBIT=self.vhost())
            self.addCleanup(other.stop)
            settings = {"HISTORY_DB": other.settings["HISTORY_DB"], "PORT": other.port}
            if beside:
                other.start()
            told = json.loads(self.command("import", path, "--json", **settings).stdout)
            self.assertEqual((told["new"], told["byService"]), (VIEWS, self.asks(beside)))
            if not beside:
                other.start()
            self.assertEqual(without_received(self.export(other)), without_received(export))
            self.assertEqual(without_received(other.get("/history?format=ndjson").text()),
                             without_received(newest))

    def test_live_readers_caches_and_followers_of_changes_are_told(self):
        self.views.start()
        source = EventSource(self.views.port)
        self.addCleanup(source.close)
        eventually(lambda: source.last_id)
        asked = "/history?userId=user-1"
        self.assertEqual(self.views.get(asked).json()["history"], [])
        since = "/history?limit=1000&updatedSince=2026-01-01T00:00:00Z"
        rows = [row(number, user="user-1") for number in range(1, 10)]
        ids = [one["_id"] for one in rows]
        self.bring(self.write(rows), "--name", "one")
        eventually(lambda: source.views() == ids)
        self.assertEqual(len(self.views.get(asked).json()["history"]), 9)
        page = self.views.get(since).json()
        self.assertEqual([one["_id"] for one in page["history"]], ids)
        self.undo("one", 9)
        self.assertEqual(self.views.get(asked).json()["history"], [])
        self.assertEqual(self.views.get("/history/" + ids[0]).status, 404)
        changes = self.views.get(f"{since}&cursor={page['cursor']}").json()
        self.assertEqual([(one["_id"], one.get("deleted")) for one in changes["history"]],
                         [(one, True) for one in ids])
        if not left_out("live readers hear of what their own service takes back"):
            eventually(lambda: len(source.named("deleted")) == 9)
        self.bring(self.write(rows))
        again = self.views.get(f"{since}&cursor={changes['cursor']}").json()["history"]
        self.assertEqual([one["_id"] for one in again], ids)

    def test_what_is_refused_as_a_view_is_refused_as_an_import(self):
        self.views.start()
        gone, erased, paused, old, fine = (
            row(number, user=user) for number, user in
            ((1, "anna"), (2, "ben"), (3, "cleo"), (4, "dan"), (5, "eve")))
        paused["viewedAt"] = "2999-01-31T12:00:00.000Z"
        self.bring(self.write([gone, erased]))
        answer = request("DELETE", self.views.url("/history/" + gone["_id"]))
        self.assertEqual(answer.status, 200)
        self.command("erase", "--user", "ben")
        put = {"headers": {"Content-Type": "application/json"}}
        request("PUT", self.views.url("/recording?userId=cleo"), body='{"recording":false}', **put)
        request("PUT", self.views.url("/retention?userId=dan"), body='{"keepDays":1}', **put)
        path = self.write([gone, erased, paused, old, fine])
        for is_up in (True, False):
            told = self.bring(path, "--name", "last")
            self.assertEqual((told["new"], told["byService"], told["refused"]), (
                1, self.asks(is_up), {"erased": 1, "removed": 1, "paused": 1, "expired": 1}))
            self.undo("last", 1)
            if is_up:
                self.views.stop()

    def test_bad_input_names_its_place_and_a_repeat_goes_on(self):
        rows = [row(number) for number in range(700)]
        bad = self.write(rows + ['{"_id":'] + rows)
        for is_up in (False, True):
            with self.subTest(is_up=is_up):
                if is_up:
                    self.views.start()
                done = self.command("import", bad, "--name", f"bad-{is_up}", code=1)
                self.assertIn("line 701: ", done.stderr)
                self.assertIn("new      700", done.stdout)
                self.assertEqual(self.digest()[1], 700)
                told = self.bring(self.write(rows + [row(700)], "good.ndjson"), "--name", "rest")
                self.assertEqual((told["new"], told["known"]), (1, 700))
                self.undo("rest", 1)
                self.undo(f"bad-{is_up}", 700)

    def test_wrong_words_and_files_are_told_apart_by_the_code(self):
        path = self.write([row(1)])
        takeout = os.path.join(self.folder, "takeout.json")
        with open(takeout, "w") as file:
            file.write('[{"header":"YouTube","title":"Watched A","titleUrl":'
                       '"https://www.youtube.com/watch?v\\u003dabc","time":'
                       '"2024-11-21T14:52:38.445Z"}]')
        for words in ((), (path, path), ("--undo", "x", path), (path, "--format", "netflix"),
                      (path, "--name", "../x"), (path, "--user", ""), (takeout,)):
            self.command("import", *words, code=2)
        for words in ((os.path.join(self.folder, "none"),), ("--undo", "none")):
            self.command("import", *words, code=3)
        for text in ("plain", "[1]", '[{"a":1}]', '{"a":1}', "[{"):
            with open(path, "w") as file:
                file.write(text)
            self.command("import", path, code=1)
        told = self.bring(takeout, "--user", "anna")
        self.assertEqual((told["format"], told["new"]), ("takeout", 1))

    @of_files(BESIDE)
    def test_the_service_is_asked_as_it_wants_to_be(self):
        path = self.write([row(1)])
        self.views.start(ADMIN_API="off")
        told = self.bring(path, "--name", "one")  # as POST /viewed
        self.assertEqual(told["new"], 1)
        done = self.command("import", "--undo", "one", code=3)
        self.assertIn("ADMIN_API", done.stderr)
        self.views.stop()
        keys = os.path.join(self.folder, "keys")
        os.mkdir(keys)
        with open(os.path.join(keys, "main.hs256"), "w") as file:
            file.write(SECRET)
        self.views.start(AUTH_KEYS=keys)
        self.command("import", path, code=1)
        self.command("import", path, AUTH_KEYS=keys)
        for scope, status in ((None, 403), ("history:write", 403), ("history:admin", 200)):
            token = tokens.hs256(SECRET, tokens.claims("anna", scope))
            answer = request("DELETE", self.views.url("/imports/one"),
                             headers={"Authorization": "Bearer " + token})
            self.assertEqual(answer.status, status)

    def test_views_that_come_meanwhile_are_not_the_imports(self):
        self.views.start()
        path = self.write([row(number) for number in range(VIEWS)])
        sent, ended = set(), threading.Event()

        def send():
            while not ended.is_set():
                one = {"id": str(uuid.uuid4()), "userId": "live", "video": {"id": "a.mp4"}}
                if self.views.post("/viewed", one).status == 200:
                    sent.add(one["id"])

        sender = threading.Thread(target=send)
        sender.start()
        try:
            for _ in range(3):
                told = json.loads(self.command("import", path, "--name", "one", "--json").stdout)
                self.assertEqual(told["new"], VIEWS)
                self.undo("one", VIEWS)
        finally:
            ended.set()
            sender.join()
        self.assertGreater(len(sent), 0)
        self.assertEqual(self.views.ids(), sent)

    @of_files(BESIDE)
    def test_a_service_that_is_killed_amid_an_import_loses_nothing_of_it(self):
        many = 20 * VIEWS
        path = self.write([row(number) for number in range(many)])
        self.views.start()
        importing = subprocess.Popen(
            [program("history"), "import", path, "--name", "one"], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=environment({
                "HISTORY_DB": self.store, "PORT": self.views.port}))
        self.addCleanup(importing.communicate)
        eventually(lambda: self.views.get("/history?limit=1").json()["history"])
        self.views.kill()
        importing.wait(60)
        self.assertEqual(importing.returncode, 1)
        self.views.start()
        told = json.loads(self.command("import", path, "--name", "one", "--json").stdout)
        self.assertGreater(told["known"], 0)
        self.assertGreater(told["new"], 0)
        self.assertEqual(self.digest()[1], many)
        self.undo("one", many)
        self.assertEqual(self.digest()[1], 0)

    def test_each_programs_export_gives_its_views_once(self):
        self.views.start()
        for name, words, wanted, skipped in EXPORTS:
            path = os.path.join(CORPUS, name)
            told = self.bring(path, *words, "--name", name)
            self.assertEqual((told["format"], told["new"], told["skipped"]),
                             (name, len(wanted), skipped))
            self.assertEqual(self.bring(path, *words)["known"], len(wanted))
            self.assertEqual([(one["userId"], one["video"]["id"], one["videoPath"],
                               one["viewedAt"]) for one in self.views.rows()], wanted)
            self.undo(name, len(wanted))
            self.assertEqual(self.views.rows(), [])

    def test_from_standard_input_and_a_drill_after_an_undo(self):
        self.views.start()
        text = "".join(json.dumps(row(number)) + "\n" for number in range(1, 20))
        done = subprocess.run(
            [program("history"), "import", "-", "--name", "one"], input=text, text=True,
            capture_output=True, timeout=60, env=environment({
                "HISTORY_DB": self.store, "PORT": self.views.port}))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        # The stream has none of it, and no backup yet.
        self.assertTrue(self.command("drill", code=1).stdout.startswith("FAIL"))
        if not left_out("`history backup`, and a drill from it"):
            name = os.path.join(self.backups, "history-2099-01-31T12-00-00.000Z.db")
            self.command("backup", name)
            self.assertTrue(self.command("drill").stdout.startswith("PASS"))
        self.undo("one", 19)
        self.assertTrue(self.command("drill").stdout.startswith("PASS"))


if __name__ == "__main__":
    unittest.main()
