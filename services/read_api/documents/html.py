"""HTML from the texts and schemas of a document: escaped, without any script."""

import json
import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, Final

from services.read_api.documents.operations import Schema

_CODE: Final = re.compile(r"`([^`]+)`")
_STRONG: Final = re.compile(r"\*\*([^*]+)\*\*")
#: A paragraph that begins so is an example.
_INDENT: Final = "    "
_BOUNDS: Final = {
    "format": "as {}",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "maxLength": "at most {} characters",
    "default": "else {}",
}


def page(title: str, links: Mapping[str, str], sections: Iterable[str]) -> bytes:
    """A whole page; `links` lead from its top by name to places in it and to other pages."""
    shown = " ".join(f'<a href="{escape(to)}">{escape(name)}</a>' for name, to in links.items())
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="docs.css">'
    )
    body = f"<h1>{escape(title)}</h1><nav>{shown}</nav>{''.join(sections)}"
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>'.encode()


def prose(text: str) -> str:
    """Paragraphs, with their `code` and **strong** words, and indented examples."""
    return "".join(
        f"<pre>{escape(part[len(_INDENT) :])}</pre>"
        if part.startswith(_INDENT)
        else f"<p>{inline(part)}</p>"
        for part in text.split("\n\n")
    )


def inline(text: str) -> str:
    """Words of one line."""
    return _STRONG.sub(r"<strong>\1</strong>", _CODE.sub(r"<code>\1</code>", escape(text)))


def example(name: str, value: Any) -> str:
    """JSON that a reader opens."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return f"<details><summary>{escape(name)}</summary><pre>{escape(text)}</pre></details>"


def table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of cells that are HTML already; nothing where it has no rows."""
    lines = ["".join(f"<td>{cell}</td>" for cell in row) for row in rows]
    if not lines:
        return ""
    head = "".join(f"<th>{name}</th>" for name in columns)
    return f"<table><tr>{head}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def schemas(named: Mapping[str, Schema]) -> str:
    """The section of all schemas that others refer to."""
    return f'<section id="schemas"><h2>Schemas</h2>{"".join(map(_named, named.items()))}</section>'


def kind(schema: Any) -> str:
    """What a schema says in one line."""
    if not isinstance(schema, dict) or not schema:
        return "any JSON"
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#schema-{escape(name)}">{escape(name)}</a>'
    for word, joint in (("anyOf", " or "), ("oneOf", " or "), ("allOf", " and ")):
        if word in schema:
            return joint.join(map(kind, schema[word]))
    if "const" in schema:
        return f"<code>{escape(json.dumps(schema['const']))}</code>"
    if "enum" in schema:
        return ", ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    match schema.get("type"):
        case "array":
            return f"list of {kind(schema.get('items', {}))}"
        case "object" if isinstance(schema.get("additionalProperties"), dict):
            return f"object of {kind(schema['additionalProperties'])}"
        case said:
            bounds = [words.format(schema[key]) for key, words in _BOUNDS.items() if key in schema]
            return escape(", ".join([str(said), *bounds]))


def _named(item: tuple[str, Schema]) -> str:
    name, schema = item
    required = schema.get("required", [])
    rows = (
        (f"<code>{escape(key)}</code>", kind(said), "always" if key in required else "")
        for key, said in schema.get("properties", {}).items()
    )
    described = prose(schema.get("description", ""))
    also = f"<p>{kind(schema)}, and:</p>" if "allOf" in schema else ""
    shown = table(("key", "value", "there"), rows) or f"<p>{kind(schema)}</p>"
    return (
        f'<section id="schema-{escape(name)}"><h3>{escape(name)}</h3>{described}{also}{shown}'
        "</section>"
    )
