"""Answers that are not 202, as problem+json (RFC 9457).

They carry no `type`, so that `title` is the phrase of the status, as the standard asks.
"""

import traceback
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException

from services.ingest.admission import BadEvent
from shared.web_edge.reason_phrases import reason_phrase
from shared.web_edge.refusals import Refusal

PROBLEM_MEDIA_TYPE: Final = "application/problem+json"

_log = structlog.get_logger()
_encode = msgspec.json.Encoder().encode


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every refusal."""

    title: str
    status: int
    detail: str


class BadEvents(Problem, frozen=True, kw_only=True):
    """Some events are bad; the other ones are accepted all the same."""

    accepted: int
    errors: Sequence[BadEvent]


def bad_events(accepted: int, errors: Sequence[BadEvent]) -> Response[bytes]:
    """422: which events are bad and why, and how many others are accepted."""
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    detail = f"{len(errors)} of {accepted + len(errors)} events are bad: correct these"
    if accepted:
        detail += "; the others are accepted and need not be sent again"
    return _answer(
        BadEvents(
            title=reason_phrase(status),
            status=status,
            detail=detail,
            accepted=accepted,
            errors=errors,
        )
    )


def refused(_request: Request[Any, Any, Any], refusal: Refusal) -> Response[bytes]:
    """The answer to a request that was refused as a whole."""
    return _problem(refusal.status, str(refusal), refusal.headers)


def misrouted(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """The answer to a path or method that no route has."""
    method, path = request.scope["method"], request.scope["path"]
    return _problem(error.status_code, f"cannot {method} {path}", error.headers)


def failed(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The answer to a defect of ours.

    Its place is logged and its message is not, which may hold what the publisher sent.
    """
    frames = "".join(traceback.format_tb(error.__traceback__))
    _log.error(
        "request failed", path=request.scope["path"], error=type(error).__name__, frames=frames
    )
    return _problem(HTTPStatus.INTERNAL_SERVER_ERROR, "send it again, with the same ids")


def _problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response[bytes]:
    phrase = reason_phrase(status)
    return _answer(Problem(title=phrase, status=status, detail=detail), headers)


def _answer(problem: Problem, headers: Mapping[str, str] | None = None) -> Response[bytes]:
    return Response(
        _encode(problem),
        status_code=problem.status,
        headers={"cache-control": "no-store", **(headers or {})},
        media_type=PROBLEM_MEDIA_TYPE,
    )
