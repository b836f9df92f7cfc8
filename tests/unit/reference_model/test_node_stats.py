"""Flow versions, graph order, node types and keys pressed."""

from __future__ import annotations

from decimal import Decimal

from tests.reference_model.node_stats import dtmf_breakdown
from tests.unit.reference_model.given import (
    EXECUTION,
    entered,
    event,
    exited,
    node_stats_of,
    pressed,
    published,
    scheduled,
)


def test_nodes_come_breadth_first_then_unreached_then_seen_only() -> None:
    """Loops end, edges to unknown nodes lead nowhere, strangers follow by id."""
    nodes = [{"id": id_, "type": "play", "label": id_.upper()} for id_ in "abcde"]
    edges = [("c", "e"), ("c", "b"), ("c", "nowhere"), ("e", "c"), ("b", "a")]
    events = [
        published(nodes, edges, startNodeId="c"),
        scheduled(flowId="menu"),
        entered("c1", "s1", "z", label="Zed"),
        entered("c1", "s2", "Y"),
    ]

    stats = node_stats_of(*events)["nodes"]

    assert [stat["nodeId"] for stat in stats] == ["c", "e", "b", "a", "d", "Y", "z"]
    assert stats[0] == {
        "nodeId": "c",
        "nodeType": "play",
        "nodeLabel": "C",
        "uniqueCalls": 0,
        "totalExecutions": 0,
        "percentage": 0,
    }
    assert "nodeLabel" not in stats[-1]


def test_flow_version_unsaid_is_the_highest_published_by_the_start() -> None:
    """A version republished later was published first; without a start the lowest is used."""
    events = [
        published([{"id": "one", "type": "play"}], version=1, clock="07:00:00"),
        published([{"id": "old", "type": "play"}], version=2, clock="08:00:00"),
        published([{"id": "two", "type": "play"}], version=2, clock="12:00:00"),
        published([{"id": "three", "type": "play"}], version=3, clock="09:00:01"),
        scheduled(flowId="menu"),
    ]
    started = event("execution.started", EXECUTION, "09:00:00")

    def node_ids(*more: dict[str, object]) -> list[str]:
        return [stat["nodeId"] for stat in node_stats_of(*events, *more)["nodes"]]

    assert node_ids() == ["one"]
    assert node_ids(started) == ["two"]
    assert node_ids(scheduled("08:30:00", flowId="menu", flowVersion=3)) == ["three"]
    assert node_ids(scheduled("08:30:00", flowId="menu", flowVersion=9)) == []


def test_type_of_an_unpublished_node_is_what_most_steps_say() -> None:
    """At a tie the smaller name; a step's type is its winner's; nothing said is unknown."""
    events = [
        entered("c1", "s1", "n", "10:00:00", nodeType="wait"),
        exited("c1", "s1", "n", "10:00:01", nodeType="say"),
        entered("c1", "s2", "n", nodeType="hold"),
        entered("c1", "s3", "n"),
        entered("c1", "s4", "m"),
    ]

    stats = node_stats_of(*events)["nodes"]

    assert [(stat["nodeId"], stat["nodeType"]) for stat in stats] == [
        ("m", "unknown"),
        ("n", "hold"),
    ]
    assert (stats[1]["uniqueCalls"], stats[1]["totalExecutions"]) == (1, 3)


def test_digits_count_once_a_step_under_the_winner_at_the_steps_node() -> None:
    """An empty input does not win, a loop counts again, and a node not reached has none."""
    keys = {"id": "keys", "type": "dtmf"}
    events = [
        published([keys, {"id": "idle", "type": "dtmf"}]),
        scheduled(flowId="menu"),
        pressed("c1", "s1", "1", "10:00:00"),
        pressed("c1", "s1", "12", "10:00:01"),
        pressed("c1", "s1", "", "10:00:02"),
        pressed("c1", "s2", "3"),
        pressed("run", "s1", "3", "10:00:00", node_id="idle"),
        entered("run", "s1", "keys", "10:00:01"),
        pressed("run", "s2", "12345"),
        event("call.ringing", "c1"),
        event("call.ringing", "c2"),
        event("run.ended", "run", data={"outcome": "completed"}),
    ]

    stats = node_stats_of(*events)
    keys_stat, idle_stat = stats["nodes"]

    assert keys_stat["dtmfBreakdown"] == {"3": 2, "12": 1, "other": 1}
    assert keys_stat["dtmfPercentages"] == {"3": 50, "12": 25, "other": 25}
    assert (keys_stat["uniqueCalls"], keys_stat["totalExecutions"]) == (2, 4)
    assert keys_stat["percentage"] == Decimal("66.67")
    assert (idle_stat["dtmfBreakdown"], idle_stat["dtmfPercentages"]) == ({}, {})
    assert (stats["totalCalls"], stats["completedCalls"]) == (3, 1)
    assert stats["completionRate"] == Decimal("33.33")


def test_breakdown_keeps_the_fifty_most_frequent_and_other_apart() -> None:
    """Of equally rare inputs the smaller texts stay; long ones join what is left over."""
    inputs = [f"{number:02d}" for number in reversed(range(52))] + ["51", "12345"]

    breakdown = dtmf_breakdown(inputs)

    assert len(breakdown) == 51
    assert (breakdown["51"], breakdown["48"], breakdown["other"]) == (2, 1, 3)
    assert "49" not in breakdown
