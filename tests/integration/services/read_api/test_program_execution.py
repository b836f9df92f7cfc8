"""The five reports over HTTP, from rows in PostgreSQL to the vendor's JSON."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from shared.contracts.instants import instant_us
from shared.storage import tally_tables
from shared.storage.api_keys import create_api_key
from tests.integration.services.read_api.given import ORGANIZATION, Generation, execution_event
from tests.integration.services.read_api.process import ReadApi

_decode_exact = msgspec.json.Decoder(float_hook=Decimal).decode


@pytest.fixture(scope="module", autouse=True)
def spring(generation: Generation) -> None:
    """The execution `spring`: six calls, a run, an SMS, a flow with a menu."""
    generation.mention()
    generation.execution(
        execution_event(
            "execution.scheduled",
            "08:00:00",
            {
                "programId": "program",
                "flowId": "menu",
                "audienceId": "audience",
                "didPool": ["+212500000001"],
                "retryStrategy": {"type": "scheduled", "retryDates": ["2025-12-21T10:00:00+01:00"]},
                "scheduledStartAt": "2025-12-20T09:00:00.123456Z",
                "pauseWindows": {"monday": []},
            },
        ),
        execution_event("execution.started", "09:00:05"),
        execution_event("execution.completed", "10:00:05.7"),
    )
    nodes = [
        {"id": "bye", "type": "hangup"},
        {"id": "dial", "type": "dial", "label": "Dial Contact"},
        {"id": "keys", "type": "dtmf", "config": {"maxDigits": 4}},
    ]
    edges = [
        {"id": "1", "source": "dial", "target": "keys"},
        {"id": "2", "source": "keys", "target": "bye"},
    ]
    generation.flow("menu", 1, instant_us("2025-12-01T00:00:00Z"), name="Old")
    generation.flow(
        "menu",
        2,
        instant_us("2025-12-20T09:00:05Z"),
        name="Menu",
        startNodeId="dial",
        nodes=nodes,
        edges=edges,
    )
    generation.flow("menu", 3, instant_us("2025-12-20T09:00:06Z"), name="New")
    generation.tally(
        tally_tables.contact_tallies, ("completed", 2), ("pendingRetry", 1), ("queued", 0)
    )
    generation.tally(
        tally_tables.attempt_tallies,
        ("call", 1, "completed", 3, 2, 3, 10_001, 2, Decimal("3.375")),
        ("call", 1, "ongoing", 1, 0, 0, 0, 0, Decimal(0)),
        ("call", 2, "voicemail", 1, 0, 1, 500, 0, Decimal("-0.000000001")),
        ("call", 2, "busy", 1, 0, 0, 0, 0, Decimal(0)),
        ("call", 2, "failed", 0, 0, 0, 0, 0, Decimal(0)),
        ("run", 1, "", 1, 1, 0, 0, 1, Decimal("0.5")),
        ("sms", 1, "", 1, 0, 0, 0, 1, Decimal("1.887")),
    )
    generation.tally(
        tally_tables.node_tallies,
        ("dial", "", 6, 6, 6, 60_000),
        ("keys", "menu", 3, 4, 0, 0),
        ("extra", "say", 1, 1, 0, 0),
        ("gone", "say", 0, 0, 0, 0),
    )
    generation.tally(
        tally_tables.digit_tallies, ("keys", "2", 1), ("keys", "1", 2), ("keys", "other", 1)
    )
    generation.tally(
        tally_tables.cost_tallies,
        ("", "dial", "", 2, Decimal("3.374999999"), 0, 0),
        ("", "", "", 1, Decimal("0.5"), 0, 0),
        ("sms", "", "network", 1, Decimal("1.887"), 1, 250),
    )


def _exact(read_api: ReadApi, key: str, report: str) -> dict[str, Any]:
    answer = read_api.get(f"/program-execution/spring/{report}", key)
    assert (200, "application/json") == (answer.status, answer.headers["content-type"])
    return dict(_decode_exact(answer.body))


def test_main_report_has_the_vendors_keys_in_order(read_api: ReadApi, key: str) -> None:
    """Required keys are there, null where unknown; optional ones only where known."""
    assert list(
        {
            "executionId": "spring",
            "programId": "program",
            "organizationId": ORGANIZATION,
            "status": "completed",
            "effectiveStatus": "completed",
            "isInPauseWindow": False,
            "scheduledStartAt": "2025-12-20T09:00:00.123Z",
            "actualStartAt": "2025-12-20T09:00:05.000Z",
            "actualEndAt": "2025-12-20T10:00:05.700Z",
            "durationMs": 3_600_700,
            "metadata": {
                "flowId": "menu",
                "flowName": "Menu",
                "audienceId": "audience",
                "didPool": ["+212500000001"],
                "retryStrategy": {
                    "type": "scheduled",
                    "retryDates": ["2025-12-21T09:00:00.000Z"],
                },
                "pauseWindows": {"monday": []},
            },
            "contactMetrics": {
                "totalContacts": 3,
                "pending": 0,
                "queued": 0,
                "calling": 0,
                "pendingRetry": 1,
                "completed": 2,
                "failed": 0,
                "skipped": 0,
                "reachRate": Decimal("66.67"),
            },
            "callMetrics": {
                "totalCalls": 6,
                "connected": 4,
                "answered": 3,
                "voicemail": 1,
                "noAnswer": 0,
                "busy": 1,
                "rejected": 0,
                "failed": 0,
                "completed": 2,
                "connectionRate": Decimal("66.67"),
                "answerRate": Decimal(50),
            },
            "billingMetrics": {
                "totalCreditsUsed": Decimal("5.761999999"),
                "billableCallsCount": 4,
                "averageCostPerCall": Decimal("1.4405"),
            },
        }.items()
    ) == list(_exact(read_api, key, "report").items())


def test_breakdown_has_a_row_per_attempt_number(read_api: ReadApi, key: str) -> None:
    """Zero rows of the tallies are as good as absent; averages are over known durations."""
    answer = _exact(read_api, key, "report/breakdown")
    assert [1, 2] == [row["attemptNumber"] for row in answer["perAttempt"]]
    assert (4, 3, 0, Decimal(75), 3334) == tuple(
        answer["perAttempt"][0][name]
        for name in (
            "callsAttempted",
            "callsAnswered",
            "callsFailed",
            "connectedPercentage",
            "averageDurationMs",
        )
    )
    assert (0, 6, 1, 2, 2625) == tuple(
        answer["total"][name]
        for name in (
            "attemptNumber",
            "callsAttempted",
            "callsFailed",
            "callsCompleted",
            "averageDurationMs",
        )
    )


def test_node_stats_follow_the_published_flow(read_api: ReadApi, key: str) -> None:
    """Version 2 was published at the start; it gives order, types and labels."""
    assert {
        "nodes": [
            {
                "nodeId": "dial",
                "nodeType": "dial",
                "nodeLabel": "Dial Contact",
                "uniqueCalls": 6,
                "totalExecutions": 6,
                "percentage": Decimal("85.71"),
            },
            {
                "nodeId": "keys",
                "nodeType": "dtmf",
                "uniqueCalls": 3,
                "totalExecutions": 4,
                "percentage": Decimal("42.86"),
                "dtmfBreakdown": {"1": 2, "2": 1, "other": 1},
                "dtmfPercentages": {"1": Decimal(50), "2": Decimal(25), "other": Decimal(25)},
            },
            {
                "nodeId": "bye",
                "nodeType": "hangup",
                "uniqueCalls": 0,
                "totalExecutions": 0,
                "percentage": 0,
            },
            {
                "nodeId": "extra",
                "nodeType": "say",
                "uniqueCalls": 1,
                "totalExecutions": 1,
                "percentage": Decimal("14.29"),
            },
        ],
        "totalCalls": 7,
        "completedCalls": 3,
        "completionRate": Decimal("42.86"),
    } == _exact(read_api, key, "report/node-stats")


def test_rare_inputs_count_as_other(read_api: ReadApi, generation: Generation, key: str) -> None:
    """The 50 most frequent inputs are listed, at a tie the smaller text first."""
    writer = generation.of("inputs")
    writer.mention()
    writer.tally(tally_tables.node_tallies, ("keys", "dtmf", 1, 60, 0, 0))
    writer.tally(
        tally_tables.digit_tallies, *(("keys", f"{number:02d}", 1) for number in range(55))
    )
    writer.tally(tally_tables.digit_tallies, ("keys", "other", 1), ("keys", "99", 4))
    answer = read_api.get("/program-execution/inputs/report/node-stats", key).json
    breakdown = answer["nodes"][0]["dtmfBreakdown"]
    assert {"99": 4, **{f"{number:02d}": 1 for number in range(49)}, "other": 7} == breakdown


def test_billing_sums_to_the_total(read_api: ReadApi, generation: Generation, key: str) -> None:
    """Charges fall under said type, type of the node, component or `other`; all attempts count."""
    generation.attempts(
        {"attempt_id": "b", "total_cost": Decimal("1.5"), "duration_ms": 9},
        {"attempt_id": "a", "total_cost": Decimal("1.50"), "contact_id": "c"},
        {"attempt_id": "run", "kind": "run", "total_cost": Decimal(2), "duration_ms": 7},
        {"attempt_id": "free", "total_cost": Decimal(0)},
        *(
            {"attempt_id": f"z{number}", "total_cost": Decimal("0.000000001")}
            for number in range(9)
        ),
    )
    answer = _exact(read_api, key, "report/billing")
    assert [
        ("dial", Decimal("3.374999999"), 6, 60_000),
        ("sms", Decimal("1.887"), 1, 250),
        ("other", Decimal("0.5"), 1, None),
    ] == [tuple(row.values()) for row in answer["byNodeType"]]
    assert {
        "totalCreditsUsed": Decimal("5.761999999"),
        "billableCallsCount": 4,
        "averageCostPerCall": Decimal("1.4405"),
    } == answer["summary"]
    assert ["run", "a", "b", "z0", "z1", "z2", "z3", "z4", "z5", "z6"] == [
        row["callId"] for row in answer["topCostlyCalls"]
    ]
    assert [
        {"callId": "run", "contactId": None, "totalCost": 2, "durationMs": None},
        {"callId": "a", "contactId": "c", "totalCost": Decimal("1.5"), "durationMs": None},
        {"callId": "b", "contactId": None, "totalCost": Decimal("1.5"), "durationMs": 9},
    ] == answer["topCostlyCalls"][:3]


def test_execution_without_events_of_its_own_is_null_and_zero(
    read_api: ReadApi, generation: Generation, key: str
) -> None:
    """It exists once any event names it; status and effective status are null then."""
    generation.of("named").mention()
    answer = read_api.get("/program-execution/named/report", key).json
    assert (None, None, False, None) == tuple(
        answer[name]
        for name in ("status", "effectiveStatus", "isInPauseWindow", "scheduledStartAt")
    )
    assert {"scheduledStopAt", "actualStartAt", "actualEndAt", "durationMs"}.isdisjoint(answer)
    assert {
        "flowId": None,
        "flowName": None,
        "audienceId": None,
        "didPool": None,
        "retryStrategy": None,
    } == answer["metadata"]
    assert (0, 0) == (answer["contactMetrics"]["reachRate"], answer["callMetrics"]["answerRate"])


@pytest.mark.parametrize("subjects", (0, None))
def test_unknown_execution_is_not_found(
    read_api: ReadApi, generation: Generation, key: str, subjects: int | None
) -> None:
    """Also where every subject that named it was corrected to name another."""
    name = f"unknown-{subjects}"
    if subjects is not None:
        generation.of(name).tally(tally_tables.execution_mentions, (subjects,))
    for report in ("", "/calls", "/breakdown", "/node-stats", "/billing"):
        answer = read_api.get(f"/program-execution/{name}/report{report}", key)
        assert (404, b'{"statusCode":404,"message":"Execution not found","error":"Not Found"}') == (
            answer.status,
            answer.body,
        )


def test_same_ids_of_two_organizations_do_not_meet(
    read_api: ReadApi, generation: Generation, key: str, read_url: str
) -> None:
    """A foreign execution is an unknown one; the same id may mean another thing there."""
    other_key = create_api_key(read_url, "globex", ["read"], "tests")
    assert 404 == read_api.get("/program-execution/spring/report", other_key).status
    writer = generation.of("spring", "globex")
    writer.mention()
    writer.calls(1, "busy", 2)
    answer = read_api.get("/program-execution/spring/report", other_key).json
    assert ("globex", 2) == (answer["organizationId"], answer["callMetrics"]["totalCalls"])
    assert 6 == _exact(read_api, key, "report")["callMetrics"]["totalCalls"]
