"""./flix up, as a newcomer runs it, on a state folder and ports of its own."""

import os
import re
import signal
import socket
import subprocess
import time
import unittest

from support.broker import ROOT
from support.claims import Claims
from support.ports import free_port
from support.waiting import eventually
from support.web import request

FLIX = os.path.join(ROOT, "flix")
FIRST_S = 240  # with a build
SECOND_S = 30


class FlixUp(Claims):
    def setUp(self):
        super().setUp()
        self.settings = {
            **{k: v for k, v in os.environ.items() if k in ("PATH", "HOME")},
            "FLIX_STATE": os.path.join(self.folder, "state"),
            "STREAMING_PORT": str(free_port()),
            "HISTORY_PORT": str(free_port()),
        }
        self.output = os.path.join(self.folder, "output")

    def url(self, service, path):
        return f"http://localhost:{self.settings[service + '_PORT']}{path}"

    def printed(self):
        with open(self.output) as output:
            return output.read()

    def up(self, limit_s):
        with open(self.output, "w") as output:
            flix = subprocess.Popen(
                [FLIX, "up"],
                env=self.settings,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

        def give_up():
            if flix.poll() is None:
                flix.send_signal(signal.SIGTERM)
                flix.wait(60)

        self.addCleanup(give_up)

        def is_up():
            self.assertIsNone(flix.poll(), self.printed())
            return "Ctrl-C" in self.printed()

        eventually(is_up, limit_s)
        return flix

    def down(self, flix):
        """As Ctrl-C does: the whole foreground group gets the signal."""
        os.killpg(flix.pid, signal.SIGINT)
        self.assertEqual(flix.wait(60), 0, self.printed())
        self.assertEqual(self.left_over(), [])

    def left_over(self):
        """Processes that still have our state folder on their command line
        or in their environment."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as cmdline:
                    words = cmdline.read()
                with open(f"/proc/{pid}/environ", "rb") as environ:
                    words += environ.read()
            except OSError:
                continue
            if self.settings["FLIX_STATE"].encode() in words:
                found.append(words[:200])
        return found

    def test_it_serves_stops_cleanly_and_keeps_the_data(self):
        flix = self.up(FIRST_S)
        self.assertIn(self.url("STREAMING", ""), self.printed())
        self.assertIn(self.url("HISTORY", ""), self.printed())
        for service in ("STREAMING", "HISTORY"):
            self.assertEqual(request("GET", self.url(service, "/")).status, 200)
        viewer = request("GET", self.url("STREAMING", "/viewer")).json()
        self.assertEqual(viewer["historyUrl"], self.url("HISTORY", ""))
        origin = self.url("STREAMING", "")
        answer = request("GET", self.url("HISTORY", "/history"), headers={"Origin": origin})
        self.assertEqual(answer.headers["Access-Control-Allow-Origin"], origin)
        self.assertEqual(request("GET", self.url("STREAMING", "/video")).status, 200)
        rows = eventually(self.rows)
        self.down(flix)
        for name in ("history", "streaming"):
            self.assertTrue(re.search(rf"^{name} +\| ", self.printed(), re.M))
        began = time.monotonic()
        flix = self.up(SECOND_S)
        print(f"second start: {time.monotonic() - began:.1f} s")
        self.assertEqual(self.rows(), rows)
        self.down(flix)

    def rows(self):
        return request("GET", self.url("HISTORY", "/history")).json()["history"]

    def test_a_taken_port_is_said_in_a_line(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = str(other.getsockname()[1])
            self.settings["HISTORY_PORT"] = port
            done = subprocess.run(
                [FLIX, "up"], env=self.settings, capture_output=True, text=True
            )
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(len((done.stdout + done.stderr).splitlines()), 1)
        self.assertIn(port, done.stderr)

    def test_a_wrong_command_is_told_the_right_ones(self):
        done = subprocess.run([FLIX, "fly"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("./flix up", done.stderr)

    def test_a_service_that_dies_ends_the_rest(self):
        flix = self.up(FIRST_S)
        port = self.settings["HISTORY_PORT"]
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as cmdline:
                    program = cmdline.read().split(b"\0")[0]
                with open(f"/proc/{pid}/environ", "rb") as environ:
                    ours = f"PORT={port}".encode() in environ.read().split(b"\0")
            except OSError:
                continue
            if ours and program.endswith(b"/history"):
                os.kill(int(pid), signal.SIGKILL)
        self.assertEqual(flix.wait(60), 1)
        self.assertIn("history ended by itself", self.printed())
        self.assertEqual(self.left_over(), [])


if __name__ == "__main__":
    unittest.main()
