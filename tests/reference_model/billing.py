"""Billing of a program execution: `GET …/report/billing` and the summary in the main report."""

from __future__ import annotations

from typing import Any

from tests.reference_model.arithmetic import average_money, exact_sum
from tests.reference_model.attempts import amount_of
from tests.reference_model.executions import Execution
from tests.reference_model.flows import NodeTypes

TOP_CALLS_MAX = 10


def billing_report(execution: Execution) -> dict[str, Any]:
    """Body of the billing report."""
    return {
        "executionId": execution.id,
        "summary": billing_summary(execution),
        "byNodeType": _by_node_type(execution),
        "topCostlyCalls": _top_costly_calls(execution),
    }


def billing_summary(execution: Execution) -> dict[str, Any]:
    """Sum, number of billable attempts and their average."""
    costs = [attempt.cost for attempt in execution.attempts]
    billable = sum(cost > 0 for cost in costs)
    total = exact_sum(costs)
    return {
        "totalCreditsUsed": total,
        "billableCallsCount": billable,
        "averageCostPerCall": average_money(total, billable),
    }


def _by_node_type(execution: Execution) -> list[dict[str, Any]]:
    types = execution.node_types
    charges_by_type: dict[str, list[dict[str, Any]]] = {}
    for attempt in execution.attempts:
        for charge in attempt.charges:
            charges_by_type.setdefault(_charged_type(charge, types), []).append(charge)
    rows = [
        _node_type_row(node_type, charges, execution, types)
        for node_type, charges in charges_by_type.items()
    ]
    return sorted(rows, key=lambda row: (-row["totalCost"], row["nodeType"]))


def _charged_type(charge: dict[str, Any], types: NodeTypes) -> str:
    """The node type that a charge falls under."""
    if "nodeType" in charge:
        return str(charge["nodeType"])
    if "nodeId" in charge and types[charge["nodeId"]] != "unknown":
        return types[charge["nodeId"]]
    return str(charge.get("component", "other"))


def _node_type_row(
    node_type: str, charges: list[dict[str, Any]], execution: Execution, types: NodeTypes
) -> dict[str, Any]:
    """Count steps of the type, or its charges where it has no steps."""
    steps = [step for step in execution.steps if types[step.node_id] == node_type]
    durations_ms: list[int | None] = [step.duration_ms for step in steps]
    if not steps:
        durations_ms = [charge.get("durationMs") for charge in charges]
    known_ms = [duration_ms for duration_ms in durations_ms if duration_ms is not None]
    return {
        "nodeType": node_type,
        "totalCost": exact_sum(amount_of(charge) for charge in charges),
        "executionCount": len(durations_ms),
        "totalDurationMs": sum(known_ms) if known_ms else None,
    }


def _top_costly_calls(execution: Execution) -> list[dict[str, Any]]:
    dear = [attempt for attempt in execution.attempts if attempt.cost > 0]
    dear.sort(key=lambda attempt: (-attempt.cost, attempt.id))
    return [
        {
            "callId": attempt.id,
            "contactId": attempt.contact_id,
            "totalCost": attempt.cost,
            "durationMs": attempt.duration_ms,
        }
        for attempt in dear[:TOP_CALLS_MAX]
    ]
