"""The OpenAPI document is what the structs and the routes say, and its examples follow it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from pydantic import SecretStr

from services.ingest import events_route, problems
from services.read_api import app
from services.read_api.documents import ingest as described_ingest
from services.read_api.documents.openapi import OPENAPI_FILE, openapi_text
from shared.settings import Settings

#: What people, browsers and orchestrators ask for.
_NO_INTERFACE = {
    f"/{name}"
    for name in (
        *("docs", "docs.css", "openapi.json", "asyncapi", "asyncapi.json"),
        *("livez", "readyz", "metrics"),
    )
}
_METHODS = {"get", "head", "post", "delete"}


@pytest.fixture(scope="module")
def document() -> Any:
    """The committed document."""
    return json.loads(OPENAPI_FILE.read_text(encoding="utf-8"))


def test_committed_document_is_what_the_structs_say() -> None:
    """A changed struct or route without `make schemas` fails here."""
    assert OPENAPI_FILE.read_text(encoding="utf-8") == openapi_text()


def test_document_has_every_route_of_the_process_and_no_other(
    document: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A route that nobody described fails here, and so does a description without a route."""
    built: list[Litestar] = []

    def noted(*handlers: Any, **options: Any) -> Litestar:
        built.append(Litestar(*handlers, **options))
        return built[0]

    monkeypatch.setattr(app, "Litestar", noted)
    app.build(Settings(database_url=SecretStr("postgresql://nobody@localhost/none")))
    served = {
        (method.lower(), _nameless(route.path))
        for route in built[0].routes
        if isinstance(route, HTTPRoute) and route.path not in _NO_INTERFACE
        for method in route.methods
        if method != "OPTIONS"
    }
    described = {
        (method, _nameless(path))
        for path, said in document["paths"].items()
        if "servers" not in said
        for method in _METHODS & said.keys()
    }

    assert served == described


def test_every_operation_shows_an_example_that_follows_its_schema(document: Any) -> None:
    """Bodies of requests and of every answer, errors too; each answer has its example."""
    for where, content in _contents(document):
        assert "example" in content, where
        schema = {**content["schema"], "components": document["components"]}
        validator = jsonschema_rs.validator_for(schema)
        errors = [error.message for error in validator.iter_errors(content["example"])]
        assert not errors, where


def test_examples_hold_no_key_that_the_document_does_not_name(document: Any) -> None:
    """Objects are open for clients, so an unnamed key would pass every other check."""
    closed = json.loads(json.dumps(document), object_hook=_closed)
    for where, content in _contents(closed):
        schema = {**content["schema"], "components": closed["components"]}
        validator = jsonschema_rs.validator_for(schema)
        assert validator.is_valid(content["example"]), where


def test_document_is_valid_openapi(document: Any) -> None:
    """Ids of operations are unique, and every reference leads somewhere."""
    ids = [operation["operationId"] for _, operation in _operations(document)]
    assert len(ids) == len(set(ids))
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document))):
        found = document
        for name in reference.split("/"):
            found = found[name]


def test_answers_of_ingest_are_described_as_they_are() -> None:
    """Their structs stand twice, since services do not import one another."""
    for described, real in (
        (described_ingest.Accepted, events_route.Accepted),
        (described_ingest.Problem, problems.Problem),
        (described_ingest.BadEvents, problems.BadEvents),
    ):
        assert _fields(described) == _fields(real)


def _fields(struct: type[msgspec.Struct]) -> Any:
    schema = msgspec.json.schema(struct)
    for one in schema["$defs"].values():
        one.pop("description", None)
    return schema


def _operations(document: Any) -> Iterator[tuple[str, Any]]:
    for path, said in document["paths"].items():
        for method in sorted(_METHODS & said.keys()):
            yield f"{method} {path}", said[method]


def _contents(document: Any) -> Iterator[tuple[str, Any]]:
    """Every body that is JSON: of requests, of answers, of errors."""
    for where, operation in _operations(document):
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            if "example" in content:
                yield f"{where} {media_type}", content
        for status, answer in operation["responses"].items():
            name = answer.get("$ref", "").rpartition("/")[2]
            said = document["components"]["responses"][name] if name else answer
            for media_type, content in said.get("content", {}).items():
                if media_type.endswith("json"):
                    yield f"{where} {status}", content


def _closed(found: dict[str, Any]) -> dict[str, Any]:
    if found.get("type") == "object" and "properties" in found:
        return {"additionalProperties": False, **found}
    return found


def _nameless(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)
