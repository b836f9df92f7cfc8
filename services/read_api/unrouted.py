"""What is said on a path or method that no route has: in the shape of the interface it lies in."""

from collections.abc import Callable
from typing import Any, Final

from litestar import Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from services.read_api.call_execution.errors import ERRORS as OF_CALL_EXECUTIONS
from services.read_api.campaigns.errors import ERRORS as OF_CAMPAIGNS
from services.read_api.error_shape import PROBLEM_DETAILS, AnyRequest, ErrorShape
from services.read_api.program_execution.errors import ERRORS as OF_PROGRAM_EXECUTIONS
from services.read_api.workflow.errors import ERRORS as OF_WORKFLOWS

_SHAPES: Final = (
    ("/program-execution", OF_PROGRAM_EXECUTIONS),
    ("/call-report", OF_PROGRAM_EXECUTIONS),
    ("/api/v1/campaigns", OF_CAMPAIGNS),
    ("/executions", OF_CALL_EXECUTIONS),
    ("/agent", OF_CALL_EXECUTIONS),
    ("/v2/agent", OF_CALL_EXECUTIONS),
    ("/batches", OF_CALL_EXECUTIONS),
    ("/v1/accounts", OF_WORKFLOWS),
)


def _shape(path: str) -> ErrorShape:
    for prefix, shape in _SHAPES:
        if path.startswith(prefix):
            return shape
    return PROBLEM_DETAILS


def _in_shape(
    answer: Callable[[ErrorShape, AnyRequest, Any], Response[bytes]],
) -> Callable[[AnyRequest, Any], Response[bytes]]:
    def handle(request: AnyRequest, error: Any) -> Response[bytes]:
        return answer(_shape(request.scope["path"]), request, error)

    return handle


UNROUTED: Final[ExceptionHandlersMap] = {
    HTTPException: _in_shape(ErrorShape.misrouted),
    Exception: _in_shape(ErrorShape.failed),
}
