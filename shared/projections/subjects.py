"""What each kind of subject adds to the tallies, and which columns it has beside its state."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from shared.contracts.contact_events import CONTACT_STATUSES
from shared.contracts.event_types import Kind
from shared.folds.attempt import AttemptState
from shared.folds.contact import ContactState
from shared.folds.execution import ExecutionState, execution_status
from shared.projections.attempts import attempt_contribution, attempt_row
from shared.projections.contributions import NOTHING, Contribution, EnrolmentTally

#: Columns after the contribution, and the contribution.
Projected = tuple[tuple[Any, ...], Contribution]


class ExecutionRow(NamedTuple):
    """The columns of `executions` that follow the state, in their order."""

    program_id: str | None
    flow_id: str | None
    agent_id: str | None
    batch_id: str | None
    status: str | None
    first_us: int
    last_us: int


class ContactRow(NamedTuple):
    """The columns of `contacts` that follow the state, in their order; empty texts are null."""

    first_name: str | None
    last_name: str | None
    phone: str | None
    email: str | None


class _Owners(msgspec.Struct, rename="camel"):
    """What a plan says of whom its attempts are."""

    program_id: str | None = None
    flow_id: str | None = None
    agent_id: str | None = None
    batch_id: str | None = None


_decode_owners = msgspec.json.Decoder(_Owners).decode


def _attempt(attempt_id: str, state: AttemptState) -> Projected:
    row = attempt_row(attempt_id, state)
    return row, attempt_contribution(state, row)


def _contact(contact_id: str, state: ContactState) -> Projected:
    enrolments: list[tuple[str, str]] = []
    enrolled: list[EnrolmentTally] = []
    for execution_id, enrolment in sorted(state.enrolments.items()):
        status_us, _, _, _, status, _ = enrolment.status
        enrolments.append((execution_id, status))
        number = CONTACT_STATUSES.index(status)
        enrolled.append((execution_id, contact_id, number, status_us, enrolment.first_us))
    said = {key: value[4] or None for key, value in state.profile.items()}
    row = ContactRow(
        said.get("firstName"), said.get("lastName"), said.get("phone"), said.get("email")
    )
    return row, Contribution(mentions=state.executions, enrolments=enrolments, enrolled=enrolled)


def _execution(_execution_id: str, state: ExecutionState) -> Projected:
    """It is no mention of itself: its own row says that it exists."""
    plan = state.scheduled
    said = _Owners() if plan is None else _decode_owners(plan[4])
    owners = (said.program_id, said.flow_id, said.agent_id, said.batch_id)
    row = ExecutionRow(*owners, execution_status(state), state.first_us, state.last_us)
    return row, NOTHING


def _reference(_subject_id: str, state: Any) -> Projected:
    return (), Contribution(mentions=state.executions) if state.executions else NOTHING


#: Subject id and state → what is kept of them.
PROJECT: Final[dict[str, Callable[[str, Any], Projected]]] = {
    Kind.FLOW.value: _reference,
    Kind.ATTRIBUTE.value: _reference,
    Kind.EXECUTION.value: _execution,
    Kind.CONTACT.value: _contact,
    Kind.ATTEMPT.value: _attempt,
}
