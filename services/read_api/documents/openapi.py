"""The catalogue as an OpenAPI 3.1 document. Called by `python -m services.read_api.documents`."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import msgspec

from services.read_api.documents.catalogue import INTERFACES
from services.read_api.documents.operations import Interface, Operation, Parameter, Schema
from services.read_api.documents.shared_parts import (
    HEADERS,
    INFO,
    OPEN,
    REFUSAL_HEADERS,
    REFUSALS,
    REFUSED_KEYS,
    REPORT_HEADERS,
    SECURITY,
    SECURITY_SCHEMES,
    SERVERS,
)
from shared.web_edge.rate_limits import RATE_LIMIT_HEADERS
from shared.web_edge.reason_phrases import reason_phrase

FOLDER: Final = Path(__file__).parent
#: The answers to the story beside it, by operation; a test asks for them anew.
EXAMPLES_FILE: Final = FOLDER / "examples.json"
OPENAPI_FILE: Final = FOLDER / "openapi.json"

_SCHEMAS: Final = "#/components/schemas/{name}"
_PATH_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_BAD_REQUEST, _NOT_MODIFIED = HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_MODIFIED


def examples() -> dict[str, Any]:
    """What each operation answers to the story, by its id."""
    found: dict[str, Any] = json.loads(EXAMPLES_FILE.read_text(encoding="utf-8"))
    return found


def openapi_text() -> str:
    """The text of `OPENAPI_FILE`."""
    return json.dumps(openapi_document(examples()), indent=2, ensure_ascii=False) + "\n"


def openapi_document(answers: Mapping[str, Any]) -> Schema:
    """The document, with these answers as its examples."""
    types = list(dict.fromkeys(_types()))
    references, schemas = _schemas(types)
    for interface in INTERFACES:
        schemas |= interface.schemas
    writer = _Writer(dict(zip(types, references, strict=True)), answers)
    return {
        "openapi": "3.1.1",
        "info": INFO,
        "servers": SERVERS,
        "security": SECURITY,
        "tags": [{"name": one.title, "description": one.words} for one in INTERFACES],
        "paths": writer.paths(),
        "components": {
            "securitySchemes": SECURITY_SCHEMES,
            "headers": HEADERS,
            "responses": dict(writer.refusals()),
            "schemas": dict(sorted(schemas.items())),
        },
    }


def _types() -> Iterator[Any]:
    for interface in INTERFACES:
        yield interface.error
        yield from (error for _, error in interface.shapes.values())
        for operation in interface.operations:
            yield from (kind for kind in operation.body.values() if not isinstance(kind, dict))
            if operation.answer is not None and not isinstance(operation.answer, dict):
                yield operation.answer


def _schemas(types: list[Any]) -> tuple[list[Schema], dict[str, Schema]]:
    """How each type is referred to, and every schema by name."""
    found, schemas = msgspec.json.schema_components(types, ref_template=_SCHEMAS)
    text = json.dumps([found, schemas])
    for name in schemas:
        text = text.replace(f'/{name}"', f'/{_component_name(name)}"')
    references, renamed = json.loads(text)
    # The title too: generators of clients call their classes by it.
    named = {name: _component_name(name) for name in renamed}
    return references, {
        named[name]: {**schema, "title": named[name]} for name, schema in renamed.items()
    }


class _Writer:
    """Writes the operations of the catalogue."""

    def __init__(self, references: Mapping[Any, Schema], answers: Mapping[str, Any]) -> None:
        self._references = references
        self._answers = answers

    def paths(self) -> Schema:
        """Every path with its methods."""
        paths: Schema = {}
        for interface in INTERFACES:
            for operation in interface.operations:
                path = paths.setdefault(operation.path, self._path(interface, operation))
                path[operation.method] = self._operation(interface, operation)
                if operation.is_report or operation.has_head:
                    path["head"] = self._head(interface, operation)
        return paths

    def refusals(self) -> Iterator[tuple[str, Schema]]:
        """Each interface's way to say each error, with an example as it would leave."""
        for interface in INTERFACES:
            messages = {**REFUSALS, **interface.refusals}
            for operation in interface.operations:
                messages |= operation.refusals
            for status, message in sorted(messages.items()):
                shape, error = interface.shapes.get(status, (interface.shape, interface.error))
                answer = shape.answer(status, message)
                media_type = str(answer.media_type)
                yield (
                    f"{interface.key}{status}",
                    {
                        "description": message,
                        "headers": _headers(REFUSAL_HEADERS.get(status, ())),
                        "content": {
                            media_type: {
                                "schema": self._references[error],
                                "example": json.loads(answer.content),
                            }
                        },
                    },
                )

    def _path(self, interface: Interface, operation: Operation) -> Schema:
        names = _PATH_PARAMETER.findall(operation.path)
        path: Schema = {"servers": [{"url": interface.server}]} if interface.server else {}
        if names:
            path["parameters"] = _parameters(interface.path_parameters[name] for name in names)
        return path

    def _operation(self, interface: Interface, operation: Operation) -> Schema:
        answers: Schema = {str(operation.status): self._answer(operation)}
        if operation.is_report:
            answers["304"] = {
                "description": "The client has these very bytes.",
                "headers": _headers(REPORT_HEADERS),
            }
        for status in _refused(interface, operation):
            answers[str(status)] = {"$ref": f"#/components/responses/{interface.key}{status}"}
        said = self._said(interface, operation, operation.id, answers)
        if operation.body:
            content: Schema = {
                media_type: {"schema": self._schema(kind)}
                for media_type, kind in operation.body.items()
            }
            if operation.body_example is not None:
                content[next(iter(content))]["example"] = operation.body_example
            said["requestBody"] = {"required": operation.needs_body, "content": content}
        return said

    def _head(self, interface: Interface, operation: Operation) -> Schema:
        headers = _headers(_answer_headers(operation))
        answers = {str(operation.status): {"description": "The headers alone.", "headers": headers}}
        if operation.is_report:
            answers["304"] = {"description": "The client has these very bytes."}
        for status in _refused(interface, operation):
            answers[str(status)] = {"description": reason_phrase(status)}
        head_id = f"head{operation.id[0].upper()}{operation.id[1:]}"
        return self._said(interface, operation, head_id, answers)

    def _said(
        self, interface: Interface, operation: Operation, operation_id: str, answers: Schema
    ) -> Schema:
        said: Schema = {"operationId": operation_id, "tags": [interface.title]}
        said["summary"] = operation.summary
        if operation.words:
            said["description"] = operation.words
        if operation.parameters:
            said["parameters"] = _parameters(operation.parameters)
        if operation.is_open:
            said["security"] = OPEN
        return said | {"responses": answers}

    def _answer(self, operation: Operation) -> Schema:
        headers = _headers(_answer_headers(operation))
        answer: Schema = {"description": f"{operation.summary}.", "headers": headers}
        if operation.answer is not None:
            shown: Schema = {"schema": self._schema(operation.answer)}
            example = operation.example or self._answers.get(operation.id)
            if example is not None:
                shown["example"] = example
            answer["content"] = dict.fromkeys(operation.media_types, shown)
        return answer

    def _schema(self, kind: Any) -> Schema:
        return kind if isinstance(kind, dict) else self._references[kind]


def _component_name(name: str) -> str:
    """A name for a schema; msgspec says the module too where two structs are called the same."""
    if "." not in name:
        return name
    *_, package, module, struct = name.split(".")
    owner = package if module == "errors" else module
    return owner.title().replace("_", "") + struct


def _refused(interface: Interface, operation: Operation) -> list[int]:
    statuses = {*REFUSALS, *interface.refusals, *operation.refusals}
    if operation.is_open:
        statuses -= REFUSED_KEYS - operation.refusals.keys()
    return sorted(statuses)


def _answer_headers(operation: Operation) -> tuple[str, ...]:
    shared = REPORT_HEADERS if operation.is_report else ()
    counted = () if operation.is_open else RATE_LIMIT_HEADERS
    return (*shared, *operation.headers, *counted)


def _parameters(parameters: Iterable[Parameter]) -> list[Schema]:
    return [
        {
            "name": one.name,
            "in": one.where,
            "description": one.words,
            "required": one.required or one.where == "path",
            "schema": one.schema,
            **({} if one.example is None else {"example": one.example}),
        }
        for one in parameters
    ]


def _headers(names: Iterable[str]) -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
