"""What the document says of the events behind an attempt."""

from typing import Final

from services.read_api.attempt_events.routes import NOT_FOUND, AttemptEvents
from services.read_api.documents.operations import Interface, Operation, by_name, path_id
from services.read_api.error_shape import PROBLEM_DETAILS, ProblemDetails

INTERFACE: Final = Interface(
    key="AttemptEvents",
    title="Attempt events",
    words="What was published about a call, a run or a lone SMS.",
    shape=PROBLEM_DETAILS,
    error=ProblemDetails,
    refusals={404: NOT_FOUND},
    path_parameters=by_name(path_id("attempt_id", "The call, run or SMS.", "call-1")),
    operations=(
        Operation(
            id="getAttemptEvents",
            path="/v1/attempts/{attempt_id}/events",
            summary="The events that were folded into an attempt, as they were published",
            words="By time; duplicates, conflicts and parked events are not in it.",
            answer=AttemptEvents,
        ),
    ),
)
