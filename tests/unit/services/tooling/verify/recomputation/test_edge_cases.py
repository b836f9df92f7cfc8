"""Figures that the SQL makes of events by hand: duplicates, corrections, what is no call, order.

All cases are computed at once, each in an organization of its own named like the case.
"""

from typing import Any

import pytest

from services.tooling.verify.recomputation.database import recomputation
from tests.recomputed_figures import as_published, differences_to_model
from tests.reference_model.times import parse_instant
from tests.unit.reference_model.given import (
    EXECUTION,
    charged,
    entered,
    event,
    exited,
    pressed,
    published,
    scheduled,
)

NOW = parse_instant("2025-12-20T12:00:00.9Z")
SMS: dict[str, Any] = {"smsId": "m", "from": "1", "to": "2", "body": "hi", "contactId": "k9"}
INITIATED = {"from": "+1", "to": "+2", "contactId": "k1", "attempt": 2}
TRANSFERRED = {"status": "completed", "from": "+1", "to": "+3", "durationMs": 9, "cost": "7"}


def ended(subject: str, clock: str, **data: object) -> dict[str, Any]:
    """A `call.ended`."""
    return event("call.ended", subject, clock, data)


CASES: dict[str, list[dict[str, Any]]] = {
    "duplicate with other content": [
        event("call.ended", "a", data={"outcome": "busy"}, id_="1"),
        event("call.ended", "a", "11:00:00", data={"outcome": "rejected"}, id_="1"),
        event("call.charged", "a", data={"amount": "0.1"}, id_="2"),
        event("call.charged", "a", data={"amount": "0.7"}, id_="2"),
    ],
    "corrected end": [
        event("call.initiated", "a", "10:00:00", INITIATED),
        event("call.answered", "a", "10:00:05", {"answeredBy": "human"}),
        ended("a", "10:01:00", outcome="failed", durationMs=1_000, flowOutcome="failed"),
        ended("a", "10:02:00", outcome="completed"),
    ],
    "outcome by who answered": [
        event("call.answered", "machine", "10:00:00", {"answeredBy": "machine"}),
        ended("machine", "10:00:30"),
        event("call.amd_completed", "unanswered", "10:00:00", {"answeredBy": "human"}),
        ended("unanswered", "10:00:30"),
        event("call.answered", "odd", "10:00:00"),
        ended("odd", "10:00:30", outcome="out_of_the_blue"),
        event("call.answered", "early end", "10:00:40"),
        ended("early end", "10:00:30"),
    ],
    "lone SMS and runs": [
        event("sms.requested", "message", data=SMS),
        charged("message", "3"),
        event("run.started", "run", data={"flowId": "menu", "contactId": "k2"}),
        entered("run", "s1", "hello", "10:00:00"),
        exited("run", "s1", "hello", "10:00:07", nodeType="say"),
        event("run.ended", "run", data={"outcome": "completed"}),
        charged("run", "2.5", nodeId="hello"),
        charged("only charges", "-1", component="network"),
        event("call.transferred", "transferred", data=TRANSFERRED),
        event("call.charged", "elsewhere", data={"amount": 9}, execution_id=None),
    ],
    "graph order": [
        scheduled(flowId="menu"),
        published(
            [{"id": name, "type": "say", "label": name.upper()} for name in "abcde"]
            + [{"id": "a", "type": "play"}],
            [("d", "b"), ("d", "c"), ("c", "e"), ("b", "e"), ("e", "d"), ("d", "nowhere")],
            startNodeId="d",
        ),
        entered("call", "s1", "z", nodeType="dtmf"),
        pressed("call", "s1", "12", "10:00:01", node_id="z"),
        pressed("call", "s1", "", "10:00:02", node_id="z"),
        pressed("call", "s2", "12345", "10:00:03", node_id="z"),
    ],
    "times": [
        scheduled(scheduledStartAt="2025-12-20T09:00:00.9999999+01:00"),
        {**event("execution.started", EXECUTION), "time": "2025-12-20t09:00:00.123456789z"},
        {**event("call.ringing", "old"), "time": "1969-12-31T23:59:59.999999Z"},
        {**event("call.ringing", "oldest"), "time": "0001-01-01T01:00:00+01:00"},
        {**event("call.ringing", "last"), "time": "9999-12-31T23:59:59.999999Z"},
    ],
    "exact money": [
        charged("a", "999999999999.999999999"),
        charged("b", "0.000000001"),
        charged("c", -1),
        charged("d", "1E-2"),
        charged("d", "2e+3"),
    ],
    "statuses of a contact": [
        event("contact.completed", "k1", "10:00:00"),
        event("contact.enrolled", "k1", "10:00:00"),
        event("contact.retry_scheduled", "k2", "10:00:01"),
        event("contact.queued", "k2", "10:00:00"),
        event("contact.updated", "k3", data={"firstName": "Zoë"}),
        event("contact.skipped", "k4", execution_id="autumn"),
    ],
    "winner of executions": [
        event("call.ringing", "a", "10:00:01", execution_id="autumn"),
        event("call.ringing", "a", "10:00:00"),
        event("call.ringing", "b", "10:00:00", execution_id="autumn"),
        event("call.answered", "b", "10:00:00"),
    ],
}

Figures = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    """The events of all cases."""
    return [{**said, "organizationid": case} for case, of_case in CASES.items() for said in of_case]


@pytest.fixture(scope="module")
def figures(events: list[dict[str, Any]]) -> Figures:
    """By case the figures of its execution."""
    with recomputation(512) as recomputed:
        for place, said in enumerate(events, start=1):
            recomputed.take_event(0, place, 0, as_published(said))
        recomputed.choose([(case, EXECUTION) for case in CASES])
        recomputed.count_events()
        recomputed.compute(int(NOW.timestamp()) * 1_000_000)
        found: Figures = {case: {} for case in CASES}
        for case, _, figure, expected, _ in recomputed.rows(
            "first_differences", {"limit": 100_000}
        ):
            found[case][figure] = expected  # nothing is served here: all that is computed differs
        return found


