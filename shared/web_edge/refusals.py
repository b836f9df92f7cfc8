"""Why a request is refused: one exception a reason, worded later in the shape of an interface."""

from collections.abc import Mapping
from typing import ClassVar

_RETRY_AFTER_S = 5


class Refusal(Exception):  # noqa: N818 -- an answer like any other, not a defect
    """The request is answered with an error; the message is for whoever sent it."""

    status: ClassVar[int]
    headers: Mapping[str, str] = {}


class BadRequest(Refusal):
    """A parameter, a header or the body cannot be read; the message names it."""

    status = 400


class Unauthorized(Refusal):
    """No key, or one that is unknown, revoked or expired."""

    status = 401
    headers: Mapping[str, str] = {"www-authenticate": "Bearer"}


class Forbidden(Refusal):
    """The key does not allow this."""

    status = 403


class NotFound(Refusal):
    """There is no such thing in the key's organization."""

    status = 404


class TooSlow(Refusal):
    """The body did not arrive in time."""

    status = 408


class TooLarge(Refusal):
    """The request is over a limit; the message names it."""

    status = 413


class UnsupportedMediaType(Refusal):
    """The body is of a type or coding that is not understood; the message names those that are."""

    status = 415


class Busy(Refusal):
    """This process holds as much as it may; a moment later it may work."""

    status = 429
    headers: Mapping[str, str] = {"retry-after": "1"}


class TooManyRequests(Refusal):
    """The key or token has used up what it may ask in this time."""

    status = 429

    def __init__(self, message: str, retry_after_s: int) -> None:
        """It works again after so many seconds."""
        super().__init__(message)
        self.headers = {"retry-after": str(retry_after_s)}


class Unavailable(Refusal):
    """A server behind us is away or full; it may work in a few seconds."""

    status = 503
    headers: Mapping[str, str] = {"retry-after": str(_RETRY_AFTER_S)}
