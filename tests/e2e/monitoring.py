"""The alerts and the dashboard in docs/monitoring ask for what there is."""

import json
import os
import re
import unittest

import yaml
from support.broker import ROOT
from support.claims import Claims
from support.stores import is_database, left_out

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
        # What the last drill found lies beside the store.
        if is_database(history.settings["HISTORY_DB"]):
            left_out("what the last drill found is not kept beside a database")
            self.absent = re.compile("history_last_drill_")
        else:
            self.absent = re.compile("$^")
            with open(history.settings["HISTORY_DB"] + "-drill", "w") as file:
                file.write("1 1 1 1 0\n")
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
                        self.assertTrue(name in names or self.absent.match(name), name)


if __name__ == "__main__":
    unittest.main()
