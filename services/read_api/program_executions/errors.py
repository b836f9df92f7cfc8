"""Errors in the shape of the program-execution vendor, with its name for an unknown execution."""

from http import HTTPStatus
from typing import Final

from services.read_api.error_shape import ErrorShape
from services.read_api.program_execution.errors import VendorError
from shared.web_edge.reason_phrases import reason_phrase

_NAMES: Final = {HTTPStatus.NOT_FOUND: "ExecutionNotFoundError"}

ERRORS: Final = ErrorShape(
    lambda status, message: VendorError(
        status, message, _NAMES.get(HTTPStatus(status), reason_phrase(status))
    )
)
