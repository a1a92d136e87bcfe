"""The OpenAPI and AsyncAPI documents, and the message's JSON Schema."""

import json
import os

import jsonschema
import yaml

from support.broker import ROOT

SCHEMA_FOLDER = os.path.join(ROOT, "schema")


class Document:
    """One of them, with its references, those to its neighbours too."""

    def __init__(self, name):
        with open(os.path.join(SCHEMA_FOLDER, name)) as file:
            self.content = (
                json.load(file) if name.endswith(".json") else yaml.safe_load(file)
            )
        self.base = f"file://{SCHEMA_FOLDER}/"
        self.resolver = jsonschema.RefResolver(
            self.base + name, self.content, handlers={"file": self._read}
        )

    @staticmethod
    def _read(url):
        with open(url[len("file://"):]) as file:
            return json.load(file) if url.endswith(".json") else yaml.safe_load(file)

    def resolve(self, node):
        """The node itself, or what it refers to."""
        while isinstance(node, dict) and "$ref" in node:
            _, node = self.resolver.resolve(node["$ref"])
        return node

    def check(self, value, schema, what=""):
        """Fails, in words, where the value is not as the schema says."""
        validator = jsonschema.Draft202012Validator(
            schema,
            resolver=self.resolver,
            format_checker=jsonschema.FormatChecker(),
        )
        for error in validator.iter_errors(value):
            raise AssertionError(
                f"{what} {error.json_path}: {error.message[:300]}"
            )

    def references(self):
        """All references, so that each can be tried."""
        return self._references_in(self.content)

    def _references_in(self, node):
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                yield node["$ref"]
            for child in node.values():
                yield from self._references_in(child)
        elif isinstance(node, list):
            for child in node:
                yield from self._references_in(child)
