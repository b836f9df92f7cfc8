"""What is said of an interface and of each of its operations; `openapi` writes it down.

One module beside this one describes one interface; `catalogue` lists them.
"""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final, Literal

from msgspec import Struct

from services.read_api.error_shape import ErrorShape
from services.read_api.reading.answers import JSON_MEDIA_TYPE
from shared.limits import ID_CHARS_MAX

Schema = dict[str, Any]

#: A text that can be an id; anything else is refused or names nothing.
ID: Final[Schema] = {
    "type": "string",
    "minLength": 1,
    "maxLength": ID_CHARS_MAX,
    "pattern": r"^[^\x00-\x1f\x7f-\x9f]+$",
}
#: An instant in a query.
INSTANT: Final[Schema] = {"type": "string", "format": "date-time"}
#: What an answer with a file is.
FILE: Final[Schema] = {"type": "string", "format": "binary"}

_NOTHING: Final[Mapping[int, str]] = MappingProxyType({})


class Parameter(Struct, frozen=True, kw_only=True):
    """A parameter of the path, of the query or a header; those of a path are always required."""

    name: str
    schema: Schema
    words: str
    where: Literal["path", "query", "header"] = "query"
    #: What the story of the examples answers to.
    example: object = None
    required: bool = False


class Operation(Struct, frozen=True, kw_only=True):
    """One method of one path.

    Attributes:
        answer: The struct of the answer, or its schema; None where there is no body.
        example: An answer, where it cannot be what the operation says of the story.
        refusals: Status → message, beside those that every operation of its interface shares.
        is_report: Whether it answers 304 to a known ETag, and says up to when it is.
        has_head: Whether it can be asked by HEAD too, as every report can.
        is_open: Whether no key is needed.
    """

    id: str
    path: str
    summary: str
    answer: Any
    example: object = None
    method: Literal["get", "post", "delete"] = "get"
    words: str = ""
    status: int = HTTPStatus.OK
    media_types: tuple[str, ...] = (JSON_MEDIA_TYPE,)
    parameters: tuple[Parameter, ...] = ()
    #: Media type → the struct or the schema of the body of a request.
    body: Mapping[str, Any] = MappingProxyType({})
    body_example: object = None
    needs_body: bool = True
    headers: tuple[str, ...] = ()
    refusals: Mapping[int, str] = _NOTHING
    is_report: bool = True
    has_head: bool = False
    is_open: bool = False


class Interface(Struct, frozen=True, kw_only=True):
    """Operations that share a shape of errors, and that one kind of client calls.

    Attributes:
        key: Begins the names of its error answers in the document.
        error: The struct of the body that `shape` writes.
        shapes: Status → another shape, and the struct of the body that it writes.
        refusals: Status → message, of every operation.
        path_parameters: By name; of all of its paths.
        schemas: By name, beside those of structs.
        server: Where it is, if not the read API.
    """

    key: str
    title: str
    words: str
    shape: ErrorShape
    error: type[Struct]
    shapes: Mapping[int, tuple[ErrorShape, type[Struct]]] = MappingProxyType({})
    operations: tuple[Operation, ...]
    path_parameters: Mapping[str, Parameter] = MappingProxyType({})
    refusals: Mapping[int, str] = _NOTHING
    schemas: Mapping[str, Schema] = MappingProxyType({})
    server: str | None = None


def path_id(name: str, words: str, example: str) -> Parameter:
    """An id in a path; percent-encoded, so that it may hold a slash."""
    return Parameter(name=name, schema=ID, words=words, where="path", example=example)


def by_name(*parameters: Parameter) -> Mapping[str, Parameter]:
    """Parameters by their names."""
    return {parameter.name: parameter for parameter in parameters}


def bounded(name: str, words: str, *, most: int, default: int, least: int = 1) -> Parameter:
    """An integer in a query."""
    schema = {"type": "integer", "minimum": least, "maximum": most, "default": default}
    return Parameter(name=name, schema=schema, words=words)


def one_of(name: str, words: str, choices: tuple[str, ...]) -> Parameter:
    """A word of a closed list in a query."""
    return Parameter(name=name, schema={"type": "string", "enum": list(choices)}, words=words)
