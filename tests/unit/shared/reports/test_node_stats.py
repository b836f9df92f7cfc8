"""Node statistics, from rows made by hand."""

from msgspec import UNSET

from shared.contracts.reference_events import FlowEdge, FlowNode, FlowPublishedData
from shared.reports.node_stats import DigitRow, NodeRow, NodeStatsRows, dtmf_breakdown, node_stats

_FLOW = FlowPublishedData(
    name="Menu",
    version=1,
    start_node_id="dial",
    nodes=[
        FlowNode(id="menu", type="dtmf", label="Main Menu"),
        FlowNode(id="dial", type="dial"),
    ],
    edges=[FlowEdge(id="1", source="dial", target="menu")],
)


def test_vendors_menu_gives_the_vendors_percentages() -> None:
    """61.29 % of the calls; inputs as parts of their own sum, not of the steps."""
    rows = NodeStatsRows(
        nodes=[NodeRow("menu", "", 3800, 4200)],
        digits=[
            DigitRow("menu", "2", 1200, 3800),
            DigitRow("menu", "1", 2000, 3800),
            DigitRow("menu", "3", 600, 3800),
        ],
        calls=6200,
        flow_completed=3500,
    )
    answer = node_stats(_FLOW, rows)
    dial, menu = answer.nodes
    assert ("dial", 0, 0, 0.0, UNSET, UNSET) == (
        dial.node_id,
        dial.unique_calls,
        dial.total_executions,
        dial.percentage,
        dial.node_label,
        dial.dtmf_breakdown,
    )
    assert ("Main Menu", 3800, 4200, 61.29) == (
        menu.node_label,
        menu.unique_calls,
        menu.total_executions,
        menu.percentage,
    )
    assert {"1": 2000, "2": 1200, "3": 600} == menu.dtmf_breakdown
    assert {"1": 52.63, "2": 31.58, "3": 15.79} == menu.dtmf_percentages
    assert (6200, 3500, 56.45) == (
        answer.total_calls,
        answer.completed_calls,
        answer.completion_rate,
    )


def test_nodes_seen_only_in_events_follow_by_id() -> None:
    """Their rows of several own types are one node, of the type that most steps carry."""
    rows = NodeStatsRows(
        nodes=[
            NodeRow("z", "", 1, 1),
            NodeRow("b", "say", 2, 3),
            NodeRow("b", "dtmf", 1, 4),
            NodeRow("B", "play", 1, 1),
        ],
        digits=[],
        calls=0,
        flow_completed=0,
    )
    nodes = node_stats(None, rows).nodes
    assert [("B", "play", 1, 1), ("b", "dtmf", 3, 7), ("z", "unknown", 1, 1)] == [
        (node.node_id, node.node_type, node.unique_calls, node.total_executions) for node in nodes
    ]
    assert ({}, {}, UNSET) == (
        nodes[1].dtmf_breakdown,
        nodes[1].dtmf_percentages,
        nodes[1].node_label,
    )


def test_digits_of_another_type_of_node_are_not_told() -> None:
    """Only nodes of type `dtmf` have a breakdown."""
    rows = NodeStatsRows(
        nodes=[NodeRow("dial", "dtmf", 1, 1)],
        digits=[DigitRow("dial", "1", 1, 1)],
        calls=1,
        flow_completed=0,
    )
    assert UNSET is node_stats(_FLOW, rows).nodes[0].dtmf_breakdown


def test_fifty_inputs_are_listed_and_the_rest_is_other() -> None:
    """Most frequent first, at a tie the smaller text; `other` is not one of the 50."""
    rows = [DigitRow("menu", f"{number:02d}", 1, 65) for number in range(51)]
    rows += [DigitRow("menu", "other", 9, 65), DigitRow("menu", "99", 5, 65)]
    breakdown = dtmf_breakdown(rows)
    assert ["99", *(f"{number:02d}" for number in range(49)), "other"] == list(breakdown)
    assert (5, 11, 65) == (breakdown["99"], breakdown["other"], sum(breakdown.values()))
    assert {} == dtmf_breakdown([])
