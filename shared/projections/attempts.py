"""An attempt's row of the call history, and what it adds to the tallies.

Sources: events.md, section 3 (attempt, step, outcome); reports.md, Call metrics, Duration of a
call, Node stats, Billing.
"""

from decimal import Decimal
from typing import Any, Final, NamedTuple

from shared.contracts.amounts import nano_decimal
from shared.contracts.numbers import item_number
from shared.folds.attempt import KEY_SEPARATOR, AttemptState, Step
from shared.folds.facts import merged_keys
from shared.limits import DTMF_CHARS_MAX
from shared.projections.attempt_statuses import call_status, campaign_status, workflow_status
from shared.projections.contributions import AttemptTally, Contribution, CostTally, NodeTally

ONGOING: Final = "ongoing"
#: Outcomes that the call history shows as they are; any other shows as `failed`.
HISTORY_OUTCOMES: Final = frozenset(
    {"completed", "voicemail", "no_answer", "busy", "rejected", "failed"}
)
#: Where inputs count that are too long to be shown.
OTHER_DIGITS: Final = "other"


class AttemptRow(NamedTuple):
    """The columns of `attempts` that follow the state, in their order."""

    kind: str
    execution_id: str | None
    contact_id: str | None
    attempt: int
    from_number: str | None
    to_number: str | None
    direction: str | None
    status: str | None
    outcome: str | None
    flow_outcome: str | None
    started_us: int
    answered_us: int | None
    ended_us: int | None
    duration_ms: int | None
    #: None where nothing was ever charged.
    total_cost: Decimal | None
    #: The integer that stands for the id where an interface has integers.
    number: int
    #: What the attempt's own events say; the execution's hold where they say nothing.
    program_id: str | None
    flow_id: str | None
    agent_id: str | None
    batch_id: str | None
    provider: str | None
    campaign_status: str | None
    call_status: str | None
    workflow_status: str | None


def attempt_kind(state: AttemptState) -> str:
    """What the attempt is: call, run or sms (events.md, section 3)."""
    if state.is_call:
        return "call"
    if state.is_run:
        return "run"
    return "sms" if state.is_sms else "call"


def attempt_row(attempt_id: str, state: AttemptState) -> AttemptRow:
    """The attempt as lists and exports show it."""
    kind = attempt_kind(state)
    of_call = kind == "call"
    said = _said(state, kind)
    ended: dict[str, Any] = state.ended[4] if state.ended else {}
    outcome = call_outcome(state) if of_call else None
    status = None
    if of_call:
        status = ONGOING if outcome is None else history_status(outcome)
    flow_outcome = ended.get("flowOutcome", _run_outcome(state))
    return AttemptRow(
        kind=kind,
        execution_id=state.execution[4] if state.execution else None,
        contact_id=said.get("contactId"),
        attempt=said.get("attempt", 1),
        from_number=said.get("from"),
        to_number=said.get("to"),
        direction=said.get("direction", "outbound") if of_call else None,
        status=status,
        outcome=outcome,
        flow_outcome=flow_outcome,
        started_us=state.first_us,
        answered_us=state.answered_us,
        ended_us=state.ended_us if of_call else state.run_ended_us,
        duration_ms=call_duration_ms(state) if of_call else None,
        total_cost=nano_decimal(_cost_nano(state)) if state.charges else None,
        number=item_number(attempt_id),
        program_id=said.get("programId"),
        flow_id=said.get("flowId"),
        agent_id=said.get("agentId"),
        batch_id=said.get("batchId"),
        provider=said.get("provider"),
        campaign_status=campaign_status(state, kind, outcome),
        call_status=call_status(state, outcome) if of_call else None,
        workflow_status=workflow_status(state, kind, outcome, flow_outcome),
    )


def _cost_nano(state: AttemptState) -> int:
    return sum(int(charged[0]) for charged in state.charges.values())


def _said(state: AttemptState, kind: str) -> dict[str, Any]:
    """Whom it reaches and for what: call.initiated's keys, else run.started's, else the SMS's."""
    initiated = state.initiated
    said = initiated[0][4] if len(initiated) == 1 else merged_keys(initiated)
    if state.run_started is not None:
        said = {**state.run_started[4], **said}
    if kind == "sms":
        requested = [m.requested for m in state.messages.values() if m.requested]
        said = max(requested)[4] if requested else {}
    return said


def _run_outcome(state: AttemptState) -> str | None:
    return state.run_ended[4].get("outcome") if state.run_ended else None


