"""The report of one call: line, path through the flow, costs, events."""

from decimal import Decimal
from json import loads
from typing import Any, Final

import pytest

from shared.contracts.instants import instant_us
from shared.storage.api_keys import create_api_key
from tests.integration.services.read_api.flow_events import (
    EXECUTION,
    FLOW,
    ended,
    event,
    fold,
    initiated,
    published,
    step,
)
from tests.integration.services.read_api.process import ReadApi

_CALL: Final = "call/1 ü"
_NODES: Final[list[dict[str, Any]]] = [
    {"id": "dial-1", "type": "dial", "label": "Dial Contact"},
    {"id": "hello", "type": "play"},
    {"id": "keys", "type": "dtmf"},
    {"id": "voice", "type": "collect_audio"},
    {"id": "bye", "type": "hangup"},
]


def _said(name: str, value: object, clock: str) -> dict[str, Any]:
    return event("variable.set", _CALL, clock, {"name": name, "value": value})


def _keyed(digits: str, clock: str) -> dict[str, Any]:
    said = {"stepId": "s3", "nodeId": "keys", "digits": digits}
    return event("dtmf.received", _CALL, clock, said)


def _charged(amount: str, **data: object) -> dict[str, Any]:
    return event("call.charged", _CALL, "09:01:00", {"amount": amount, **data})


_EVENTS: Final = (
    published(_NODES, [], "08:00:00"),
    event("execution.scheduled", EXECUTION, "08:30:00", {"programId": "p", "flowId": FLOW}),
    event("execution.started", EXECUTION, "08:30:00"),
    # The provider's id is known only later: dialling began before.
    initiated(_CALL, "09:00:00.100", contactId="anna", attempt=2),
    initiated(_CALL, "09:00:00.500", providerCallId="CA1"),
    *step(_CALL, "s1", "dial-1", "09:00:00.050", "09:00:03.5", output="onAnswer"),
    event("call.answered", _CALL, "09:00:03.4"),
    event("call.amd_completed", _CALL, "09:00:04", {"answeredBy": "human"}),
    *step(_CALL, "s2", "hello", "09:00:03.6", "09:00:10", output="onComplete"),
    *step(_CALL, "s3", "keys", "09:00:10", "09:00:13", output="branch_1"),
    _keyed("1", "09:00:11"),
    _keyed("12", "09:00:12"),
    *step(_CALL, "s4", "voice", "09:00:13", "09:00:20"),
    event(
        "call.recorded",
        _CALL,
        "09:00:21",
        {"recordingId": "r1", "stepId": "s4", "nodeId": "voice", "durationMs": 6400},
    ),
    event("call.recorded", _CALL, "09:00:26", {"recordingId": "whole", "url": "https://r.example"}),
    *step(_CALL, "s5", "bye", "09:00:25", output="terminated"),
    _said("answer", {"deep": [1.10]}, "09:00:12"),
    _said("answer", "yes", "09:00:14"),
    _said("count", 1, "09:00:14"),
    event("run.ended", _CALL, "09:00:25.3", {"outcome": "completed", "variables": {"count": 2}}),
    ended(_CALL, "09:00:25.4", outcome="completed", hangupReason="Flow completed successfully"),
    _charged("1.875", nodeId="dial-1", durationMs=22_000),
    _charged("0.000075", nodeId="dial-1", nodeType="dial"),
    _charged("2", nodeId="nowhere"),
    _charged("-0.5", component="llm"),
    # Nobody answered, nothing ran, nothing was charged; and one that has only just begun.
    initiated("missed", "10:00:00", contactId="bo"),
    ended("missed", "10:00:30", outcome="no_answer", error="ring timeout"),
    event("call.ringing", "ringing", "10:01:00", execution_id=None),
    event("run.started", "run", "10:02:00", {"flowId": FLOW}, execution_id=None),
)


@pytest.fixture(scope="module", autouse=True)
def _folded(read_url: str) -> None:
    fold(read_url, *_EVENTS)


@pytest.fixture(scope="module")
def report(read_api: ReadApi, key: str, _folded: None) -> dict[str, Any]:
    """The report of the call that has everything, its money exact."""
    answer = read_api.get("/call-report/call/call%2F1%20%C3%BC", key)
    assert 200 == answer.status, answer
    return dict(loads(answer.body, parse_float=Decimal))


def test_line_has_each_of_its_times(report: dict[str, Any]) -> None:
    """Dialling began with the earliest `call.initiated`; the step before it came first."""
    assert {
        "status": "completed",
        "direction": "outbound",
        "from": "+212500000001",
        "to": "+212612345678",
        "createdAt": "2026-03-02T09:00:00.050Z",
        "dialedAt": "2026-03-02T09:00:00.100Z",
        "answeredAt": "2026-03-02T09:00:03.400Z",
        "terminatedAt": "2026-03-02T09:00:25.400Z",
        "durationMs": 22_000,
    } == report["call"]
    assert {
        "callId": _CALL,
        "attempt": 2,
        "programId": "p",
        "programExecutionId": EXECUTION,
        "contactId": "anna",
        "outcome": "completed",
        "outcomeReason": "Flow completed successfully",
    } == {name: value for name, value in report.items() if not isinstance(value, dict | list)}


