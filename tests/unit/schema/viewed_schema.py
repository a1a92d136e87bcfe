"""viewed.schema.json and viewed_decode() agree on every message here."""

import copy
import json
import os
import subprocess
import unittest

import jsonschema

HERE = os.path.dirname(os.path.abspath(__file__))
SCHEMA = os.path.join(HERE, "..", "..", "..", "schema", "viewed.schema.json")
CHECK = os.path.join(os.environ["FLIXTUBE_BIN"], "schema_decode_check")

UUID = "01890a5d-ac96-774b-bcce-b302099a8057"
FULL = {
    "id": UUID,
    "userId": "u-1",
    "video": {"id": "SampleVideo_1280x720_1mb.mp4"},
    "videoPath": "./videos/SampleVideo_1280x720_1mb.mp4",
    "viewedAt": "2026-01-31T12:00:00.123Z",
    "position": 12.5,
    "duration": 30,
    "sessionId": UUID,
    "rule": "played",
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
}

GOOD = [
    '{"videoPath":"./videos/SampleVideo_1280x720_1mb.mp4"}',
    '{"video":{"id":"5ea234a1c34230004592eb32"}}',
    '{"video":{"id":"a","name":7},"videoPath":"b","more":[null,{"id":1}]}',
    ' { "videoPath" : "a" } \t\r',
    '{"videoPath":"a","video ":1,"Video":null,"VIDEOPATH":0,"":[]}',
    '{"videoPath":"a","position":-0,"duration":31622400}',
    '{"videoPath":"a","viewedAt":"1990-12-31t15:59:60.25-08:00"}',
    '{"videoPath":"\\ud83d\\ude00 é \\u0080"}',
    '{"videoPath":"a","rule":"\\n"}',
]

BAD = [
    "",
    "view",
    "null",
    '"./videos/a.mp4"',
    '["./videos/a.mp4"]',
    "{}",
    '{"userId":"u"}',
    '{"video":{}}',
    '{"video":{"ID":"a"}}',
    '{"video":{"name":"a"},"videoPath":"b"}',
    '{"VideoPath":"a"}',
    '{"videoPath":"a"',
    '{"videoPath":"a",}',
    "{'videoPath':'a'}",
    '{"videoPath":"a","position":NaN}',
    '{"videoPath":"a","position":Infinity}',
    '{"videoPath":"a","position":01}',
    '{"videoPath":"a\tb"}',
]

# What a schema cannot say of a message.
ONLY_DECODED = {
    "a day that the month does not have":
        '{"videoPath":"a","viewedAt":"2026-02-30T12:00:00Z"}',
    "a leap second within a day":
        '{"videoPath":"a","viewedAt":"2026-01-31T12:00:60Z"}',
    "a year of 0":
        '{"videoPath":"a","viewedAt":"0000-01-31T12:00:00Z"}',
    "after year 9999 in UTC":
        '{"videoPath":"a","viewedAt":"9999-12-31T23:59:59-01:00"}',
    "a field that is given twice": '{"videoPath":"a","videoPath":"a"}',
    "an id that is given twice": '{"video":{"id":"a","id":"a"}}',
    "a NUL": '{"videoPath":"a","more":"\\u0000"}',
    "half a surrogate pair": '{"videoPath":"a","more":"\\ud83d"}',
    "too many levels": '{"videoPath":"a","more":%s1%s}' % ("[" * 32, "]" * 32),
    "too long a number": '{"videoPath":"a","more":%s}' % ("1" * 64),
    "too many bytes, if few characters":
        json.dumps({"videoPath": "é" * 513}, ensure_ascii=False),
    "too large a message": '{"videoPath":"a","more":"%s"}' % ("x" * 16384),
}

