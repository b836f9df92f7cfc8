"""Published flows: which version an execution uses, its graph order, and the types of nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tests.reference_model.event_set import Event, winning_data
from tests.reference_model.steps import Step

Flow = dict[str, Any]
Node = dict[str, Any]


def version_in_use(
    published: list[Event], version: int | None, started_at: datetime | None
) -> Flow | None:
    """The published flow that an execution uses, None where there is none.

    Args:
        published: All `flow.published` of the flow.
        version: What the execution says; None lets its start decide.
        started_at: The execution's earliest start, None where unknown.
    """
    by_version: dict[int, list[Event]] = {}
    for event in published:
        by_version.setdefault(event.data["version"], []).append(event)
    if version is None and by_version:
        version = _version_at(by_version, started_at)
    return winning_data(by_version[version]) if version in by_version else None


def _version_at(by_version: dict[int, list[Event]], started_at: datetime | None) -> int:
    published_by_then = [
        version
        for version, events in by_version.items()
        if started_at is not None and min(event.occurred_at for event in events) <= started_at
    ]
    return max(published_by_then) if published_by_then else min(by_version)


def nodes_in_graph_order(flow: Flow | None) -> list[Node]:
    """Nodes breadth first from the start, then those not reached, as published."""
    if flow is None or not flow["nodes"]:
        return []
    nodes: dict[str, Node] = {}
    for node in flow["nodes"]:
        nodes.setdefault(node["id"], node)
    start = flow.get("startNodeId")
    order = [start if start in nodes else flow["nodes"][0]["id"]]
    # Targets are appended while the list is walked: that is what makes it breadth first.
    for node_id in order:
        for edge in flow["edges"]:
            target = edge["target"]
            if edge["source"] == node_id and target in nodes and target not in order:
                order.append(target)
    order += [node_id for node_id in nodes if node_id not in order]
    return [nodes[node_id] for node_id in order]


class NodeTypes:
    """Types of nodes in one execution (events.md, "A node's type")."""

    def __init__(self, flow: Flow | None, steps: Iterable[Step]) -> None:
        """Take the execution's flow and all steps of its attempts."""
        self._published = {node["id"]: node["type"] for node in nodes_in_graph_order(flow)}
        self._own: dict[str, Counter[str]] = {}
        for step in steps:
            if step.own_type is not None:
                self._own.setdefault(step.node_id, Counter())[step.own_type] += 1

    def __getitem__(self, node_id: str) -> str:
        """Published, else what most steps say, else `unknown`."""
        if node_id in self._published:
            return str(self._published[node_id])
        said = self._own.get(node_id)
        if not said:
            return "unknown"
        return min(said, key=lambda own_type: (-said[own_type], own_type))