def test_path_holds_every_step(report: dict[str, Any]) -> None:
    """In order of start, with what the flow says of its node; variables are the last ones."""
    flow = report["flowExecution"]
    assert [
        ("dial-1", "dial", "Dial Contact", "onAnswer", "00.050"),
        ("hello", "play", None, "onComplete", "03.600"),
        ("keys", "dtmf", None, "branch_1", "10.000"),
        ("voice", "collect_audio", None, None, "13.000"),
        ("bye", "hangup", None, None, "25.000"),
    ] == [
        (
            entry["nodeId"],
            entry["nodeType"],
            entry.get("nodeLabel"),
            entry.get("outputPath"),
            entry["timestamp"][17:-1],
        )
        for entry in flow.pop("executionPath")
    ]
    assert {
        "flowId": FLOW,
        "flowName": "Menu",
        "flowVersion": 1,
        "finalVariables": {"answer": "yes", "count": 2},
        "nodeExecutionCount": 5,
        "flowStartedAt": "2026-03-02T09:00:00.050Z",
        "flowCompletedAt": "2026-03-02T09:00:25.300Z",
    } == flow


def test_costs_of_nodes_sum_to_the_total(report: dict[str, Any]) -> None:
    """Dearest first; what is said of no known node falls under its component or `other`."""
    costs = [
        (node["nodeId"], node["nodeType"], node["cost"], node["durationMs"])
        for node in report["billing"]["nodes"]
    ]
    assert [
        ("nowhere", "other", 2, None),
        ("dial-1", "dial", Decimal("1.875075"), 22_000),
        (None, "llm", Decimal("-0.5"), None),
    ] == costs
    assert sum(cost[2] for cost in costs) == report["billing"]["totalCost"]
    unknown = ("costPerUnit", "unit", "minDurationMs")
    assert all(node[name] is None for node in report["billing"]["nodes"] for name in unknown)


def test_events_are_in_the_vendors_words(report: dict[str, Any]) -> None:
    """Each fact once and corrected, with the step that it belongs to."""
    dial, hello, keys, voice, bye = (
        {"nodeId": node["id"], "nodeType": node["type"], "nodeExecutionIndex": index}
        for index, node in enumerate(_NODES, 1)
    )
    numbers = {"to": "+212612345678", "from": "+212500000001"}
    assert [
        ("dial", "00.100", {**numbers, "nodeContext": dial}),
        ("answer", "03.400", {"answeredBy": "human", "ringDurationMs": 3300, "nodeContext": dial}),
        ("play", "10.000", {"durationMs": 6400, "nodeContext": hello}),
        ("dtmf_collected", "12.000", {"digits": "12", "nodeContext": keys}),
        ("record_start", "13.000", {"nodeContext": voice}),
        ("record_stop", "21.000", {"recordId": "r1", "durationMs": 6400, "nodeContext": voice}),
        (
            "hangup",
            "25.400",
            {
                "hangupType": "normal",
                "hangupReason": "Flow completed successfully",
                "nodeContext": bye,
            },
        ),
    ] == [(event["type"], event["timestamp"][17:-1], event["data"]) for event in report["events"]]


def test_unanswered_call_lacks_what_did_not_happen(read_api: ReadApi, key: str) -> None:
    """No flow that ran, no costs, no answer; the reason is the error where nothing else is said."""
    missed = read_api.get("/call-report/call/missed", key).json
    assert ("no_answer", "ring timeout") == (missed["outcome"], missed["outcomeReason"])
    assert {"flowExecution", "billing"}.isdisjoint(missed)
    assert {"answeredAt", "durationMs"}.isdisjoint(missed["call"])
    assert ["dial", "hangup"] == [event["type"] for event in missed["events"]]
    assert "no_answer" == missed["events"][1]["data"]["hangupType"]


def test_call_that_only_rings_is_ongoing(read_api: ReadApi, key: str) -> None:
    """Required keys are null while unknown; those of its program are absent."""
    ringing = read_api.get("/call-report/call/ringing", key).json
    assert {
        "callId": "ringing",
        "attempt": 1,
        "call": {
            "status": "ongoing",
            "direction": "outbound",
            "from": None,
            "to": None,
            "createdAt": "2026-03-02T10:01:00.000Z",
        },
        "outcome": None,
        "events": [],
    } == ringing


@pytest.mark.parametrize("call", ("unknown", "run", "%0A"))
def test_what_is_no_call_is_not_found(read_api: ReadApi, key: str, call: str) -> None:
    """Runs, too; and jobs, of which no event tells."""
    body = {"statusCode": 404, "message": "Call not found", "error": "Not Found"}
    answer = read_api.get(f"/call-report/call/{call}", key)
    assert (404, body) == (answer.status, answer.json)
    assert 404 == read_api.get("/call-report/job-1", key).status


def test_foreign_call_is_not_found(read_api: ReadApi, read_url: str) -> None:
    """As an unknown one."""
    other = create_api_key(read_url, "globex", ["read"], "tests")
    assert 404 == read_api.get("/call-report/call/missed", other).status


def test_events_behind_the_report_are_served_as_they_were_published(
    read_api: ReadApi, key: str, read_url: str
) -> None:
    """Of calls, runs and lone SMS; a foreign one is as unknown as one that never was."""
    target = "/v1/attempts/call%2F1%20%C3%BC/events"
    answer = read_api.get(target, key)
    assert answer.status == 200, answer
    served = answer.json["events"]
    mine = [event for event in _EVENTS if event["subject"] == _CALL]
    assert sorted((event["type"], event["time"]) for event in mine) == sorted(
        (event["type"], event["time"]) for event in served
    )
    keyed = [event["data"]["digits"] for event in served if event["type"] == "dtmf.received"]
    assert keyed == ["1", "12"]
    times = [instant_us(event["time"]) for event in served]
    assert times == sorted(times)
    assert read_api.get("/v1/attempts/run/events", key).status == 200

    foreign = create_api_key(read_url, "other", ["read"], "tests")
    answers = [read_api.get(path, foreign) for path in (target, "/v1/attempts/nobody/events")]
    assert [404, 404] == [answer.status for answer in answers]
    assert answers[0].body == answers[1].body
