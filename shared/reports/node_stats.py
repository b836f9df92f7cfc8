"""How often each node ran: `GET …/report/node-stats` (reports.md, Node stats)."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from msgspec import UNSET, Struct, UnsetType

from shared.contracts.reference_events import FlowNode, FlowPublishedData
from shared.limits import DTMF_INPUTS_MAX
from shared.reports.arithmetic import rate
from shared.reports.published_flows import (
    UNKNOWN_TYPE,
    OwnType,
    node_types,
    nodes_in_graph_order,
)

_DTMF: Final = "dtmf"
#: Inputs that are too long or too rare to be listed; it is none of the listed ones itself.
OTHER_INPUT: Final = "other"


class NodeRow(NamedTuple):
    """Steps of one node that carry the same type of their own."""

    node_id: str
    #: Empty where the steps say none.
    node_type: str
    unique_calls: int
    steps: int


class DigitRow(NamedTuple):
    """Steps of one node that received the same digits; long ones are `OTHER_INPUT` already."""

    node_id: str
    digits: str
    steps: int
    #: Steps of the node that received any digits: rare inputs have no row of their own.
    node_steps: int


class NodeStatsRows(Struct, frozen=True, gc=False):
    """What the query of the node statistics gives."""

    nodes: list[NodeRow]
    digits: list[DigitRow]
    #: Calls, and runs without a call.
    calls: int
    #: Those whose flow completed.
    flow_completed: int


class NodeStat(Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """One node; the last two keys only where its type is `dtmf`."""

    node_id: str
    node_type: str
    node_label: str | UnsetType = UNSET
    unique_calls: int
    total_executions: int
    percentage: float
    dtmf_breakdown: dict[str, int] | UnsetType = UNSET
    dtmf_percentages: dict[str, float] | UnsetType = UNSET


class NodeStats(Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """The answer."""

    nodes: list[NodeStat]
    total_calls: int
    completed_calls: int
    completion_rate: float


def node_stats(flow: FlowPublishedData | None, rows: NodeStatsRows) -> NodeStats:
    """The nodes of the flow in graph order, then by id those seen only in events."""
    published = nodes_in_graph_order(flow)
    types = node_types(
        published, (OwnType(row.node_id, row.node_type, row.steps) for row in rows.nodes)
    )
    visits = _visits(rows.nodes)
    digits: dict[str, list[DigitRow]] = {}
    for row in rows.digits:
        digits.setdefault(row.node_id, []).append(row)
    nodes: dict[str, FlowNode | None] = {node.id: node for node in published}
    nodes |= dict.fromkeys(sorted(visits.keys() - nodes.keys()))
    stats = []
    for node_id, node in nodes.items():
        node_type = types.get(node_id, UNKNOWN_TYPE)
        unique_calls, steps = visits.get(node_id, (0, 0))
        inputs = dtmf_breakdown(digits.get(node_id, ())) if node_type == _DTMF else None
        stats.append(
            NodeStat(
                node_id=node_id,
                node_type=node_type,
                node_label=UNSET if node is None or node.label is None else node.label,
                unique_calls=unique_calls,
                total_executions=steps,
                percentage=rate(unique_calls, rows.calls),
                dtmf_breakdown=UNSET if inputs is None else inputs,
                dtmf_percentages=UNSET if inputs is None else _shares(inputs),
            )
        )
    return NodeStats(
        nodes=stats,
        total_calls=rows.calls,
        completed_calls=rows.flow_completed,
        completion_rate=rate(rows.flow_completed, rows.calls),
    )


def dtmf_breakdown(rows: Sequence[DigitRow]) -> dict[str, int]:
    """Steps by input: the most frequent inputs, at a tie the smaller text first, then the rest.

    Args:
        rows: of one node; at least its `DTMF_INPUTS_MAX` most frequent inputs.
    """
    if not rows:
        return {}
    ranked = sorted(
        (row for row in rows if row.digits != OTHER_INPUT), key=lambda row: (-row.steps, row.digits)
    )
    listed = {row.digits: row.steps for row in ranked[:DTMF_INPUTS_MAX]}
    other = rows[0].node_steps - sum(listed.values())
    return listed | {OTHER_INPUT: other} if other else listed


def _shares(inputs: dict[str, int]) -> dict[str, float]:
    total = sum(inputs.values())
    return {digits: rate(steps, total) for digits, steps in inputs.items()}


def _visits(rows: list[NodeRow]) -> dict[str, tuple[int, int]]:
    """Unique calls and steps by node."""
    visits: dict[str, tuple[int, int]] = {}
    for row in rows:
        unique_calls, steps = visits.get(row.node_id, (0, 0))
        visits[row.node_id] = (unique_calls + row.unique_calls, steps + row.steps)
    return visits
