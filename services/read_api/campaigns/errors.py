"""Errors in the shape of the campaigns' vendor: FastAPI's `{"detail": …}`."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.types import ExceptionHandlersMap

from services.read_api.error_shape import ErrorShape
from services.read_api.query_parameters import InvalidParameter


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with one parameter."""

    #: `query` and the parameter's name.
    loc: Sequence[str]
    msg: str
    type: str = "value_error"


class VendorError(msgspec.Struct, frozen=True):
    """The body of every error; a list of problems where parameters are wrong."""

    detail: str | list[Problem]


ERRORS: Final = ErrorShape(lambda _status, message: VendorError(message))
_INVALID: Final = HTTPStatus.UNPROCESSABLE_ENTITY


def invalid(_request: Request[Any, Any, Any], error: InvalidParameter) -> Response[bytes]:
    """The answer to a query that cannot be read."""
    loc = ("query",) if error.name is None else ("query", error.name)
    problems = VendorError([Problem(loc=loc, msg=error.demand)])
    return ErrorShape(lambda _status, _message: problems).answer(_INVALID, error.demand)


HANDLERS: Final[ExceptionHandlersMap] = {**ERRORS.handlers, InvalidParameter: invalid}
