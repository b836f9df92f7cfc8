"""A call execution: `GET /executions/{execution_id}` and the items of the lists beside it.

Source: reports.md, Call execution. The id is a call's; everything follows from the call's own
events and the row of the execution that it belongs to.
"""

from decimal import Decimal
from typing import Any, Final, NamedTuple

from msgspec import UNSET, Raw, Struct, UnsetType

from shared.contracts.amounts import amount_nano, nano_decimal
from shared.contracts.event_types import Kind
from shared.contracts.instants import us_text_s
from shared.folds.attempt import KEY_SEPARATOR, AttemptState
from shared.folds.facts import merged_keys
from shared.folds.states import FOLDS
from shared.projections.attempts import AttemptRow, attempt_row
from shared.projections.subjects import ExecutionRow
from shared.reports.arithmetic import Money, money, whole_seconds

#: Always there in `cost_breakdown`, in this order; other components follow by name.
COMPONENTS: Final = ("llm", "network", "platform", "synthesizer", "transcriber")
#: JSON that leaves as it was published.
HandedThrough = Raw

_decode_state: Final = FOLDS[Kind.ATTEMPT].decode


class CallRow(NamedTuple):
    """What the queries give of a call."""

    call_id: str
    #: Of its attempt, encoded.
    state: bytes
    #: The row of the execution that it belongs to; None where that has no event of its own.
    execution: ExecutionRow | None


class TelephonyData(Struct, frozen=True, kw_only=True, gc=False):
    """The line."""

    #: Whole seconds, 0 while unknown.
    duration: int
    to_number: str | None
    from_number: str | None
    recording_url: str | None
    hosted_telephony: bool | None
    provider_call_id: str | None
    call_type: str | None
    provider: str | None
    hangup_by: str | None
    hangup_reason: str | None
    hangup_provider_code: int | None


class TransferCallData(Struct, frozen=True, kw_only=True, gc=False):
    """The leg that the call was handed to."""

    provider_call_id: str | None
    status: str
    #: Whole seconds.
    duration: int | None
    #: Cents.
    cost: Money | None
    to_number: str
    from_number: str
    recording_url: str | None
    hangup_by: str | None
    hangup_reason: str | None
    hangup_provider_code: int | None


class BatchRunDetails(Struct, frozen=True, kw_only=True, gc=False):
    """The execution that the call was made for; all but `retried` null without its own events."""

    status: str | None
    created_at: str | None
    updated_at: str | None
    #: Attempts before this one.
    retried: int


class CallExecution(Struct, frozen=True, kw_only=True, gc=False):
    """The answer."""

    id: str
    agent_id: str | None
    batch_id: str | None
    #: Whole seconds, 0 while unknown.
    conversation_time: int
    #: Cents.
    total_cost: Money
    status: str | None
    #: An outcome, so false until the call has ended.
    answered_by_voice_mail: bool
    transcript: str | None
    created_at: str
    updated_at: str
    #: Cents.
    cost_breakdown: dict[str, Money]
    telephony_data: TelephonyData
    transfer_call_data: TransferCallData | UnsetType = UNSET
    batch_run_details: BatchRunDetails | UnsetType = UNSET
    extracted_data: HandedThrough | None
    context_details: HandedThrough | None


def call_execution(call: CallRow) -> CallExecution:
    """The execution of a call."""
    call_id, encoded, execution = call
    state: AttemptState = _decode_state(encoded)
    row = attempt_row(call_id, state)
    initiated = merged_keys(state.initiated)
    agent_id, batch_id = row.agent_id, row.batch_id
    if execution is not None:
        agent_id, batch_id = agent_id or execution.agent_id, batch_id or execution.batch_id
    line = _telephony_data(state, row, initiated)
    analyzed: dict[str, Any] = state.analyzed[4] if state.analyzed else {}
    return CallExecution(
        id=call_id,
        agent_id=agent_id,
        batch_id=batch_id,
        conversation_time=line.duration,
        total_cost=money(row.total_cost or Decimal(0)),
        status=row.call_status,
        answered_by_voice_mail=row.outcome == "voicemail",
        transcript=None if state.transcribed is None else state.transcribed[4],
        created_at=us_text_s(state.first_us),
        updated_at=us_text_s(state.last_us),
        cost_breakdown=_cost_breakdown(state),
        telephony_data=line,
        transfer_call_data=_transfer_call_data(state),
        batch_run_details=UNSET if batch_id is None else _batch_run_details(row, execution),
        extracted_data=_handed_through(analyzed.get("extractedData")),
        context_details=_handed_through(initiated.get("context")),
    )


def _telephony_data(
    state: AttemptState, row: AttemptRow, initiated: dict[str, Any]
) -> TelephonyData:
    ended: dict[str, Any] = state.ended[4] if state.ended else {}
    return TelephonyData(
        duration=0 if row.duration_ms is None else whole_seconds(row.duration_ms),
        to_number=row.to_number,
        from_number=row.from_number,
        recording_url=_recording_url(state),
        hosted_telephony=initiated.get("hosted"),
        provider_call_id=initiated.get("providerCallId"),
        call_type=row.direction,
        provider=row.provider,
        hangup_by=ended.get("hangupBy"),
        hangup_reason=ended.get("hangupReason"),
        hangup_provider_code=ended.get("hangupCode"),
    )


def _recording_url(state: AttemptState) -> str | None:
    """Of the latest recording with a url and without a node.

    Of what was said of one recording only the winner stands (events.md, rule 3).
    """
    found = [recording.recorded for recording in state.recordings.values() if recording.recorded]
    found = [fact for fact in found if "url" in fact[4] and "nodeId" not in fact[4]]
    if not found:
        return None
    url: str = max(found, key=lambda fact: fact[:4])[4]["url"]
    return url


def _transfer_call_data(state: AttemptState) -> TransferCallData | UnsetType:
    if state.transferred is None:
        return UNSET
    said = state.transferred[4]
    duration_ms, cost = said.get("durationMs"), said.get("cost")
    return TransferCallData(
        provider_call_id=said.get("providerCallId"),
        status=said["status"],
        duration=None if duration_ms is None else whole_seconds(duration_ms),
        cost=None if cost is None else _cents(amount_nano(Raw(cost))),
        to_number=said["to"],
        from_number=said["from"],
        recording_url=said.get("recordingUrl"),
        hangup_by=said.get("hangupBy"),
        hangup_reason=said.get("hangupReason"),
        hangup_provider_code=said.get("hangupCode"),
    )


def _batch_run_details(row: AttemptRow, execution: ExecutionRow | None) -> BatchRunDetails:
    return BatchRunDetails(
        status=None if execution is None else execution.status,
        created_at=None if execution is None else us_text_s(execution.first_us),
        updated_at=None if execution is None else us_text_s(execution.last_us),
        retried=row.attempt - 1,
    )


def _cost_breakdown(state: AttemptState) -> dict[str, Money]:
    """Charges by component; those without one are in the total only."""
    sums = dict.fromkeys(COMPONENTS, 0)
    others: dict[str, int] = {}
    for key, (nano, *_numbers) in state.charges.items():
        component = key.rpartition(KEY_SEPARATOR)[2]
        if component:
            of_component = sums if component in sums else others
            of_component[component] = of_component.get(component, 0) + int(nano)
    sums.update(sorted(others.items()))
    return {component: _cents(nano) for component, nano in sums.items()}


def _cents(nano: int) -> Money:
    """Amounts are published in cents."""
    return money(nano_decimal(nano))


def _handed_through(text: bytes | None) -> HandedThrough | None:
    return None if text is None else Raw(text)
