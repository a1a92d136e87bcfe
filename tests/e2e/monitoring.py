"""The alerts and the dashboard in docs/monitoring ask for what there is."""

import json
import os
import re
import unittest

import yaml
from support.broker import ROOT
from support.claims import Claims
from support.service import metric, run
from support.waiting import eventually

FOLDER = os.path.join(ROOT, "docs", "monitoring")
NAME = re.compile(r"\b(?:history|streaming)_[a-z_]+\b")


def alert_expressions():
    with open(os.path.join(FOLDER, "alerts.yaml")) as file:
        groups = yaml.safe_load(file)["groups"]
    return [rule["expr"] for group in groups for rule in group["rules"]]


def panel_expressions():
    with open(os.path.join(FOLDER, "grafana.json")) as file:
        panels = json.load(file)["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


class Monitoring(Claims):
    def names(self):
        """Of all metrics that the two services have."""
        rabbit = self.vhost()
        history = self.history(rabbit)
        settings = {name: history.settings[name] for name in ("RABBIT", "HISTORY_DB")}
        self.assertEqual(run("history", "drill", env=settings).returncode, 0)
        eventually(lambda: metric(history, "history_last_drill_passed") == 1)
        text = history.get("/metrics").text()
        text += self.streaming(rabbit).get("/metrics").text()
        return set(re.findall(r"^([a-z_]+)", text, re.MULTILINE))

    def test_every_metric_that_is_asked_for_is_there(self):
        names = self.names()
        self.assertGreater(len(names), 30)
        for expressions in (alert_expressions(), panel_expressions()):
            self.assertGreater(len(expressions), 10)
            for expression in expressions:
                for name in NAME.findall(expression):
                    with self.subTest(expression):
                        self.assertIn(name, names)


if __name__ == "__main__":
    unittest.main()