def call_outcome(state: AttemptState) -> str | None:
    """The outcome as said, else derived; None until `call.ended` (events.md, after Call)."""
    if state.ended is None:
        return None
    said: str | None = state.ended[4].get("outcome")
    if said is not None:
        return said
    if state.answered_by is not None and state.answered_by[4] == "machine":
        return "voicemail"
    return "failed" if state.answered_us is None else "completed"


def history_status(outcome: str) -> str:
    """How the call history shows an outcome (reports.md, Call metrics)."""
    return outcome if outcome in HISTORY_OUTCOMES else "failed"


def call_duration_ms(state: AttemptState) -> int | None:
    """Milliseconds of talk, None where unknown (reports.md, Duration of a call)."""
    if state.ended is None or state.ended_us is None:
        return None
    said: int | None = state.ended[4].get("durationMs")
    if said is not None:
        return said
    if state.answered_us is None:
        return None
    return max(0, state.ended_us - state.answered_us) // 1000


def step_duration_ms(step: Step, exited_us: int) -> int:
    """Milliseconds of a step that was exited then (events.md, step)."""
    taken_us = exited_us - (step.first_us if step.entered_us is None else step.entered_us)
    return taken_us // 1000 if taken_us > 0 else 0


def attempt_contribution(state: AttemptState, row: AttemptRow) -> Contribution:
    """What the attempt adds to the tallies of its execution."""
    item = None
    if row.campaign_status is not None and (row.program_id or row.execution_id) is not None:
        item = (row.program_id or "", row.campaign_status)
    if row.execution_id is None:
        return Contribution(mentions=state.executions, item=item)
    cost_nano = _cost_nano(state)
    attempt: AttemptTally = (
        row.kind,
        row.attempt if row.kind == "call" else 1,
        row.status or "",
        int(row.flow_outcome == "completed"),
        int(row.duration_ms is not None),
        row.duration_ms or 0,
        int(cost_nano > 0),
        cost_nano,
    )
    nodes: list[NodeTally] = []
    digits: dict[tuple[str, str], int] = {}
    if state.steps:
        nodes = _node_tallies(state, digits)
    return Contribution(
        mentions=state.executions,
        execution_id=row.execution_id,
        attempt=attempt,
        item=item,
        nodes=nodes,
        digits=[(*key, steps) for key, steps in sorted(digits.items())],
        costs=_cost_tallies(state),
    )


def _node_tallies(state: AttemptState, digits: dict[tuple[str, str], int]) -> list[NodeTally]:
    """Steps by node and own type; fills `digits` on the way.

    That the attempt reached a node counts once, at the smallest of the types that its steps say.
    """
    found: dict[tuple[str, str], list[int]] = {}
    for step in state.steps.values():
        node_id, node_type = step.named[4], step.named[5]
        if node_type is None:
            node_type = "" if step.typed is None else step.typed[4]
        numbers = found.get((node_id, node_type))
        if numbers is None:
            numbers = found[node_id, node_type] = [0, 0, 0]
        numbers[0] += 1
        if step.exited is not None:
            numbers[1] += 1
            numbers[2] += step_duration_ms(step, step.exited[0])
        if step.digits is not None:
            text = step.digits[4]
            key = (node_id, text if len(text) <= DTMF_CHARS_MAX else OTHER_DIGITS)
            digits[key] = digits.get(key, 0) + 1
    tallies: list[NodeTally] = []
    last_node_id = None
    for (node_id, node_type), (steps, durations, duration_ms) in sorted(found.items()):
        unique = int(node_id != last_node_id)
        tallies.append((node_id, node_type, unique, steps, durations, duration_ms))
        last_node_id = node_id
    return tallies


def _cost_tallies(state: AttemptState) -> list[CostTally]:
    """Charges as billing groups them: by type where one is said, else by node and component."""
    sums: dict[tuple[str, str, str], list[int]] = {}
    for key, (nano, charges, duration_ms, durations) in state.charges.items():
        node_type, node_id, component = key.split(KEY_SEPARATOR)
        group = (node_type, "", "") if node_type else ("", node_id, component)
        numbers = sums.setdefault(group, [0, 0, 0, 0])
        for index, number in enumerate((charges, int(nano), durations, int(duration_ms))):
            numbers[index] += number
    return [(*group, *_four(numbers)) for group, numbers in sorted(sums.items())]


def _four(numbers: list[int]) -> tuple[int, int, int, int]:
    charges, cost_nano, durations, duration_ms = numbers
    return charges, cost_nano, durations, duration_ms
