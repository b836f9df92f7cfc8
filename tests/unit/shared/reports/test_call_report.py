"""Costs and events of one call where the call itself says little."""

from typing import Any

import msgspec
import pytest

from shared.projections.attempts import attempt_row
from shared.reports.call_report import call_report
from shared.reports.executions import MENTIONED_ONLY, Execution
from shared.reports.flow_runs import FlowRun
from shared.reports.published_flows import FlowChoice
from tests.unit.shared.folds.given import decoded, state_of
from tests.unit.shared.reports.given import plan


def _report(
    *events: tuple[str, str, dict[str, Any]], execution: Execution = MENTIONED_ONLY
) -> dict[str, Any]:
    state = state_of(
        *(
            decoded(type_, clock, id_=f"{number}", **data)
            for number, (type_, clock, data) in enumerate(events)
        )
    )
    run = FlowRun(
        attempt_id="x",
        state=state,
        row=attempt_row("x", state),
        execution=execution,
        choice=FlowChoice("menu", 3, None),
        flow=None,
        own_types=[],
    )
    return dict(msgspec.json.decode(msgspec.json.encode(call_report(run))))


@pytest.mark.parametrize(
    ("said", "reason", "hangup_type"),
    (
        ({"outcome": "busy", "hangupReason": "cause 17", "error": "E"}, "cause 17", "busy"),
        ({"outcome": "no_credits", "error": "E"}, "E", "failed"),
        ({"outcome": "completed"}, None, "normal"),
    ),
)
def test_reason_is_the_hangups_else_the_error(
    said: dict[str, str], reason: str | None, hangup_type: str
) -> None:
    """The event speaks of the history status."""
    report = _report(("call.ended", "10:00:00", said))
    assert (said["outcome"], reason) == (report["outcome"], report.get("outcomeReason"))
    assert hangup_type == report["events"][0]["data"]["hangupType"]


def test_negative_ring_is_none() -> None:
    """An answer that was seen before the dialling."""
    report = _report(
        ("call.answered", "10:00:00", {}),
        ("call.initiated", "10:00:01", {"from": "1", "to": "2"}),
    )
    assert ["answer", "dial"] == [event["type"] for event in report["events"]]
    assert {"ringDurationMs": 0} == report["events"][0]["data"]


def test_charges_of_one_node_are_one_cost() -> None:
    """Durations that nobody said are null; at equal costs the smaller type first."""
    report = _report(
        ("call.charged", "10:00:00", {"amount": "0.1", "nodeId": "b", "durationMs": 3}),
        ("call.charged", "10:00:00", {"amount": "0.2", "nodeId": "b", "durationMs": 4}),
        ("call.charged", "10:00:00", {"amount": "0.3", "nodeType": "dial"}),
    )
    assert [(None, "dial", 0.3, None), ("b", "other", 0.3, 7)] == [
        (node["nodeId"], node["nodeType"], node["cost"], node["durationMs"])
        for node in report["billing"]["nodes"]
    ]
    assert 0.6 == report["billing"]["totalCost"]


def test_flow_is_named_by_the_plan_where_it_is_not_published() -> None:
    """The version as it was said; the flow is over with the call."""
    execution = Execution(plan=plan(flow_id="menu", flow_name="Spring"))
    flow = _report(
        ("variable.set", "10:00:00", {"name": "a", "value": 1}),
        ("call.ended", "10:00:05", {}),
        execution=execution,
    )["flowExecution"]
    assert {
        "flowId": "menu",
        "flowName": "Spring",
        "flowVersion": 3,
        "executionPath": [],
        "finalVariables": {"a": 1},
        "nodeExecutionCount": 0,
        "flowCompletedAt": "2025-12-20T10:00:05.000Z",
    } == flow


@pytest.mark.parametrize(
    ("said", "contexts"),
    (
        ({"stepId": "s"}, [1]),
        ({"nodeId": "voice"}, [None]),
        ({"nodeId": "voice", "stepId": "unheard of"}, [None]),
        ({}, []),
    ),
)
def test_recording_of_a_node_is_an_event(said: dict[str, str], contexts: list[int | None]) -> None:
    """With its step where that is known; one of the whole call is none."""
    report = _report(
        ("node.entered", "10:00:00", {"stepId": "s", "nodeId": "voice"}),
        ("call.recorded", "10:00:09", {"recordingId": "r", **said}),
    )
    stops = [event["data"] for event in report["events"] if event["type"] == "record_stop"]
    assert contexts == [stop.get("nodeContext", {}).get("nodeExecutionIndex") for stop in stops]
