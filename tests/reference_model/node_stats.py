"""Node statistics of a program execution: `GET …/report/node-stats`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from tests.reference_model.arithmetic import percentage
from tests.reference_model.executions import Execution
from tests.reference_model.flows import NodeTypes, nodes_in_graph_order

DIGITS_LENGTH_MAX = 4
BREAKDOWN_INPUTS_MAX = 50
OTHER = "other"


def node_stats(execution: Execution) -> dict[str, Any]:
    """Nodes of the flow in graph order, then those seen only in events, by id."""
    labels = {node["id"]: node.get("label") for node in nodes_in_graph_order(execution.flow)}
    seen = {step.node_id for step in execution.steps}
    attempts = execution.calls_and_runs
    completed = sum(attempt.flow_outcome == "completed" for attempt in attempts)
    types = execution.node_types
    return {
        "nodes": [
            _node_stat(execution, types, node_id, labels.get(node_id))
            for node_id in [*labels, *sorted(seen - labels.keys())]
        ],
        "totalCalls": len(attempts),
        "completedCalls": completed,
        "completionRate": percentage(completed, len(attempts)),
    }


def _node_stat(
    execution: Execution, types: NodeTypes, node_id: str, label: str | None
) -> dict[str, Any]:
    attempts = execution.calls_and_runs
    steps = [step for step in execution.steps if step.node_id == node_id]
    reached = sum(any(step.node_id == node_id for step in attempt.steps) for attempt in attempts)
    stat: dict[str, Any] = {"nodeId": node_id, "nodeType": types[node_id]}
    if label is not None:
        stat["nodeLabel"] = label
    stat["uniqueCalls"] = reached
    stat["totalExecutions"] = len(steps)
    stat["percentage"] = percentage(reached, len(attempts))
    if types[node_id] == "dtmf":
        breakdown = dtmf_breakdown(step.digits for step in steps if step.digits is not None)
        stat["dtmfBreakdown"] = breakdown
        stat["dtmfPercentages"] = {
            digits: percentage(count, sum(breakdown.values()))
            for digits, count in breakdown.items()
        }
    return stat


def dtmf_breakdown(inputs: Iterable[str]) -> dict[str, int]:
    """Count inputs, most frequent first; what is long or rare counts under `other`, at the end."""
    counts = Counter(digits if len(digits) <= DIGITS_LENGTH_MAX else OTHER for digits in inputs)
    other = counts.pop(OTHER, 0)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    breakdown = dict(ranked[:BREAKDOWN_INPUTS_MAX])
    other += sum(count for _, count in ranked[BREAKDOWN_INPUTS_MAX:])
    return {**breakdown, OTHER: other} if other else breakdown
