"""Errors in the shape of the program-execution vendor: NestJS' `{statusCode, message, error}`."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException

from services.read_api.answers import JSON_MEDIA_TYPE
from shared.errors import StorageError
from shared.web_edge.refusals import Refusal, Unavailable

_log = structlog.get_logger()
_encode = msgspec.json.Encoder().encode


class VendorError(msgspec.Struct, frozen=True, rename="camel"):
    """The body of every error."""

    status_code: int
    message: str
    error: str


def error_answer(
    status: int, message: str, headers: Mapping[str, str] | None = None
) -> Response[bytes]:
    """An error in the vendor's shape."""
    body = _encode(VendorError(status, message, HTTPStatus(status).phrase))
    return Response(
        body,
        status_code=status,
        headers={"cache-control": "no-store", **(headers or {})},
        media_type=JSON_MEDIA_TYPE,
    )


def refused(_request: Request[Any, Any, Any], refusal: Refusal) -> Response[bytes]:
    """The answer to a request that was refused."""
    return error_answer(refusal.status, str(refusal), refusal.headers)


def unavailable(request: Request[Any, Any, Any], error: StorageError) -> Response[bytes]:
    """The answer while the database is away or not laid out."""
    _log.warning("no report", path=request.scope["path"], reason=str(error))
    return refused(request, Unavailable(f"No report at the moment: {error}"))


def misrouted(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """The answer to a path or method that no route has."""
    method, path = request.scope["method"], request.scope["path"]
    return error_answer(error.status_code, f"Cannot {method} {path}", error.headers)


def failed(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The answer to a defect of ours, which is logged with its stack."""
    _log.error("request failed", path=request.scope["path"], exc_info=error)
    return error_answer(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal server error")
