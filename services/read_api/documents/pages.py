"""The documents as pages for people: `/docs` (OpenAPI) and `/asyncapi`. Made once, at the start."""

from collections.abc import Iterator
from html import escape
from typing import Any, Final

from services.read_api.documents.html import example, inline, kind, page, prose, schemas, table
from services.read_api.documents.operations import Schema

_HEAD: Final = "head"
_PARAMETER_COLUMNS: Final = ("parameter", "in", "value", "meaning")
_ANSWER_COLUMNS: Final = ("status", "meaning", "body", "headers")


def openapi_page(document: Schema) -> bytes:
    """Every operation by interface, then the schemas."""
    tags = {tag["name"]: tag["description"] for tag in document["tags"]}
    operations: dict[str, list[str]] = {name: [] for name in tags}
    for path, methods in document["paths"].items():
        shared = methods.get("parameters", [])
        for method, said in methods.items():
            if method in {"get", "post", "delete"}:
                shown = _operation(document, f"{method.upper()} {path}", said, shared)
                operations[said["tags"][0]].append(shown)
    sections = [
        f'<section id="{escape(name)}"><h2>{escape(name)}</h2>{prose(tags[name])}{"".join(shown)}'
        "</section>"
        for name, shown in operations.items()
    ]
    links = {name: f"#{name}" for name in tags}
    links |= {"Schemas": "#schemas", "openapi.json": "openapi.json", "Events": "asyncapi"}
    return page(
        document["info"]["title"],
        links,
        [prose(document["info"]["description"]), *sections, _schemas(document)],
    )


def asyncapi_page(document: Schema) -> bytes:
    """Where events are published, every type with an example, then the schemas."""
    channels = "".join(
        f"<h3><code>{escape(said['address'])}</code> {escape(said['title'])}</h3>"
        f"{prose(said['description'])}"
        for said in document["channels"].values()
    )
    messages = "".join(_message(said) for said in document["components"]["messages"].values())
    links = {"Channels": "#channels", "Events": "#events", "Schemas": "#schemas"}
    links |= {"asyncapi.json": "asyncapi.json", "Reports": "docs"}
    return page(
        document["info"]["title"],
        links,
        [
            prose(document["info"]["description"]),
            f'<section id="channels"><h2>Channels</h2>{channels}</section>',
            f'<section id="events"><h2>Events</h2>{messages}</section>',
            _schemas(document),
        ],
    )


def _operation(document: Schema, line: str, said: Schema, shared: list[Schema]) -> str:
    parameters = (
        (
            f"<code>{escape(one['name'])}</code>",
            one["in"],
            kind(one["schema"]),
            inline(one["description"]),
        )
        for one in [*shared, *said.get("parameters", [])]
    )
    bodies = {
        f"Request, {media_type}": shown
        for media_type, shown in said.get("requestBody", {}).get("content", {}).items()
    }
    answers = [(status, _answer(document, found)) for status, found in said["responses"].items()]
    bodies |= {
        f"Answer {status}, {media_type}": shown
        for status, found in answers
        for media_type, shown in found.get("content", {}).items()
        if status.startswith("2")
    }
    shown = "".join(
        example(name, body["example"]) for name, body in bodies.items() if "example" in body
    )
    rows = ((status, *_cells(found)) for status, found in answers)
    return (
        f'<section id="{escape(said["operationId"])}"><h3><code>{escape(line)}</code></h3>'
        f"<p>{inline(said['summary'])}. {inline(said.get('description', ''))}</p>"
        f"{table(_PARAMETER_COLUMNS, parameters)}{table(_ANSWER_COLUMNS, rows)}{shown}</section>"
    )


def _answer(document: Schema, answer: Schema) -> Schema:
    """What a status says, wherever it stands."""
    if "$ref" not in answer:
        return answer
    found: Schema = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    return found


def _cells(answer: Schema) -> Iterator[str]:
    yield inline(answer["description"])
    yield "<br>".join(
        f"{escape(media_type)}: {kind(said['schema'])}"
        for media_type, said in answer.get("content", {}).items()
    )
    yield ", ".join(f"<code>{escape(name)}</code>" for name in answer.get("headers", {}))


def _message(said: Schema) -> str:
    shown: list[dict[str, Any]] = said["examples"]
    return (
        f"<h3><code>{escape(said['name'])}</code></h3><p>{inline(said['summary'])} "
        f"{kind(said['payload'])}</p>{''.join(example('Example', one['payload']) for one in shown)}"
    )


def _schemas(document: Schema) -> str:
    return schemas(document["components"]["schemas"])
