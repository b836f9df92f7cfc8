"""What each kind of subject adds to the tallies, and which columns it has beside its state."""

from collections.abc import Callable
from typing import Any, Final

from shared.contracts.event_types import Kind
from shared.folds.attempt import AttemptState
from shared.folds.contact import ContactState
from shared.projections.attempts import attempt_contribution, attempt_row
from shared.projections.contributions import NOTHING, Contribution

#: Columns after the contribution, and the contribution.
Projected = tuple[tuple[Any, ...], Contribution]


def _attempt(state: AttemptState) -> Projected:
    row = attempt_row(state)
    return row, attempt_contribution(state, row)


def _contact(state: ContactState) -> Projected:
    enrolments = [
        (execution_id, enrolment.status[4])
        for execution_id, enrolment in sorted(state.enrolments.items())
    ]
    return (), Contribution(mentions=state.executions, enrolments=enrolments)


def _reference(state: Any) -> Projected:
    return (), Contribution(mentions=state.executions) if state.executions else NOTHING


#: An execution is no mention of itself: its own row says that it exists.
PROJECT: Final[dict[str, Callable[[Any], Projected]]] = {
    Kind.FLOW.value: _reference,
    Kind.ATTRIBUTE.value: _reference,
    Kind.EXECUTION.value: lambda _state: ((), NOTHING),
    Kind.CONTACT.value: _contact,
    Kind.ATTEMPT.value: _attempt,
}