def test_every_case_equals_the_reference_model(events: list[dict[str, Any]]) -> None:
    """The other reading of the contract comes to the same figures."""
    found, compared = differences_to_model(events, NOW)

    assert [] == found
    assert compared > 300


def test_first_of_an_id_stands(figures: Figures) -> None:
    """What comes later under the same source and id changes nothing (rule 2)."""
    found = figures["duplicate with other content"]
    assert ("1", "0") == (found["callMetrics.busy"], found["callMetrics.rejected"])
    assert "2025-12-20T10:00:00.000Z" == found["calls.a.endedAt"]
    assert "0.1" == found["billingMetrics.totalCreditsUsed"]


def test_correction_wins_whole_and_keeps_the_earliest_end(figures: Figures) -> None:
    """Its missing keys are missing; the time is that of the first end (rule 3)."""
    found = figures["corrected end"]
    assert "completed" == found["calls.a.outcome"]
    assert "2025-12-20T10:01:00.000Z" == found["calls.a.endedAt"]
    assert "55000" == found["calls.a.durationMs"]
    assert "0" == found["callMetrics.completed"]
    assert "1" == found["breakdown.perAttempt.2.callsAttempted"]
    assert "breakdown.perAttempt.1.callsAttempted" not in found


def test_outcome_follows_from_who_answered(figures: Figures) -> None:
    """A machine is voicemail, nobody is failed; what nobody knows shows as failed."""
    found = figures["outcome by who answered"]
    names = ("machine", "unanswered", "odd", "early end")
    assert ["voicemail", "failed", "out_of_the_blue", "completed"] == [
        found[f"calls.{name}.outcome"] for name in names
    ]
    assert "failed" == found["calls.odd.status"]
    assert "0" == found["calls.early end.durationMs"]
    assert "calls.unanswered.durationMs" not in found
    assert "20000" == found["breakdown.total.averageDurationMs"]


def test_messages_and_runs_cost_but_are_no_calls(figures: Figures) -> None:
    """Charges alone make a call; billing counts everything (reports.md, Billing)."""
    found = figures["lone SMS and runs"]
    assert "2" == found["callMetrics.totalCalls"]
    assert ("3", "1") == (found["nodeStats.totalCalls"], found["nodeStats.completedCalls"])
    assert ("4.5", "2") == (
        found["billing.summary.totalCreditsUsed"],
        found["billing.summary.billableCallsCount"],
    )
    assert "2.25" == found["billing.summary.averageCostPerCall"]
    assert ("message", "k9") == (
        found["billing.topCostlyCalls.1.callId"],
        found["billing.topCostlyCalls.1.contactId"],
    )
    assert "k2" == found["billing.topCostlyCalls.2.contactId"]
    assert ("2.5", "1", "7000") == tuple(
        found[f"billing.byNodeType.say.{name}"]
        for name in ("totalCost", "executionCount", "totalDurationMs")
    )
    assert "-1" == found["billing.byNodeType.network.totalCost"]
    assert "3" == found["billing.byNodeType.other.totalCost"]


def test_nodes_come_breadth_first(figures: Figures) -> None:
    """From the start along edges as published, then the rest, then what was only seen."""
    found = figures["graph order"]
    places = {name: int(found[f"nodes.{name}.place"]) for name in "abcdez"}
    assert ["d", "b", "c", "e", "a", "z"] == sorted(places, key=lambda name: places[name])
    assert ("say", "A") == (found["nodes.a.nodeType"], found["nodes.a.nodeLabel"])
    assert ("1", "1", "2") == (
        found["nodes.z.dtmfBreakdown.12.steps"],
        found["nodes.z.dtmfBreakdown.other.steps"],
        found["nodes.z.dtmfInputs"],
    )


def test_times_are_cut_and_never_rounded(figures: Figures) -> None:
    """Before 1970 as well, and at both ends of the calendar."""
    found = figures["times"]
    assert "2025-12-20T08:00:00.999Z" == found["scheduledStartAt"]
    assert "2025-12-20T09:00:00.123Z" == found["actualStartAt"]
    assert str(3 * 3_600_000 - 124) == found["durationMs"]
    assert "1969-12-31T23:59:59.999Z" == found["calls.old.startedAt"]
    assert "0001-01-01T00:00:00.000Z" == found["calls.oldest.startedAt"]
    assert "9999-12-31T23:59:59.999Z" == found["calls.last.startedAt"]


def test_money_is_exact_to_the_billionth(figures: Figures) -> None:
    """Beyond what a double holds, and spelled with an exponent."""
    found = figures["exact money"]
    assert "1000000001999.01" == found["billing.summary.totalCreditsUsed"]
    assert "999999999999.999999999" == found["calls.a.totalCost"]
    assert "0.000000001" == found["calls.b.totalCost"]
    assert "2000.01" == found["calls.d.totalCost"]


def test_contact_counts_once_by_the_winner(figures: Figures) -> None:
    """At equal times the type that the contract lists later."""
    found = figures["statuses of a contact"]
    assert ("2", "1", "1", "0") == tuple(
        found[f"contactMetrics.{name}"]
        for name in ("totalContacts", "completed", "pendingRetry", "skipped")
    )


def test_attempt_belongs_to_one_execution(figures: Figures) -> None:
    """To the one that the winner of all its events names."""
    assert "1" == figures["winner of executions"]["callMetrics.totalCalls"]
    assert "calls.b.status" in figures["winner of executions"]
