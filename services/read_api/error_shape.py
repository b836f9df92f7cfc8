"""Errors in the shape of an interface: its vendor's, or problem details for routes of our own."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from services.read_api.reading.answers import JSON_MEDIA_TYPE
from shared.errors import StorageError
from shared.web_edge.reason_phrases import reason_phrase
from shared.web_edge.refusals import Refusal, Unavailable

_log = structlog.get_logger()
_encode = msgspec.json.Encoder().encode
AnyRequest = Request[Any, Any, Any]
#: Status and message → the body of an error.
Body = Callable[[int, str], msgspec.Struct]


class ErrorShape:
    """How one interface says that something is wrong."""

    def __init__(self, body: Body, media_type: str = JSON_MEDIA_TYPE) -> None:
        self._body = body
        self._media_type = media_type

    @property
    def handlers(self) -> ExceptionHandlersMap:
        """What a router of the interface does with whatever stands in a request's way."""
        return {
            Refusal: self.refused,
            StorageError: self.unavailable,
            HTTPException: self.misrouted,
            Exception: self.failed,
        }

    def answer(
        self, status: int, message: str, headers: Mapping[str, str] | None = None
    ) -> Response[bytes]:
        """An error in this shape."""
        return Response(
            _encode(self._body(status, message)),
            status_code=status,
            headers={"cache-control": "no-store", **(headers or {})},
            media_type=self._media_type,
        )

    def refused(self, _request: AnyRequest, refusal: Refusal) -> Response[bytes]:
        """The answer to a request that was refused."""
        return self.answer(refusal.status, str(refusal), refusal.headers)

    def unavailable(self, request: AnyRequest, error: StorageError) -> Response[bytes]:
        """The answer while the database is away or not laid out."""
        _log.warning("no report", path=request.scope["path"], reason=str(error))
        return self.refused(request, Unavailable(f"No report at the moment: {error}"))

    def misrouted(self, request: AnyRequest, error: HTTPException) -> Response[bytes]:
        """The answer to a path or method that no route has."""
        method, path = request.scope["method"], request.scope["path"]
        return self.answer(error.status_code, f"Cannot {method} {path}", error.headers)

    def failed(self, request: AnyRequest, error: Exception) -> Response[bytes]:
        """The answer to a defect of ours, which is logged with its stack."""
        _log.error("request failed", path=request.scope["path"], exc_info=error)
        return self.answer(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal server error")


class ProblemDetails(msgspec.Struct, frozen=True):
    """The body of every error of our own endpoints (RFC 9457)."""

    title: str
    status: int
    detail: str
    type: str = "about:blank"


PROBLEM_DETAILS: Final = ErrorShape(
    lambda status, message: ProblemDetails(reason_phrase(status), status, message),
    "application/problem+json",
)
