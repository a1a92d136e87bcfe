"""What was measured: values of each round, and what they are held against."""

from statistics import median


class Figure:
    """One piece of work, by ours and by others, measured in the same rounds.

    A claim is a ratio of ours to another's, taken round by round, or a limit on
    ours alone.
    """

    def __init__(self, key, work, unit, more_is_better=True):
        self.key = key
        self.work = work
        self.unit = unit
        self.more_is_better = more_is_better
        self.values = {}
        self.claims = []
        self.notes = {}  # of the last round, for whoever reads the JSON

    def add(self, who, value):
        self.values.setdefault(who, []).append(value)
        return value

    def at_least(self, ratio, to):
        self.claims.append({"to": to, "at_least": ratio})
        return self

    def at_most(self, ratio, to):
        self.claims.append({"to": to, "at_most": ratio})
        return self

    def limit(self, value):
        self.claims.append({"to": None, "at_most": value})
        return self

    def to_json(self):
        return {
            "key": self.key,
            "work": self.work,
            "unit": self.unit,
            "more_is_better": self.more_is_better,
            "values": self.values,
            "notes": self.notes,
            "claims": [dict(claim, **judge(self.values, claim)) for claim in self.claims],
        }


def judge(values, claim):
    """{"got", "holds"}; empty where one side was not measured."""
    ours = values.get("ours", [])
    if claim["to"] is None:
        if not ours:
            return {}
        got = median(ours)
    else:
        others = values.get(claim["to"], [])
        pairs = [(a, b) for a, b in zip(ours, others) if b]
        if not pairs:
            return {}
        got = median(a / b for a, b in pairs)
    holds = got >= claim["at_least"] if "at_least" in claim else got <= claim["at_most"]
    return {"got": round(got, 4), "holds": holds}


def alternating(names, round_number):
    """The names in another order each round, so that none always comes first."""
    at = round_number % len(names)
    return names[at:] + names[:at]
