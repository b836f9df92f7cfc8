"""Which events count, and which of competing facts wins."""

from __future__ import annotations

import random

from tests.reference_model import ReferenceModel
from tests.unit.reference_model.given import (
    EXECUTION,
    ORGANIZATION,
    at,
    calls_of,
    charged,
    entered,
    event,
    exited,
    pressed,
    published,
    report_of,
    scheduled,
)


def test_conflicting_duplicates_first_in_the_log_stands() -> None:
    """One kind, subject, source and id is one event, whatever else differs."""
    first = event("call.ended", "c1", "10:00:00", {"outcome": "busy"}, id_="same")
    later = event("call.ended", "c1", "11:00:00", {"outcome": "failed"}, id_="same")
    other_type = event("node.entered", "c1", data={"stepId": "s", "nodeId": "n"}, id_="same")

    (call,) = calls_of(first, later, other_type)

    assert (call["outcome"], call["endedAt"]) == ("busy", "2025-12-20T10:00:00.000Z")


def test_same_id_from_another_source_counts_again() -> None:
    """An id is unique together with its source only."""
    events = [
        event("call.charged", "c1", data={"amount": 1}, id_="same", source=source)
        for source in ("/a", "/b", "/b")
    ]

    assert calls_of(*events)[0]["totalCost"] == 2


def test_equal_times_higher_rank_wins() -> None:
    """At equal times the type lower in the contract's list decides."""
    paused = event("execution.paused", EXECUTION, "09:00:00", {"reason": "manual"})
    resumed = event("execution.resumed", EXECUTION, "09:00:00")

    assert report_of(resumed, paused)["status"] == "running"


def test_digits_beyond_the_microsecond_are_cut_and_source_decides() -> None:
    """The seventh digit orders nothing, so that the greater source wins the tie."""
    early = event("call.ended", "c1", "10:00:00.1234561", {"outcome": "busy"}, source="/z")
    late = event("call.ended", "c1", "10:00:00.1234569", {"outcome": "failed"}, source="/a")

    assert calls_of(early, late)[0]["outcome"] == "busy"


def test_initiated_twice_merges_key_by_key() -> None:
    """Each key has its own winner, and a null key is an absent one."""
    early = event("call.initiated", "c1", "10:00:00", {"from": "1", "to": "2", "attempt": 3})
    late = event("call.initiated", "c1", "10:00:01", {"from": "9", "to": None, "contactId": "k"})

    (call,) = calls_of(late, early)

    assert (call["from"], call["to"], call["attempt"]) == ("9", "2", 3)
    assert (call["contactId"], call["direction"]) == ("k", "outbound")


def test_corrected_end_keeps_the_earliest_time_and_no_key_of_the_loser() -> None:
    """The winner gives everything but the time; the loser's duration does not survive."""
    first = event("call.ended", "c1", "10:00:05", {"outcome": "completed", "durationMs": 4000})
    correction = event("call.ended", "c1", "10:09:00", {"outcome": "busy"})

    (call,) = calls_of(first, correction)

    assert (call["status"], call["endedAt"]) == ("busy", "2025-12-20T10:00:05.000Z")
    assert "durationMs" not in call


def test_execution_named_by_a_losing_event_exists_and_is_empty() -> None:
    """Any event brings an execution into being; its attempts are those whose winner names it."""
    events = [
        event("call.ringing", "c1", "10:00:00", execution_id="lost"),
        event("call.ended", "c1", "10:00:01", execution_id="won"),
        event("call.recorded", "c1", "10:00:02", {"recordingId": "r"}, execution_id=None),
    ]
    model = ReferenceModel(events)

    lost = model.report(ORGANIZATION, "lost", at("2025-12-20T12:00:00Z"))

    assert model.execution_ids(ORGANIZATION) == ["lost", "won"]
    assert lost is not None
    assert (lost["status"], lost["effectiveStatus"]) == (None, None)
    assert lost["callMetrics"]["totalCalls"] == 0
    assert model.calls("another", "won") is None


def test_any_permutation_and_duplication_gives_the_same_reports() -> None:
    """Rule 1 of the contract, over a set that touches every report."""
    events = [
        published([{"id": "keys", "type": "dtmf"}], startNodeId="keys"),
        scheduled(flowId="menu"),
        event("execution.started", EXECUTION, "09:00:00"),
        *[event("call.initiated", f"c{n}", "09:10:00", {"attempt": n}) for n in (1, 2)],
        *[entered("c1", f"s{n}", "keys", f"09:1{n}:00", nodeType="say") for n in (1, 2)],
        pressed("c1", "s1", "1"),
        pressed("c1", "s1", "2"),
        exited("c1", "s1", "keys", "10:05:00"),
        charged("c1", "0.3", nodeId="keys"),
        event("call.ended", "c1", "10:10:00", {"outcome": "busy"}),
        event("call.ended", "c1", "10:10:00", {"outcome": "failed"}),
        event("contact.enrolled", "k1"),
        event("contact.completed", "k1"),
    ]
    shuffler = random.Random(20251220)

    bodies = []
    for _ in range(10):
        shuffled = shuffler.sample(events, len(events)) + shuffler.choices(events, k=5)
        model = ReferenceModel(shuffled)
        bodies.append(
            [
                model.report(ORGANIZATION, EXECUTION, at("2025-12-20T12:00:00Z")),
                model.calls(ORGANIZATION, EXECUTION),
                model.breakdown(ORGANIZATION, EXECUTION),
                model.node_stats(ORGANIZATION, EXECUTION),
                model.billing(ORGANIZATION, EXECUTION),
            ]
        )

    assert all(body == bodies[0] for body in bodies)
