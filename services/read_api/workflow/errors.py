"""Errors in the shape of the workflow vendor: `{success: false, error: {code, message}}`.

The vendor's codes are AREA-nnn; ours say the area of the status, and the status.
"""

from http import HTTPStatus
from typing import Final

import msgspec

from services.read_api.error_shape import ErrorShape

_AREAS: Final = {
    HTTPStatus.UNAUTHORIZED: "AUTH",
    HTTPStatus.FORBIDDEN: "ACCT",
    HTTPStatus.NOT_FOUND: "WORK",
    HTTPStatus.TOO_MANY_REQUESTS: "RATE",
}


class ErrorDetail(msgspec.Struct, frozen=True):
    """What went wrong."""

    code: str
    message: str


class VendorError(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every error."""

    success: bool = False
    error: ErrorDetail


def error_code(status: int) -> str:
    """AUTH-401, ACCT-403, WORK-404, RATE-429, else REQ-4xx and SERV-5xx."""
    other = "REQ" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "SERV"
    return f"{_AREAS.get(HTTPStatus(status), other)}-{status}"


ERRORS: Final = ErrorShape(
    lambda status, message: VendorError(error=ErrorDetail(error_code(status), message))
)
