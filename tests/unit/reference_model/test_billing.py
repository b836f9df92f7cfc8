"""Costs by node type and the dearest attempts."""

from __future__ import annotations

from decimal import Decimal

from tests.unit.reference_model.given import (
    billing_of,
    calls_of,
    charged,
    entered,
    event,
    exited,
    published,
    report_of,
    scheduled,
)


def test_charges_fall_under_type_then_node_then_component_then_other() -> None:
    """A type with steps counts them; one without counts its charges and their durations."""
    events = [
        published([{"id": "dial-1", "type": "dial"}, {"id": "rec", "type": "record"}]),
        scheduled(flowId="menu"),
        entered("c1", "s1", "dial-1", "10:00:00", nodeType="ignored"),
        exited("c1", "s1", "dial-1", "10:00:30"),
        entered("c1", "s2", "dial-1", "10:00:40"),
        entered("c1", "s3", "seen", nodeType="hold"),
        entered("c1", "s4", "untyped"),
        charged("c1", "0.1", nodeId="dial-1", component="network"),
        charged("c1", Decimal("0.2"), nodeType="dial", durationMs=999),
        charged("c1", 2, nodeId="rec", durationMs=1500),
        charged("c1", 2, nodeId="rec", durationMs=None),
        charged("c1", 1, nodeId="untyped", component="llm"),
        charged("c1", 1, nodeId="seen"),
        charged("c1", 5, nodeId="nowhere"),
        charged("c1", -5),
    ]

    billing = billing_of(*events)

    rows = [tuple(row.values()) for row in billing["byNodeType"]]
    assert rows == [
        ("record", 4, 2, 1500),
        ("hold", 1, 1, None),
        ("llm", 1, 1, None),
        ("dial", Decimal("0.3"), 2, 30_000),
        ("other", 0, 2, None),
    ]
    assert billing["summary"]["totalCreditsUsed"] == Decimal("6.3")


def test_step_before_its_entry_lasts_no_time_and_starts_at_its_earliest_event_without_one() -> None:
    """An exit before the entry gives 0; only without an entry does a press start the step."""
    press = {"stepId": "s2", "nodeId": "n", "digits": "1"}
    early_press = {**press, "stepId": "s3"}
    events = [
        entered("c1", "s1", "n", "10:00:10", nodeType="dtmf"),
        exited("c1", "s1", "n", "10:00:00"),
        event("dtmf.received", "c1", "10:00:01", press),
        exited("c1", "s2", "n", "10:00:03.9999"),
        exited("c1", "s2", "n", "10:00:02"),
        event("dtmf.received", "c1", "09:59:00", early_press),
        entered("c1", "s3", "n", "10:01:00"),
        exited("c1", "s3", "n", "10:01:00.5"),
        charged("c1", 1, nodeId="n"),
    ]

    (row,) = billing_of(*events)["byNodeType"]

    assert (row["executionCount"], row["totalDurationMs"]) == (3, 3499)


def test_only_attempts_with_a_positive_sum_are_billable() -> None:
    """Refunds count in the sum; what sums to nothing is neither billable nor dear."""
    events = [
        charged("c1", "0.000000001"),
        charged("c2", 1),
        charged("c2", -1),
        charged("c3", "-0.5"),
        charged("run", 2),
        event("run.started", "run", data={"flowId": "menu"}),
    ]

    summary = report_of(*events)["billingMetrics"]

    assert summary == {
        "totalCreditsUsed": Decimal("1.500000001"),
        "billableCallsCount": 2,
        "averageCostPerCall": Decimal("0.75"),
    }
    assert {call["callId"]: call["totalCost"] for call in calls_of(*events)}["c2"] == 0


def test_top_ten_is_by_cost_then_id_and_knows_durations_of_calls_only() -> None:
    """Of equal costs the smaller ids stay."""
    events = [charged(f"c{number:02d}", 1) for number in reversed(range(12))]
    events += [charged("c11", 1), event("call.ended", "c11", data={"durationMs": 7})]

    top = billing_of(*events)["topCostlyCalls"]

    assert [row["callId"] for row in top] == ["c11", *[f"c{number:02d}" for number in range(9)]]
    assert (top[0]["totalCost"], top[0]["durationMs"], top[1]["durationMs"]) == (2, 7, None)
