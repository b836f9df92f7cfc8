"""What kind an attempt is, where it belongs, how it went."""

from __future__ import annotations

from typing import Any

import pytest

from tests.reference_model import ReferenceModel
from tests.unit.reference_model.given import (
    EXECUTION,
    ORGANIZATION,
    billing_of,
    calls_of,
    charged,
    entered,
    event,
    known,
    node_stats_of,
)

SMS: dict[str, Any] = {"smsId": "m", "from": "1", "to": "2", "body": "hi", "contactId": "k9"}


def test_kinds_of_attempts_decide_what_counts_as_call() -> None:
    """Calls and runs count in node stats, calls in the history, everything in billing."""
    events = [
        charged("only-charges", 1),
        event("call.ringing", "call"),
        event("sms.requested", "call", data=SMS),
        event("variable.set", "run", data={"name": "x", "value": 1}),
        event("sms.requested", "run", data=SMS),
        charged("run", 2),
        event("sms.requested", "message", data=SMS),
        charged("message", 3),
    ]

    assert [call["callId"] for call in calls_of(*events)] == ["call", "only-charges"]
    assert node_stats_of(*events)["totalCalls"] == 3
    top = billing_of(*events)["topCostlyCalls"]
    assert [(row["callId"], row["contactId"]) for row in top] == [
        ("message", "k9"),
        ("run", None),
        ("only-charges", None),
    ]


def test_late_call_event_turns_a_run_into_a_call() -> None:
    """The kind follows from the set: any `call.*` but a charge makes a call."""
    events = [entered("x", "s", "n"), event("run.ended", "x", data={"outcome": "completed"})]

    assert calls_of(*events) == []
    (call,) = calls_of(*events, event("call.finalized", "x"))
    assert (call["status"], call["outcome"], call["attempt"]) == ("ongoing", None, 1)
    assert (call["from"], call["startedAt"]) == (None, "2025-12-20T10:00:00.000Z")


def test_contact_of_a_call_falls_back_to_its_run() -> None:
    """`run.started` speaks where `call.initiated` does not say the key."""
    events = [
        event("call.initiated", "c1", data={"from": "1", "to": "2"}),
        event("run.started", "c1", data={"flowId": "menu", "contactId": "k1"}),
    ]

    assert calls_of(*events)[0]["contactId"] == "k1"


ANSWERED = event("call.answered", "c1", "10:00:02")
HUMAN = event("call.answered", "c1", "10:00:02", {"answeredBy": "human"})
MACHINE = event("call.amd_completed", "c1", "10:00:04", {"answeredBy": "machine"})
ENDED = event("call.ended", "c1", "10:00:09")


@pytest.mark.parametrize(
    ("events", "outcome", "status"),
    (
        ([], None, "ongoing"),
        ([ENDED], "failed", "failed"),
        ([ENDED, ANSWERED], "completed", "completed"),
        ([ENDED, HUMAN, MACHINE], "voicemail", "voicemail"),
        ([ENDED, MACHINE], "voicemail", "voicemail"),
        ([ENDED, ANSWERED, MACHINE, HUMAN], "voicemail", "voicemail"),
        ([event("call.ended", "c1", data={"outcome": "cancelled"})], "cancelled", "failed"),
        ([event("call.ended", "c1", data={"outcome": "strange"})], "strange", "failed"),
    ),
)
def test_outcome_said_or_derived_gives_the_history_status(
    events: list[dict[str, Any]], outcome: str | None, status: str
) -> None:
    """What no outcome says follows from the answer; unknown outcomes show as failed."""
    (call,) = calls_of(event("call.ringing", "c1", "09:59:59"), *events)

    assert (call["outcome"], call["status"]) == (outcome, status)


def test_duration_without_a_figure_runs_from_the_earliest_answer_to_the_earliest_end() -> None:
    """2.0005 s to 9.0001 s are 6999 whole milliseconds; an end before the answer gives 0."""
    answers = [event("call.answered", "c1", clock) for clock in ("10:00:02.0005", "10:00:05")]
    ends = [event("call.ended", "c1", clock) for clock in ("10:00:09.0001", "10:00:30")]
    early_end = event("call.ended", "c1", "10:00:01")

    assert calls_of(*answers, *ends)[0]["durationMs"] == 6999
    assert calls_of(*answers, *ends, early_end)[0]["durationMs"] == 0


def test_breakdown_has_a_row_per_attempt_number_and_a_total() -> None:
    """Failed is busy, rejected and failed; averages take the calls that have a duration."""
    ends: list[tuple[str, int, dict[str, Any]]] = [
        ("c1", 1, {"outcome": "completed", "durationMs": 1000, "flowOutcome": "completed"}),
        ("c2", 1, {"outcome": "voicemail", "durationMs": 2001}),
        ("c3", 1, {"outcome": "rejected"}),
        ("c4", 3, {"outcome": "no_credits"}),
    ]
    events = [event("call.ended", subject, data=end) for subject, _, end in ends]
    events += [
        event("call.initiated", subject, data={"from": "1", "to": "2", "attempt": number})
        for subject, number, _ in ends
    ]
    events.append(event("call.ringing", "live"))
    events.append(event("run.ended", "live", data={"outcome": "completed"}))

    breakdown = known(ReferenceModel(events).breakdown(ORGANIZATION, EXECUTION))

    first, third = breakdown["perAttempt"]
    assert (first["attemptNumber"], first["callsAttempted"], first["callsFailed"]) == (1, 4, 1)
    assert (first["callsConnected"], first["callsCompleted"]) == (2, 2)
    assert (first["connectedPercentage"], first["averageDurationMs"]) == (50, 1501)
    assert (third["attemptNumber"], third["callsFailed"], third["averageDurationMs"]) == (3, 1, 0)
    assert breakdown["total"]["attemptNumber"] == 0
    assert breakdown["total"]["callsAttempted"] == 5


def test_history_is_filtered_before_it_is_paged() -> None:
    """Order is start, then id; beyond the end there is nothing."""
    events = [event("call.ended", f"c{n}", data={"outcome": "busy"}) for n in (3, 1, 2)]
    events.append(event("call.ringing", "c4", "09:00:00"))
    model = ReferenceModel(events)

    everything = known(model.calls(ORGANIZATION, EXECUTION))

    second = known(model.calls(ORGANIZATION, EXECUTION, page=2, limit=2, status="busy"))
    beyond = known(model.calls(ORGANIZATION, EXECUTION, page=9))

    assert [call["callId"] for call in everything["data"]] == ["c4", "c1", "c2", "c3"]
    assert [call["callId"] for call in second["data"]] == ["c3"]
    assert second["meta"] == {"page": 2, "limit": 2, "total": 3, "totalPages": 2}
    assert (beyond["data"], beyond["meta"]["total"]) == ([], 4)
