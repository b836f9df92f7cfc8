"""One call with its path through the flow, costs and events: `GET /call-report/call/{callId}`.

As the other reports of this vendor: a required key is null where unknown, an optional one absent.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, field

from shared.contracts.amounts import nano_decimal
from shared.contracts.instants import us_text_ms
from shared.folds.attempt import KEY_SEPARATOR, AttemptState
from shared.reports.arithmetic import Money, money
from shared.reports.billing import ChargeRow, charged_type
from shared.reports.call_timeline import CallEvent, call_events, dialed_us
from shared.reports.flow_runs import FlowRun, NamedStep, step_start_us

_decode_values = msgspec.json.Decoder(dict[str, Raw]).decode


class CallDetails(Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """The line."""

    #: As in the call history.
    status: str | None
    direction: str | None
    from_: str | None = field(name="from")
    to: str | None
    created_at: str
    dialed_at: str | UnsetType = UNSET
    answered_at: str | UnsetType = UNSET
    terminated_at: str | UnsetType = UNSET
    duration_ms: int | UnsetType = UNSET


class PathEntry(Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """One step."""

    node_id: str
    node_type: str
    node_label: str | UnsetType = UNSET
    output_path: str | UnsetType = UNSET
    timestamp: str


class FlowExecution(Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """How the flow ran."""

    flow_id: str | None
    flow_name: str | None
    flow_version: int | None
    execution_path: list[PathEntry]
    final_variables: dict[str, Raw]
    node_execution_count: int
    flow_started_at: str | UnsetType = UNSET
    flow_completed_at: str | UnsetType = UNSET


class NodeCost(Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """Charges of one node; of the tariff behind them nothing is known."""

    node_id: str | None
    node_type: str
    duration_ms: int | None
    cost: Money
    cost_per_unit: Money | None = None
    unit: str | None = None
    min_duration_ms: int | None = None


class CallBilling(Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """What the call cost; the nodes sum to the total."""

    nodes: list[NodeCost]
    total_cost: Money


class CallReport(Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """The answer."""

    call_id: str
    attempt: int
    program_id: str | UnsetType = UNSET
    program_execution_id: str | UnsetType = UNSET
    contact_id: str | UnsetType = UNSET
    call: CallDetails
    outcome: str | None
    outcome_reason: str | UnsetType = UNSET
    flow_execution: FlowExecution | UnsetType = UNSET
    billing: CallBilling | UnsetType = UNSET
    events: list[CallEvent]


def call_report(run: FlowRun) -> CallReport:
    """The report of an attempt that is a call."""
    state, row, plan = run.state, run.row, run.execution.plan
    steps, types = run.steps, run.node_types
    ended: dict[str, Any] = state.ended[4] if state.ended else {}
    return CallReport(
        call_id=run.attempt_id,
        attempt=row.attempt,
        program_id=row.program_id or (plan.program_id if plan else None) or UNSET,
        program_execution_id=row.execution_id or UNSET,
        contact_id=row.contact_id or UNSET,
        call=CallDetails(
            status=row.status,
            direction=row.direction,
            from_=row.from_number,
            to=row.to_number,
            created_at=us_text_ms(row.started_us),
            dialed_at=_instant(dialed_us(state)),
            answered_at=_instant(row.answered_us),
            terminated_at=_instant(row.ended_us),
            duration_ms=UNSET if row.duration_ms is None else row.duration_ms,
        ),
        outcome=row.outcome,
        outcome_reason=ended.get("hangupReason", ended.get("error", UNSET)),
        flow_execution=_flow_execution(run, steps, types) if state.is_run else UNSET,
        billing=_billing(state, types) if state.charges else UNSET,
        events=call_events(state, row, steps, types),
    )


def _flow_execution(
    run: FlowRun, steps: Sequence[NamedStep], types: Mapping[str, str]
) -> FlowExecution:
    state, flow, plan, nodes = run.state, run.flow, run.execution.plan, run.nodes
    name = flow.name if flow else None
    if plan is not None and plan.flow_id == run.choice.flow_id:
        name = name or plan.flow_name
    path = []
    for _step_id, step in steps:
        node_id = step.named[4]
        label = nodes[node_id].label if node_id in nodes else None
        output = step.exited[4] if step.exited else None
        path.append(
            PathEntry(
                node_id=node_id,
                node_type=types[node_id],
                node_label=UNSET if label is None else label,
                output_path=UNSET if output is None else output,
                timestamp=us_text_ms(step_start_us(step)),
            )
        )
    started = [step_start_us(step) for _step_id, step in steps[:1]]
    if state.run_started is not None:
        started.append(state.run_started[0])
    completed_us = run.row.ended_us if state.run_ended_us is None else state.run_ended_us
    return FlowExecution(
        flow_id=run.choice.flow_id,
        # An empty name is null.
        flow_name=name or None,
        flow_version=flow.version if flow else run.choice.flow_version,
        execution_path=path,
        final_variables=_final_variables(state),
        node_execution_count=len(steps),
        flow_started_at=_instant(min(started, default=None)),
        flow_completed_at=_instant(completed_us),
    )


def _final_variables(state: AttemptState) -> dict[str, Raw]:
    """The last value of each variable; what `run.ended` says of it is the final one."""
    values = {name: Raw(fact[4] or b"null") for name, fact in state.variables.items()}
    final: bytes | None = state.run_ended[4].get("variables") if state.run_ended else None
    if final is not None:
        values |= _decode_values(final)
    return dict(sorted(values.items()))


def _billing(state: AttemptState, types: Mapping[str, str]) -> CallBilling:
    """Charges by node and type, by cost descending, then by type and node."""
    sums: dict[tuple[str, str], list[int]] = {}
    for key, (nano, charges, duration_ms, durations) in state.charges.items():
        said_type, node_id, component = key.split(KEY_SEPARATOR)
        amount = nano_decimal(int(nano))
        charge = ChargeRow(
            said_type, node_id, component, charges, amount, durations, int(duration_ms)
        )
        numbers = sums.setdefault((charged_type(charge, types), node_id), [0, 0, 0])
        for index, number in enumerate((int(nano), durations, int(duration_ms))):
            numbers[index] += number
    ranked = sorted(sums.items(), key=lambda item: (-item[1][0], item[0]))
    return CallBilling(
        nodes=[
            NodeCost(
                node_id=node_id or None,
                node_type=node_type,
                duration_ms=duration_ms if durations else None,
                cost=money(nano_decimal(nano)),
            )
            for (node_type, node_id), (nano, durations, duration_ms) in ranked
        ],
        total_cost=money(nano_decimal(sum(nano for nano, *_ in sums.values()))),
    )


def _instant(time_us: int | None) -> str | UnsetType:
    return UNSET if time_us is None else us_text_ms(time_us)
