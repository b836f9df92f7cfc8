"""What the document says of `POST /v1/events`, which the process ingest serves.

Services do not import one another, so its answers stand here again; a test compares them.
"""

from http import HTTPStatus
from typing import Any, Final

from msgspec import Struct

from services.read_api.documents.operations import FILE, Interface, Operation, Parameter
from services.read_api.error_shape import ErrorShape
from shared.contracts.asyncapi import examples
from shared.contracts.json_schemas import ENVELOPE, event_schemas
from shared.limits import HTTP_EVENTS_MAX
from shared.web_edge.reason_phrases import reason_phrase

_PROBLEM: Final = "application/problem+json"
_SCHEMA: Final[dict[str, Any]] = event_schemas("")[ENVELOPE]
_DATA: Final = {"type": "object", "description": "The payload, by type: see `/asyncapi`."}
_EVENT: Final = {"$ref": f"#/components/schemas/{ENVELOPE}"}
_BINARY_MODE: Final = tuple(
    Parameter(
        name=f"ce-{name}",
        where="header",
        schema={"type": "string"},
        words=f"In binary mode: `{name}`, percent-encoded.",
    )
    for name in _SCHEMA["properties"]
)
_CALL_ENDED: Final = next(event for event in examples() if event["type"] == "call.ended")


class Accepted(Struct, frozen=True):
    """The body of a 202."""

    accepted: int


class Problem(Struct, frozen=True, kw_only=True):
    """The body of every refusal."""

    title: str
    status: int
    detail: str


class BadEvent(Struct, frozen=True):
    """One event that is not accepted."""

    index: int
    id: str | None
    reason: str
    detail: str


class BadEvents(Problem, frozen=True, kw_only=True):
    """Some events are bad; the other ones are accepted all the same."""

    accepted: int
    errors: list[BadEvent]


def _bad_events(status: int, message: str) -> BadEvents:
    bad = BadEvent(0, "e1", "wrong_shape", "Expected `str`, got `int` - at `$.data.outcome`")
    return BadEvents(
        title=reason_phrase(status), status=status, detail=message, accepted=1, errors=[bad]
    )


INTERFACE: Final = Interface(
    key="Ingest",
    title="Publishing",
    words="Events over HTTP, to the process ingest, for publishers that cannot reach Redis.",
    server="http://localhost:8082",
    shape=ErrorShape(
        lambda status, message: Problem(title=reason_phrase(status), status=status, detail=message),
        _PROBLEM,
    ),
    shapes={422: (ErrorShape(_bad_events, _PROBLEM), BadEvents)},
    error=Problem,
    schemas={ENVELOPE: {**_SCHEMA, "properties": {**_SCHEMA["properties"], "data": _DATA}}},
    operations=(
        Operation(
            id="publishEvents",
            method="post",
            path="/v1/events",
            summary="Publish events",
            words="One event, or lines of events. An array of them is sent as"
            " `application/cloudevents-batch+json`; in CloudEvents' binary mode the body is the"
            " payload alone, as `application/json`. After 429, 503 or no answer, send the whole"
            " request again: the same ids count once.",
            parameters=_BINARY_MODE,
            body={
                "application/cloudevents+json": _EVENT,
                "application/x-ndjson": FILE,
            },
            body_example=_CALL_ENDED,
            status=HTTPStatus.ACCEPTED,
            is_report=False,
            answer=Accepted,
            example={"accepted": 1},
            refusals={
                400: "the body is not JSON: Input data was truncated",
                403: "API key lacks the scope publish",
                408: "the body did not arrive within 30 s",
                413: f"{HTTP_EVENTS_MAX + 1} events; the limit of a request is {HTTP_EVENTS_MAX}",
                415: "send the body as it is, without content-encoding",
                422: "1 of 2 events are bad: correct these",
                429: "too many requests at a time: nothing is accepted, try again",
                503: "Redis does not answer; nothing is accepted, send it again",
            },
        ),
    ),
)
