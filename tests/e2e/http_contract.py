"""openapi.yaml and the programs say the same, both ways."""

import json
import re
import unittest
import uuid

from support.claims import Claims
from support.documents import Document
from support.service import run
from support.waiting import eventually
from support.web import request

METHODS = {"get", "head", "post", "put", "delete", "options", "patch"}
ENDLESS = "/history/stream"
SAMPLE = "SampleVideo_1280x720_1mb.mp4"
VIEW = {"id": "019c1234-5678-7abc-8def-0123456789ab", "videoPath": "./v.mp4"}


class HttpContract(Claims):
    @classmethod
    def setUpClass(cls):
        cls.document = Document("openapi.yaml")
        cls.paths = cls.document.content["paths"]

    def operations(self, service):
        """(method, path) → the query parameters, as the document has them."""
        found = {}
        for path, item in self.paths.items():
            for method in METHODS & set(item):
                operation = item[method]
                if service not in operation["tags"]:
                    continue
                found[method.upper(), path] = self.query_names(
                    item.get("parameters", []) + operation.get("parameters", []),
                    service,
                )
        return found

    def query_names(self, parameters, service):
        """Where both services have a path, a parameter may be of one only."""
        names = set()
        for parameter in map(self.document.resolve, parameters):
            if parameter["in"] == "query":
                if parameter.get("x-service", service) == service:
                    names.add(parameter["name"])
        return names

    def test_each_route_is_documented_and_each_document_s_path_is_a_route(self):
        for service in ("history", "streaming"):
            routes = {
                (route["method"], route["path"]): set(route["parameters"])
                for route in json.loads(run(service, "--routes").stdout)
            }
            documented = self.operations(service)
            # HEAD is answered wherever GET is.
            heads = {key for key in documented if key[0] == "HEAD"}
            for _, path in heads:
                self.assertIn(("GET", path), routes)
            documented = {
                key: names for key, names in documented.items() if key not in heads
            }
            with self.subTest(service):
                self.assertEqual(routes, documented)

    def test_every_reference_leads_somewhere(self):
        for reference in self.document.references():
            with self.subTest(reference):
                self.document.resolver.resolve(reference)

    def test_every_operation_is_named_once_and_says_what_can_go_wrong(self):
        names = []
        for path, item in self.paths.items():
            for method in METHODS & set(item):
                operation = item[method]
                names.append(operation["operationId"])
                with self.subTest(path=path, method=method):
                    self.assertTrue(operation["summary"])
                    self.assertIn("400", operation["responses"])
                    self.assertTrue(set(operation["tags"]) <= {"history", "streaming"})
        self.assertEqual(len(names), len(set(names)))

    def test_every_example_is_as_its_schema_says(self):
        for name, schema in self.document.content["components"]["schemas"].items():
            if "example" in schema:
                self.document.check(schema["example"], schema, name)
        for path, item in self.paths.items():
            for method in METHODS & set(item):
                operation = item[method]
                bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
                for body in map(self.document.resolve, bodies):
                    self.check_examples(body, f"{method} {path}")

    def check_examples(self, body, what):
        for media in body.get("content", {}).values():
            examples = [one["value"] for one in media.get("examples", {}).values()]
            examples += [media["example"]] if "example" in media else []
            for example in examples:
                self.document.check(example, media["schema"], what)

    def check_live(self, service, method, path, template=None, **how):
        """The answer's status, type, body and headers are documented ones."""
        answer = request(method, service.url(path), **how)
        item = self.paths[template or path.split("?")[0]]
        responses = item[method.lower()]["responses"]
        what = f"{method} {path} {answer.status}"
        self.assertIn(str(answer.status), responses, what)
        response = self.document.resolve(responses[str(answer.status)])
        if method != "HEAD" and answer.body:
            self.check_body(answer, response, what)
        for name, header in response.get("headers", {}).items():
            lines = answer.headers.get_all(name)
            value = ", ".join(lines) if lines else None
            schema = self.document.resolve(header)["schema"]
            if value is not None:
                if schema.get("type") == "integer":
                    value = int(value)
                self.document.check(value, schema, f"{what} {name}")
        return answer

    def check_body(self, answer, response, what):
        media_type = answer.headers["Content-Type"].split(";")[0]
        self.assertIn(media_type, response.get("content", {}), what)
        schema = response["content"][media_type].get("schema")
        if schema and media_type.endswith("json"):
            self.document.check(answer.json(), schema, what)

    def test_history_answers_as_documented(self):
        views = self.history(self.vhost(), ADMIN_API="on")
        post = {"method": "POST", "headers": {"Content-Type": "application/json"}}
        self.check_live(views, path="/viewed", body=json.dumps(VIEW), **post)
        for example in self.viewed_examples():
            answer = self.check_live(
                views, path="/viewed", body=json.dumps(example), **post
            )
            self.assertEqual(answer.status, 200, answer.body)
        self.check_live(views, path="/viewed", body="{", **post)
        self.check_live(views, path="/viewed", body=" " * 20000, **post)
        self.check_live(views, "POST", "/viewed", body="x", headers={"Content-Type": "a/b"})
        page = self.check_live(views, "GET", "/history?limit=1")
        self.assertRegex(page.headers["Link"], '^<.*>; rel="next"$')
        self.assertIn(page.json()["next"], page.headers["Link"])
        following = self.check_live(views, "GET", page.json()["next"])
        self.check_live(views, "GET", following.json()["prev"])
        self.check_live(views, "GET", "/history?fields=_id")
        for kind in ("ndjson", "csv"):
            self.check_live(views, "GET", f"/history?format={kind}")
        for path in self.plain_paths("history"):
            asked = self.asked(path)
            answer = self.check_live(views, "GET", asked, path)
            self.assertEqual(answer.status, 200, asked)
            self.check_live(views, "GET", path + "?nothing=1")
        for query in ("?userId=a&videoId=b", "?userId=a", "?nothing=1"):
            self.check_live(views, "DELETE", "/continue" + query)
        put = {"method": "PUT", "headers": post["headers"]}
        for path, name, value in (("/recording", "recording", False),
                                  ("/recording", "recording", True),
                                  ("/retention", "keepDays", 30)):
            for body in (json.dumps({name: value}), "{}", "[", " " * 2000):
                for query in ("?userId=anna", "", "?nothing=1"):
                    self.check_live(views, path=path + query, body=body, **put)
        for path in ("/dead/retry", "/dead/discard"):
            for body in (json.dumps({"ids": [VIEW["id"]]}), "{", " " * 70000):
                self.check_live(views, path=path, body=body, **post)
        row = {"_id": str(uuid.uuid4()), "video": {"id": "a.mp4"},
               "viewedAt": "2026-01-31T12:00:00Z"}
        named = "/imports/{name}"
        for media_type in ("application/x-ndjson", "application/json"):
            for body in (json.dumps(row), "{", "{}", " " * 300000):
                for name in ("one", "-", "one?nothing=1"):
                    self.check_live(views, "POST", "/imports/" + name, named, body=body,
                                    headers={"Content-Type": media_type})
        for name in ("one", "one", "-", "one?nothing=1"):
            self.check_live(views, "DELETE", "/imports/" + name, named)
        for query in ("?userId=nobody", "", "?userId=", "?nothing=1"):
            self.check_live(views, "DELETE", "/history" + query)
        one = "/history/{id}"
        self.check_live(views, "GET", "/history/" + VIEW["id"], one)
        self.check_live(views, "GET", "/history/7", one)
        back = one + "/restore"
        for path in ("/history/" + VIEW["id"], "/history/7"):
            for _ in range(2):
                self.check_live(views, "DELETE", path, one)
                changes = "/history?limit=2&updatedSince=2026-01-01T00:00:00Z"
                page = self.check_live(views, "GET", changes)
                self.check_live(views, "GET", page.json()["next"])
                self.check_live(views, "GET", changes + "&userId=nobody")
                self.check_live(views, "GET", changes + "&cursor=x")
                self.check_live(views, "POST", path + "/restore", back)
        self.check_live(views, "DELETE", "/history/7?nothing=1", one)
        self.check_live(views, "POST", "/history/7/restore?nothing=1", back)

    def viewed_examples(self):
        body = self.paths["/viewed"]["post"]["requestBody"]
        examples = body["content"]["application/json"]["examples"]
        return [example["value"] for example in examples.values()]

    def plain_paths(self, service):
        return [
            path
            for method, path in self.operations(service)
            if method == "GET" and "{" not in path and path != ENDLESS
        ]

    def asked(self, path):
        """With an example of each parameter that must be there."""
        parameters = self.paths[path]["get"].get("parameters", [])
        required = [
            f"{parameter['name']}={parameter['example']}"
            for parameter in map(self.document.resolve, parameters)
            if parameter["in"] == "query" and parameter.get("required")
        ]
        return path + ("?" + "&".join(required) if required else "")

    def test_streaming_answers_as_documented(self):
        videos = self.streaming(self.vhost())
        for path in self.plain_paths("streaming"):
            self.assertEqual(self.check_live(videos, "GET", path).status, 200, path)
            self.check_live(videos, "GET", path + "?nothing=1")
        etag = videos.get("/video").headers["ETag"]
        for status, headers in (
            (206, {"Range": "bytes=0-9"}),
            (304, {"If-None-Match": etag}),
            (412, {"If-Match": '"other"'}),
            (416, {"Range": "bytes=999999999-"}),
        ):
            for method in ("GET", "HEAD"):
                answer = self.check_live(videos, method, "/video", headers=headers)
                self.assertEqual(answer.status, status)
        self.check_live(videos, "HEAD", "/video")
        self.check_live(videos, "GET", "/video?id=none")
        self.check_live(videos, "GET", f"/video?id={SAMPLE}&reports=1")
        post = {"method": "POST", "path": "/progress"}
        for media_type in ("application/json", "text/plain"):
            for body in (
                json.dumps({"videoId": SAMPLE, "position": 1, "played": 1}),
                json.dumps(self.document.content["components"]["schemas"]["Progress"]["example"]),
                json.dumps({"videoId": "none", "position": 1, "played": 1}),
                "{",
                " " * 5000,
            ):
                self.check_live(
                    videos, body=body, headers={"Content-Type": media_type}, **post
                )
        self.check_live(videos, body="{}", headers={"Content-Type": "a/b"}, **post)

    def test_not_ready_is_documented_too(self):
        broker = self.own_broker()
        services = (self.history(broker.url), self.streaming(broker.url))
        broker.kill()
        for service in services:
            eventually(lambda s=service: s.get("/readyz").json()["reasons"])
            self.check_live(service, "GET", "/readyz")

    def test_both_serve_this_document(self):
        with open(self.document.resolver.base_uri[len("file://"):], "rb") as file:
            text = file.read()
        for service in (self.history(self.vhost()), self.streaming(self.vhost())):
            self.assertEqual(service.get("/openapi.yaml").body, text)
            self.assertEqual(service.get("/openapi.json").json(), self.document.content)
            page = service.get("/docs").body.decode()
            for item in self.paths.values():
                for method in METHODS & set(item):
                    self.assertIn(f'id="{item[method]["operationId"]}"', page)

    def test_its_message_is_the_schema_file_s(self):
        inline = dict(self.document.content["components"]["schemas"]["ViewedMessage"])
        file = {
            key: value
            for key, value in Document("viewed.schema.json").content.items()
            if not key.startswith("$")
        }
        self.assertEqual(inline, file)

    def test_problems_are_the_only_errors(self):
        for path, item in self.paths.items():
            for method in METHODS & set(item) - {"head"}:
                for status, response in item[method]["responses"].items():
                    if re.match("[45]", status):
                        content = self.document.resolve(response)["content"]
                        with self.subTest(path=path, status=status):
                            self.assertIn("application/problem+json", content)


if __name__ == "__main__":
    unittest.main()
