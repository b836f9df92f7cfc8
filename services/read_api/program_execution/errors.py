"""Errors in the shape of the program-execution vendor: NestJS' `{statusCode, message, error}`."""

from typing import Final

import msgspec

from services.read_api.error_shape import ErrorShape
from shared.web_edge.reason_phrases import reason_phrase


class VendorError(msgspec.Struct, frozen=True, rename="camel"):
    """The body of every error."""

    status_code: int
    message: str
    error: str


ERRORS: Final = ErrorShape(
    lambda status, message: VendorError(status, message, reason_phrase(status))
)
