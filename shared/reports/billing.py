"""What an execution cost: `GET …/report/billing` (reports.md, Billing)."""

from collections.abc import Mapping
from decimal import Context, Decimal
from typing import NamedTuple

from msgspec import Struct

from shared.contracts.reference_events import FlowPublishedData
from shared.reports.arithmetic import Money, average_amount, money
from shared.reports.published_flows import (
    UNKNOWN_TYPE,
    OwnType,
    node_types,
    nodes_in_graph_order,
)

_NO_COMPONENT = "other"
#: Sums are exact: no sum of amounts of events.md comes near so many digits.
_EXACT = Context(prec=200)


class ChargeRow(NamedTuple):
    """Charges that say the same node type, node and component; empty where they say none."""

    node_type: str
    node_id: str
    component: str
    charges: int
    cost: Decimal
    #: Charges that say a duration, and the sum of those durations.
    durations: int
    duration_ms: int


class StepRow(NamedTuple):
    """Steps of one node that carry the same type of their own, empty where they say none."""

    node_id: str
    node_type: str
    steps: int
    #: Steps whose duration is known, and the sum of those durations.
    durations: int
    duration_ms: int


class TopRow(NamedTuple):
    """One of the dearest attempts."""

    attempt_id: str
    contact_id: str | None
    cost: Decimal
    #: None where unknown, and of runs and SMS.
    duration_ms: int | None


class BillingRows(Struct, frozen=True, gc=False):
    """What the query of the billing report gives."""

    #: Sum of all charges of the execution's attempts.
    cost: Decimal
    #: Attempts whose own sum of charges is above 0.
    billable: int
    charges: list[ChargeRow]
    steps: list[StepRow]
    #: Dearest first, at a tie by id.
    top: list[TopRow]


class BillingSummary(Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """The sums over every attempt: calls, runs, lone SMS."""

    total_credits_used: Money
    billable_calls_count: int
    average_cost_per_call: Money


class NodeTypeCost(Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """What one type of node cost."""

    node_type: str
    total_cost: Money
    execution_count: int
    total_duration_ms: int | None


class CostlyCall(Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """An attempt; the vendor calls all of them calls."""

    call_id: str
    contact_id: str | None
    total_cost: Money
    duration_ms: int | None


class BillingReport(Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """The answer."""

    execution_id: str
    summary: BillingSummary
    by_node_type: list[NodeTypeCost]
    top_costly_calls: list[CostlyCall]


class _Usage(Struct, gc=False):
    """Steps or charges of one node type."""

    count: int = 0
    durations: int = 0
    duration_ms: int = 0

    def add(self, count: int, durations: int, duration_ms: int) -> None:
        self.count += count
        self.durations += durations
        self.duration_ms += duration_ms


def billing_report(
    execution_id: str, flow: FlowPublishedData | None, rows: BillingRows
) -> BillingReport:
    """The sums, the node types by cost, and the dearest attempts."""
    return BillingReport(
        execution_id=execution_id,
        summary=billing_summary(rows.cost, rows.billable),
        by_node_type=_by_node_type(flow, rows),
        top_costly_calls=[
            CostlyCall(
                call_id=row.attempt_id,
                contact_id=row.contact_id,
                total_cost=money(row.cost),
                duration_ms=row.duration_ms,
            )
            for row in rows.top
        ],
    )


def billing_summary(cost: Decimal, billable: int) -> BillingSummary:
    """The sums of an execution, also part of its main report."""
    return BillingSummary(
        total_credits_used=money(cost),
        billable_calls_count=billable,
        average_cost_per_call=money(average_amount(cost, billable)),
    )


def _by_node_type(flow: FlowPublishedData | None, rows: BillingRows) -> list[NodeTypeCost]:
    """Node types that have charges, by cost descending, then by name."""
    types = node_types(
        nodes_in_graph_order(flow),
        (OwnType(row.node_id, row.node_type, row.steps) for row in rows.steps),
    )
    costs: dict[str, Decimal] = {}
    charged: dict[str, _Usage] = {}
    for row in rows.charges:
        node_type = charged_type(row, types)
        costs[node_type] = _EXACT.add(costs.get(node_type, Decimal(0)), row.cost)
        charged.setdefault(node_type, _Usage()).add(row.charges, row.durations, row.duration_ms)
    ran: dict[str, _Usage] = {}
    for step in rows.steps:
        usage = ran.setdefault(types.get(step.node_id, UNKNOWN_TYPE), _Usage())
        usage.add(step.steps, step.durations, step.duration_ms)
    ranked = sorted(costs.items(), key=lambda item: (-item[1], item[0]))
    return [
        _node_type_cost(node_type, cost, ran.get(node_type, charged[node_type]))
        for node_type, cost in ranked
    ]


def charged_type(row: ChargeRow, types: Mapping[str, str]) -> str:
    """The node type that a charge falls under, so that the costs sum to the total."""
    if row.node_type:
        return row.node_type
    of_node = types.get(row.node_id, UNKNOWN_TYPE)
    if of_node != UNKNOWN_TYPE:
        return of_node
    return row.component or _NO_COMPONENT


def _node_type_cost(node_type: str, cost: Decimal, usage: _Usage) -> NodeTypeCost:
    return NodeTypeCost(
        node_type=node_type,
        total_cost=money(cost),
        execution_count=usage.count,
        total_duration_ms=usage.duration_ms if usage.durations else None,
    )