TEXTS = [
    "", "a", "7", "x" * 36, "x" * 128, "x" * 129, "x" * 256, "x" * 257,
    "x" * 1024, "x" * 1025, "a\n", "a\nb", "\x1f", "\x7f", "\x80", " ", "é",
    UUID, UUID.upper(), UUID + "\n", UUID[:-1], UUID + "0", "{" + UUID + "}",
    UUID.replace("-", ""), UUID.replace("0", "g"),
    "played", "bytes",
    "2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z\n", "2026-01-31 12:00:00Z",
    "2026-01-31T12:00:00", "2026-01-31T12:00:00.Z", "2026-01-31T12:00Z",
    "2026-01-31T24:00:00Z", "2026-13-31T12:00:00Z", "2026-00-31T12:00:00Z",
    "2026-01-32T12:00:00Z", "2026-01-00T12:00:00Z", "2026-01-31T12:60:00Z",
    "2026-01-31T12:00:61Z", "2026-01-31T12:00:00+24:00",
    "2026-01-31T12:00:00+23:59", "2026-01-31T12:00:00-00:60",
    "2026-01-31T12:00:00+0100", "2026-01-31T12:00:00.123456789123456789z",
    "20260131T120000Z", "1769860800",
]
OTHERS = [
    None, True, False, 0, 1, -1, -0.001, 0.0005, 31622400, 31622400.001,
    1e300, -1e300, 1e-300, 1769860800000, [], [1], {}, {"id": "a"},
    {"id": None}, {"id": 7}, {"id": ""}, {"id": "a", "title": None},
    {"id": "a\nb"}, {"id": "x" * 256}, {"id": "x" * 257}, {"Id": "a"},
]


def refuse_constant(name):
    raise ValueError(name)


def schema_takes(validator, body):
    try:
        message = json.loads(body, parse_constant=refuse_constant)
    except ValueError:
        return False
    return validator.is_valid(message)


def decoder_takes(bodies):
    """What schema_decode_check says of each."""
    run = subprocess.run(
        [CHECK], input="".join(body + "\n" for body in bodies).encode(),
        stdout=subprocess.PIPE, check=True, timeout=60,
    )
    lines = run.stdout.decode().splitlines()
    assert len(lines) == len(bodies), (len(lines), len(bodies))
    return [line == "ok" for line in lines]


def variants():
    """The full message and the two short ones, each field as each value."""
    for base in (FULL, {"videoPath": "a"}, {"video": {"id": "a"}}):
        for field in FULL:
            without = copy.deepcopy(base)
            without.pop(field, None)
            yield json.dumps(without)
            for value in TEXTS + OTHERS:
                yield json.dumps({**base, field: value}, ensure_ascii=False)


class ViewedSchema(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(SCHEMA) as file:
            schema = json.load(file)
        jsonschema.Draft202012Validator.check_schema(schema)
        cls.fields = set(schema["properties"])
        cls.validator = jsonschema.Draft202012Validator(schema)

    def assert_both(self, bodies, expected):
        for body, decoded in zip(bodies, decoder_takes(bodies)):
            with self.subTest(body[:200]):
                self.assertEqual(decoded, expected, "viewed_decode()")
                self.assertEqual(
                    schema_takes(self.validator, body), expected, "the schema"
                )

    def test_both_take_what_is_a_view(self):
        self.assert_both([json.dumps(FULL)] + GOOD, True)

    def test_both_refuse_what_is_none(self):
        self.assert_both(BAD, False)

    def test_both_agree_on_each_field_as_each_value(self):
        bodies = list(variants())
        taken = decoder_takes(bodies)
        self.assertGreater(taken.count(True), 100)
        self.assertGreater(taken.count(False), 1000)
        for body, decoded in zip(bodies, taken):
            if decoded != schema_takes(self.validator, body):
                with self.subTest(body[:300]):
                    self.fail(f"viewed_decode() says {decoded}")

    def test_only_the_decoder_refuses_what_a_schema_cannot_say(self):
        for what, body in ONLY_DECODED.items():
            with self.subTest(what):
                self.assertTrue(schema_takes(self.validator, body))
                self.assertEqual(decoder_takes([body]), [False])

    def test_the_schema_knows_the_fields_of_the_full_message(self):
        self.assertEqual(self.fields, set(FULL))


if __name__ == "__main__":
    unittest.main()
