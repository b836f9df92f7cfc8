"""The pages show all of their documents, escaped, and lead nowhere else."""

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest

from services.read_api.documents.html import inline, kind, prose
from services.read_api.documents.openapi import OPENAPI_FILE
from services.read_api.documents.pages import asyncapi_page, openapi_page
from shared.contracts.documents import FOLDER

_OPENAPI = json.loads(OPENAPI_FILE.read_text(encoding="utf-8"))
_ASYNCAPI = json.loads((FOLDER / "asyncapi.json").read_text(encoding="utf-8"))
PAGES = ((openapi_page, _OPENAPI), (asyncapi_page, _ASYNCAPI))
#: What a page may lead to beside places in itself.
_BESIDE = {"docs.css", "docs", "asyncapi", "openapi.json", "asyncapi.json"}


class _Seen(HTMLParser):
    """Collects what a page is made of."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: set[str] = set()
        self.open: list[str] = []
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        self.tags.add(tag)
        self.ids += [said["id"] or ""] if "id" in said else []
        self.links |= {value or "" for name, value in attrs if name in {"href", "src"}}
        if tag not in {"meta", "link", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.open.pop()


@pytest.mark.parametrize(("page", "document"), PAGES)
def test_page_is_whole_and_leads_only_to_places_that_are_there(
    page: Callable[[Any], bytes], document: Any
) -> None:
    """Tags are closed, ids unique, no script, and nothing comes from another host."""
    seen = _Seen(page(document))

    assert not seen.open
    assert "script" not in seen.tags
    assert len(seen.ids) == len(set(seen.ids))
    assert {link.removeprefix("#") for link in seen.links if link not in _BESIDE} <= set(seen.ids)


def test_page_of_reports_shows_every_operation_and_schema() -> None:
    """HEAD is said once, not for each path."""
    seen = _Seen(openapi_page(_OPENAPI))
    operations = {
        said["operationId"]
        for methods in _OPENAPI["paths"].values()
        for method, said in methods.items()
        if method in {"get", "post", "delete"}
    }

    assert operations <= set(seen.ids)
    assert {f"schema-{name}" for name in _OPENAPI["components"]["schemas"]} <= set(seen.ids)


def test_page_of_events_shows_every_type() -> None:
    """Each with its example."""
    text = asyncapi_page(_ASYNCAPI).decode()
    names = re.findall(r"<h3><code>([a-z_.]+)</code></h3>", text)

    assert list(_ASYNCAPI["components"]["messages"]) == names


def test_texts_are_escaped_before_they_are_marked_up() -> None:
    """What looks like a tag in a description is text."""
    assert "<code>a&lt;b</code> &amp; <strong>c</strong>" == inline("`a<b` & **c**")
    assert "<p>one</p><pre>XADD &lt;</pre>" == prose("one\n\n    XADD <")


@pytest.mark.parametrize(
    ("schema", "shown"),
    (
        ({}, "any JSON"),
        ({"type": "integer", "minimum": 1}, "integer, at least 1"),
        ({"enum": ["a", "<"]}, "<code>a</code>, <code>&lt;</code>"),
        ({"const": "x"}, "<code>&quot;x&quot;</code>"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string or null"),
        ({"type": "array", "items": {"$ref": "#/c/A"}}, 'list of <a href="#schema-A">A</a>'),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "object of number"),
    ),
)
def test_kind_says_a_schema_in_one_line(schema: dict[str, Any], shown: str) -> None:
    """References lead to the schema that they name."""
    assert shown == kind(schema)
