"""The README's tour, line by line in a shell, against the running services."""

import json
import os
import re
import subprocess
import unittest

from support.claims import Claims
from support.waiting import eventually

README = os.path.join(os.path.dirname(__file__), "..", "..", "README.md")
TIMED_OUT = 28  # curl's exit code where -m ended it
VIEW = "0192f0c1-2345-7abc-8def-0123456789ab"


def tour_lines():
    with open(README, encoding="utf-8") as file:
        text = file.read()
    block = re.search(r"## A tour\n.*?```sh\n(.*?)```", text, re.DOTALL).group(1)
    return block.strip().splitlines()


class Tour(Claims):
    def setUp(self):
        super().setUp()
        rabbit = self.vhost()
        self.views = self.history(rabbit)
        self.videos = self.streaming(rabbit)

    def run_line(self, line):
        line = line.replace("localhost:4000", f"localhost:{self.videos.port}")
        line = line.replace("localhost:4001", f"localhost:{self.views.port}")
        return subprocess.run(["bash", "-c", line], cwd=self.folder, timeout=60,
                              capture_output=True, stdin=subprocess.DEVNULL)

    def test_every_line_does_what_it_says(self):
        lines = tour_lines()
        self.assertGreater(len(lines), 15)
        for line in lines:
            with self.subTest(line):
                done = self.run_line(line)
                self.assertIn(done.returncode, (0, TIMED_OUT) if "-m " in line else (0,),
                              done.stderr)
                is_error = b'"status":4' in done.stdout or b'"status":5' in done.stdout
                self.assertEqual(is_error, "an error" in line, done.stdout)
            if "is one view" in line:
                eventually(self.views.rows)
        rows = self.views.rows()
        self.assertEqual(len(rows), 2)
        self.assertEqual([row["_id"] for row in rows if row.get("userId") == "anna"], [VIEW])
        part = os.path.join(self.folder, "part.bin")
        self.assertEqual(os.path.getsize(part), 100)

    def test_what_it_shows_is_what_it_promises(self):
        answers = {}
        for line in tour_lines():
            if "-m " not in line:
                answers[line] = self.run_line(line).stdout
        stored = [json.loads(text)["stored"] for line, text in answers.items()
                  if "/viewed" in line]
        self.assertEqual(stored, [True, False])
        page = next(text for line, text in answers.items() if "total=true" in line)
        self.assertIn(b'"total":1', page)
        going_on = next(text for line, text in answers.items() if "/continue" in line)
        self.assertEqual(json.loads(going_on)["continue"][0]["position"], 12.5)


if __name__ == "__main__":
    unittest.main()
