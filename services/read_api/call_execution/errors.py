"""Errors in the shape of the call-execution vendor: `{error, message}`."""

from typing import Final

import msgspec

from services.read_api.error_shape import ErrorShape


class VendorError(msgspec.Struct, frozen=True):
    """The body of every error."""

    #: The HTTP status.
    error: int
    message: str


ERRORS: Final = ErrorShape(VendorError)
