"""Why a request gets no report: one exception a reason, worded later in the vendor's shape."""

from collections.abc import Mapping
from typing import ClassVar

_RETRY_AFTER_S = 5


class Refusal(Exception):  # noqa: N818 -- an answer like any other, not a defect
    """The request is answered with an error; the message is for whoever sent it."""

    status: ClassVar[int]
    headers: ClassVar[Mapping[str, str]] = {}


class BadRequest(Refusal):
    """A parameter is impossible; the message names it."""

    status = 400


class Unauthorized(Refusal):
    """No key, or one that is unknown, revoked or expired."""

    status = 401
    headers: ClassVar[Mapping[str, str]] = {"www-authenticate": "Bearer"}


class Forbidden(Refusal):
    """The key does not allow this."""

    status = 403


class NotFound(Refusal):
    """There is no such thing in the key's organization."""

    status = 404


class Unavailable(Refusal):
    """It may work in a few seconds."""

    status = 503
    headers: ClassVar[Mapping[str, str]] = {"retry-after": str(_RETRY_AFTER_S)}
