#!/usr/bin/env python3
"""Makes openapi.json and docs.html, what both services serve, of openapi.yaml.

  make_documents.py          writes them beside it
  make_documents.py --check  says which of them are not of this openapi.yaml

They are kept, so that a build needs no YAML.
"""

import html
import json
import os
import re
import sys

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
METHODS = ("get", "head", "post", "put", "patch", "delete")


def escape(text):
    return html.escape(str(text), quote=True)


def prose(text):
    """Paragraphs, with `code`, **strong** and links."""
    made = []
    for part in re.split(r"\n\s*\n", (text or "").strip()):
        part = escape(" ".join(part.split()))
        part = re.sub(r"`([^`]+)`", r"<code>\1</code>", part)
        part = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", part)
        if part:
            made.append(f"<p>{part}</p>")
    return "\n".join(made)


def code(value):
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return f'<pre tabindex="0"><code>{escape(text.rstrip())}</code></pre>'


class Page:
    def __init__(self, document):
        self.document = document

    def resolve(self, node):
        while isinstance(node, dict) and "$ref" in node:
            target = self.document
            for name in node["$ref"].removeprefix("#/").split("/"):
                target = target[name]
            node = target
        return node

    def type_of(self, schema):
        """A schema in a few words, with a link where it has a name."""
        if not schema:
            return "anything"
        if "$ref" in schema:
            name = schema["$ref"].split("/")[-1]
            return f'<a href="#schema-{escape(name)}">{escape(name)}</a>'
        for word in ("oneOf", "anyOf"):
            if word in schema:
                return " or ".join(self.type_of(part) for part in schema[word])
        if "const" in schema:
            return f"<code>{escape(json.dumps(schema['const']))}</code>"
        if "enum" in schema:
            return " or ".join(f"<code>{escape(json.dumps(one))}</code>" for one in schema["enum"])
        kind = schema.get("type", "anything")
        if kind == "array":
            return f"list of {self.type_of(schema.get('items'))}"
        words = [" or ".join(kind) if isinstance(kind, list) else kind]
        words += [f"{schema['format']}"] if "format" in schema else []
        for key, said in (("minimum", "from {}"), ("maximum", "to {}"), ("minLength", "of {} or more"),
                          ("maxLength", "of at most {}"), ("default", "default {}")):
            if key in schema:
                words.append(said.format(schema[key]))
        return escape(", ".join(words))

    def examples(self, node):
        if "example" in node:
            yield "", node["example"]
        for name, example in node.get("examples", {}).items() \
                if isinstance(node.get("examples"), dict) else ():
            yield name, self.resolve(example).get("value")

    def content(self, node):
        made = []
        for kind, body in node.get("content", {}).items():
            made.append(f"<p><code>{escape(kind)}</code> {self.type_of(body.get('schema'))}</p>"
                        if body.get("schema") else f"<p><code>{escape(kind)}</code></p>")
            for name, value in self.examples(body):
                made.append((f"<p>{escape(name)}:</p>" if name else "") + code(value))
        return "\n".join(made)

    def parameters(self, found, of):
        rows = []
        for parameter in map(self.resolve, found):
            notes = prose(parameter.get("description"))
            only = parameter.get("x-service")
            where = parameter["in"] + (f", {only} alone" if only else "")
            rows.append(f'<tr><th scope="row"><code>{escape(parameter["name"])}</code></th>'
                        f"<td>{escape(where)}{', required' if parameter.get('required') else ''}</td>"
                        f"<td>{self.type_of(parameter.get('schema'))}{notes}</td></tr>")
        if not rows:
            return ""
        return (f'<div class="wide" tabindex="0" role="region" aria-label="Parameters of {of}"><table>'
                "<thead><tr><th>parameter</th><th>in</th><th>what</th></tr></thead><tbody>"
                + "\n".join(rows) + "</tbody></table></div>")

    def operation(self, path, item, method):
        it = item[method]
        made = [f'<section class="operation" id="{escape(it["operationId"])}">',
                f'<h3><span class="method">{method.upper()}</span> '
                f"<code>{escape(path)}</code></h3>",
                f"<p><strong>{escape(it['summary'])}</strong></p>",
                prose(it.get("description"))]
        made.append(self.parameters(item.get("parameters", []) + it.get("parameters", []),
                                    escape(f"{method.upper()} {path}")))
        if "requestBody" in it:
            body = self.resolve(it["requestBody"])
            made += ["<h4>Body</h4>", prose(body.get("description")), self.content(body)]
        made.append("<h4>Answers</h4><dl>")
        for status, answer in it["responses"].items():
            answer = self.resolve(answer)
            made.append(f"<dt>{escape(status)}</dt><dd>{prose(answer.get('description'))}"
                        f"{self.content(answer) if str(status).startswith('2') else ''}</dd>")
        made.append("</dl></section>")
        return "\n".join(part for part in made if part)

    def schema(self, name, schema):
        made = [f'<section class="schema" id="schema-{escape(name)}"><h3>{escape(name)}</h3>',
                prose(schema.get("description"))]
        rows = [f'<tr><th scope="row"><code>{escape(key)}</code></th>'
                f"<td>{'always' if key in schema.get('required', []) else 'may be left out'}</td>"
                f"<td>{self.type_of(value)}{prose(value.get('description'))}</td></tr>"
                for key, value in schema.get("properties", {}).items()]
        if rows:
            made.append(f'<div class="wide" tabindex="0" role="region" aria-label="{escape(name)}">'
                        "<table><thead><tr><th>member</th><th>there</th><th>what</th></tr></thead>"
                        "<tbody>" + "\n".join(rows) + "</tbody></table></div>")
        else:
            made.append(f"<p>{self.type_of(schema)}</p>")
        made += [code(value) for _, value in self.examples(schema)]
        return "\n".join(part for part in made if part) + "</section>"

    def operations(self, tag):
        for path, item in self.document["paths"].items():
            for method in METHODS:
                if method in item and tag in item[method]["tags"]:
                    yield path, item, method

    def render(self):
        info = self.document["info"]
        title = escape(info["title"])
        tags = self.document["tags"]
        contents, sections = [], []
        seen = set()
        for tag in tags:
            links = []
            parts = [f'<h2 id="{tag["name"]}">{escape(tag["name"])}</h2>', prose(tag["description"])]
            for path, item, method in self.operations(tag["name"]):
                name = item[method]["operationId"]
                links.append(f'<li><a href="#{escape(name)}"><code>{method.upper()} '
                             f"{escape(path)}</code></a></li>")
                if name not in seen:
                    parts.append(self.operation(path, item, method))
                seen.add(name)
            contents.append(f"<li>{escape(tag['name'])}<ul>" + "\n".join(links) + "</ul></li>")
            sections += parts
        schemas = [self.schema(name, schema)
                   for name, schema in self.document["components"]["schemas"].items()]
        return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: the API</title>
<link rel="stylesheet" href="/docs.css">
<header>
<h1>{title}</h1>
<p>Version {escape(info["version"])}. The same for machines:
<a href="/openapi.json">openapi.json</a>, <a href="/openapi.yaml">openapi.yaml</a>.</p>
{prose(info["description"])}
</header>
<nav aria-label="Contents"><ul>
{chr(10).join(contents)}
<li><a href="#schemas">what they are made of</a></li>
</ul></nav>
<main>
{chr(10).join(sections)}
<h2 id="schemas">What they are made of</h2>
{chr(10).join(schemas)}
</main>
</html>
"""


def documents():
    with open(os.path.join(HERE, "openapi.yaml"), encoding="utf-8") as file:
        document = yaml.safe_load(file)
    yield "openapi.json", json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    yield "docs.html", Page(document).render()


def main():
    stale = []
    for name, text in documents():
        path = os.path.join(HERE, name)
        if sys.argv[1:] != ["--check"]:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        elif not os.path.exists(path) or open(path, encoding="utf-8").read() != text:
            stale.append(name)
    if stale:
        print(f"schema/{', schema/'.join(stale)}: not of this openapi.yaml; "
              "run schema/make_documents.py")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
