"""Graph order and the types of nodes."""

import pytest

from shared.contracts.reference_events import FlowEdge, FlowNode, FlowPublishedData
from shared.reports.executions import Execution
from shared.reports.published_flows import (
    NO_FLOW,
    OwnType,
    flow_choice,
    flow_name_choice,
    node_types,
    nodes_in_graph_order,
)
from tests.unit.shared.reports.given import plan


def _flow(nodes: str, edges: str = "", start: str | None = None) -> FlowPublishedData:
    """Nodes named by one letter each; edges are pairs of letters."""
    return FlowPublishedData(
        name="Menu",
        version=1,
        start_node_id=start,
        nodes=[FlowNode(id=name, type=f"type-{name}") for name in nodes],
        edges=[
            FlowEdge(id=str(number), source=pair[0], target=pair[1])
            for number, pair in enumerate(edges.split())
        ],
    )


@pytest.mark.parametrize(
    ("nodes", "edges", "start", "expected"),
    (
        ("abcd", "ac ab cd", "a", "acbd"),  # along edges as published
        ("abcd", "ab bc cd", "c", "cdab"),  # the rest as published
        ("abc", "ab ba bc aa", None, "abc"),  # the first node starts; loops end
        ("abc", "ac", "z", "acb"),  # a start that is no node
        ("abcde", "ab ac bd ce", "a", "abcde"),  # breadth first
        ("abc", "az zb ac", "a", "acb"),  # edges to and from unknown nodes
        ("aab", "ab", "a", "ab"),  # a node that is published twice counts once
        ("", "ab", None, ""),
    ),
)
def test_nodes_are_listed_breadth_first(
    nodes: str, edges: str, start: str | None, expected: str
) -> None:
    """From the start, then the rest as published (reports.md, Node stats)."""
    found = nodes_in_graph_order(_flow(nodes, edges, start))
    assert expected == "".join(node.id for node in found)


def test_no_flow_has_no_nodes() -> None:
    """Nodes are then known from events only."""
    assert [] == nodes_in_graph_order(None)


def test_published_type_stands_else_most_steps_decide() -> None:
    """At a tie the smaller name; steps without a type do not vote."""
    types = node_types(
        [FlowNode(id="a", type="play")],
        [
            OwnType("a", "say", 9),
            OwnType("b", "say", 2),
            OwnType("b", "play", 2),
            OwnType("b", "", 9),
            OwnType("c", "dtmf", 1),
            OwnType("c", "say", 2),
            OwnType("d", "", 5),
        ],
    )
    assert {"a": "play", "b": "play", "c": "say"} == types


def test_plan_chooses_the_flow() -> None:
    """With the version that it says and the start, which decides where it says none."""
    execution = Execution(plan=plan(flow_id="menu", flow_version=3), started_us=5)
    assert ("menu", 3, 5) == flow_choice(execution)
    assert NO_FLOW == flow_choice(Execution())
    assert NO_FLOW == flow_choice(Execution(plan=plan(), started_us=5))


def test_flow_lends_its_name_only_where_the_plan_says_none() -> None:
    """An empty name is none."""
    assert NO_FLOW == flow_name_choice(Execution(plan=plan(flow_id="menu", flow_name="Mine")))
    for name in (None, ""):
        unnamed = Execution(plan=plan(flow_id="menu", flow_name=name))
        assert ("menu", None, None) == flow_name_choice(unnamed)
