"""The published flow of an execution: which version, its graph order, the types of its nodes."""

from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple

from shared.contracts.reference_events import FlowNode, FlowPublishedData
from shared.reports.executions import Execution

UNKNOWN_TYPE: Final = "unknown"


class FlowChoice(NamedTuple):
    """What decides the version of the published flow (events.md, "A node's type").

    A said version stands. Else the highest that was published by the execution's start, else, or
    where the start is unknown, the lowest. The query makes the choice in the report's snapshot.
    """

    flow_id: str | None
    flow_version: int | None
    started_us: int | None


#: No flow is asked for.
NO_FLOW: Final = FlowChoice(None, None, None)


class OwnType(NamedTuple):
    """How many steps of a node carry a type of their own."""

    node_id: str
    #: Empty where the steps say none.
    node_type: str
    steps: int


def flow_choice(execution: Execution) -> FlowChoice:
    """The choice that an execution's plan leads to."""
    plan = execution.plan
    if plan is None or plan.flow_id is None:
        return NO_FLOW
    return FlowChoice(plan.flow_id, plan.flow_version, execution.started_us)


def flow_name_choice(execution: Execution) -> FlowChoice:
    """The same where the flow only lends its name to a plan that does not say one."""
    plan = execution.plan
    return NO_FLOW if plan is None or plan.flow_name else flow_choice(execution)


def nodes_in_graph_order(flow: FlowPublishedData | None) -> list[FlowNode]:
    """Breadth first from the start, along edges as published; then the rest as published.

    Where `startNodeId` is absent or names no node, the first node starts.
    """
    if flow is None or not flow.nodes:
        return []
    nodes: dict[str, FlowNode] = {}
    for node in flow.nodes:
        nodes.setdefault(node.id, node)
    targets: dict[str, list[str]] = {}
    for edge in flow.edges:
        if edge.target in nodes:
            targets.setdefault(edge.source, []).append(edge.target)
    first = nodes.get(flow.start_node_id or "", flow.nodes[0])
    ordered = {first.id: first}
    waiting = deque([first.id])
    while waiting:
        for target in targets.get(waiting.popleft(), ()):
            if target not in ordered:
                ordered[target] = nodes[target]
                waiting.append(target)
    return list((ordered | nodes).values())


def node_types(nodes: Iterable[FlowNode], own_types: Iterable[OwnType]) -> dict[str, str]:
    """Published types, then for other nodes the own type that most steps carry, ties by name.

    Nodes whose steps say no type are absent: they are of `UNKNOWN_TYPE`.
    """
    winners: dict[str, tuple[int, str]] = {}
    for node_id, node_type, steps in own_types:
        if node_type:
            candidate = (-steps, node_type)
            winners[node_id] = min(winners.get(node_id, candidate), candidate)
    types = {node_id: node_type for node_id, (_, node_type) in winners.items()}
    return types | {node.id: node.type for node in nodes}
