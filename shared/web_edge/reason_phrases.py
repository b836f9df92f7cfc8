"""What a status is called in the bodies of errors (RFC 9110, section 15)."""

from http import HTTPStatus
from typing import Final

#: Named otherwise before Python 3.13; answers must not depend on the interpreter.
_SINCE_RFC_9110: Final = {413: "Content Too Large", 422: "Unprocessable Content"}


def reason_phrase(status: int) -> str:
    """The phrase of a status."""
    return _SINCE_RFC_9110.get(status) or HTTPStatus(status).phrase
