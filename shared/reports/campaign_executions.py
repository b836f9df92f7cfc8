"""The attempts of a campaign, newest first: `GET /api/v1/campaigns/{id}/executions`.

Source of every rule: reports.md, Campaign executions. An item is a call, a lone SMS, or a contact
that was skipped without any attempt.
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from msgspec import UNSET, Raw, Struct, UnsetType

from shared.contracts.event_types import Kind
from shared.contracts.instants import us_text_s
from shared.contracts.numbers import item_number
from shared.folds.attempt import AttemptState
from shared.folds.contact import Enrolment
from shared.folds.facts import merged_keys
from shared.folds.states import FOLDS
from shared.reports.arithmetic import whole_seconds

#: Every status of an item; `status=` takes these.
ITEM_STATUSES: Final = (
    "pending",
    "in_progress",
    "completed",
    "failed",
    "no_answer",
    "busy",
    "voicemail",
    "skipped",
)
#: Of which the reason is told.
_WITH_ERROR_DETAILS: Final = frozenset({"failed", "no_answer", "busy", "skipped"})

_decode_attempt = FOLDS[Kind.ATTEMPT].decode
_decode_contact = FOLDS[Kind.CONTACT].decode


class Place(NamedTuple):
    """A place in the list: behind the item of this time and number."""

    executed_us: int
    number: int


class ItemRow(NamedTuple):
    """One item as the query gives it; of a skipped contact there is no attempt."""

    executed_us: int
    number: int
    attempt_id: str | None
    kind: str | None
    status: str | None
    to_number: str | None
    duration_ms: int | None
    outcome: str | None
    state: bytes | None
    execution_id: str | None
    contact_id: str | None
    first_name: str | None
    last_name: str | None
    phone: str | None
    #: Only where the profile lacks a name or a number, or no attempt says why there is none.
    contact_state: bytes | None

    @property
    def place(self) -> Place:
        """The place behind the item."""
        return Place(self.executed_us, self.number)


class CampaignRows(Struct, frozen=True, gc=False):
    """What the query gives."""

    #: Items that match the filter.
    total: int
    #: So many as were asked for, and one more where there is one.
    items: list[ItemRow]


class ExecutionData(Struct, frozen=True, kw_only=True, gc=False):
    """What is known of an item; absent keys are not known, or do not apply."""

    from_number: str | UnsetType = UNSET
    to_number: str | UnsetType = UNSET
    personalized_welcome_message: str | UnsetType = UNSET
    personalized_agenda: str | UnsetType = UNSET
    template_variables_used: Raw | UnsetType = UNSET
    duration_seconds: int | UnsetType = UNSET
    error_details: str | UnsetType = UNSET
    retry_reason: str | UnsetType = UNSET
    voice_analytics: Raw | UnsetType = UNSET


class CampaignExecution(Struct, frozen=True, kw_only=True, gc=False):
    """One item; `execution_id` repeats `id`, as the vendor does."""

    id: int
    execution_id: int
    contact_id: int | None
    contact_name: str | None
    contact_phone: str | None
    status: str
    call_id: str | None
    sms_id: str | None
    executed_at: str
    execution_data: ExecutionData


class Pagination(Struct, frozen=True, kw_only=True, gc=False):
    """Where in a list a page lies."""

    page: int
    per_page: int
    total_items: int
    total_pages: int
    has_next: bool
    has_prev: bool


class CampaignExecutions(Struct, frozen=True, kw_only=True, gc=False):
    """The answer."""

    executions: list[CampaignExecution]
    pagination: Pagination


def pagination(page: int, per_page: int, total: int, *, has_next: bool) -> Pagination:
    """Where a page lies among so many items, of which more may follow than the count says."""
    return Pagination(
        page=page,
        per_page=per_page,
        total_items=total,
        total_pages=-(-total // per_page),
        has_next=has_next,
        has_prev=page > 1,
    )


def campaign_execution(row: ItemRow) -> CampaignExecution:
    """One item as it leaves."""
    state = None if row.state is None else _decode_attempt(row.state)
    enrolment = _enrolment(row)
    enrolled = enrolment.enrolled[4] if enrolment and enrolment.enrolled else {}
    name = " ".join(part for part in (row.first_name, row.last_name) if part)
    call_id, sms_id = (None, None) if state is None else _ids(row, state)
    return CampaignExecution(
        id=row.number,
        execution_id=row.number,
        contact_id=None if row.contact_id is None else item_number(row.contact_id),
        contact_name=name or enrolled.get("name") or None,
        contact_phone=row.phone or enrolled.get("phone") or row.to_number,
        status=row.status or "skipped",
        call_id=call_id,
        sms_id=sms_id,
        executed_at=us_text_s(row.executed_us),
        execution_data=_of_skipped(enrolment) if state is None else _of_attempt(row, state),
    )


def _enrolment(row: ItemRow) -> Enrolment | None:
    if row.contact_state is None or row.execution_id is None:
        return None
    enrolments: dict[str, Enrolment] = _decode_contact(row.contact_state).enrolments
    return enrolments.get(row.execution_id)


def _ids(row: ItemRow, state: AttemptState) -> tuple[str | None, str | None]:
    """Of a call the provider's id, else its own; of a lone SMS that of the message."""
    if row.kind == "call":
        return merged_keys(state.initiated).get("providerCallId", row.attempt_id), None
    return None, _requested(state).get("smsId", row.attempt_id)


def _requested(state: AttemptState) -> dict[str, Any]:
    """What the winning `sms.requested` says."""
    requested = [message.requested for message in state.messages.values() if message.requested]
    return max(requested)[4] if requested else {}


def _of_attempt(row: ItemRow, state: AttemptState) -> ExecutionData:
    reasons: tuple[str | None, ...] = ()
    if row.kind == "call":
        said, ended = merged_keys(state.initiated), state.ended[4] if state.ended else {}
        reasons = (ended.get("error"), ended.get("hangupReason"), row.outcome)
    else:
        statuses = [message.status for message in state.messages.values() if message.status]
        said, ended = _requested(state), {}
        if statuses:
            reasons = (max(statuses)[5].get("error"),)
    analyzed = state.analyzed[4] if state.analyzed else {}
    return ExecutionData(
        from_number=said.get("from", UNSET),
        to_number=said.get("to", UNSET),
        personalized_welcome_message=said.get("welcomeMessage", UNSET),
        personalized_agenda=said.get("agenda", UNSET),
        template_variables_used=_json(said.get("variables")),
        duration_seconds=UNSET if row.duration_ms is None else whole_seconds(row.duration_ms),
        error_details=_first(reasons) if row.status in _WITH_ERROR_DETAILS else UNSET,
        retry_reason=ended.get("retryReason", UNSET),
        voice_analytics=_json(analyzed.get("voiceAnalytics")),
    )


def _of_skipped(enrolment: Enrolment | None) -> ExecutionData:
    reason = enrolment.status[5].get("reason") if enrolment else None
    return ExecutionData(error_details=_first((reason,)))


def _first(texts: Iterable[str | None]) -> str | UnsetType:
    """The first that says something."""
    return next((text for text in texts if text), UNSET)


def _json(text: bytes | None) -> Raw | UnsetType:
    """JSON that is handed through as published."""
    return UNSET if text is None else Raw(text)
