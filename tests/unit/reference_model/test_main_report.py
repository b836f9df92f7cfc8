"""Status, timing, metadata and contacts of the main report."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.reference_model import ReferenceModel
from tests.unit.reference_model.given import (
    EXECUTION,
    ORGANIZATION,
    event,
    published,
    report_of,
    scheduled,
)


def test_earliest_terminal_event_decides_and_at_equal_times_the_higher_rank() -> None:
    """What comes after the end changes nothing, not even a resume."""
    events = [
        event("execution.started", EXECUTION, "09:00:00.0005"),
        event("execution.cancelled", EXECUTION, "10:00:00.0004"),
        event("execution.completed", EXECUTION, "10:00:00.0004"),
        event("execution.stopped", EXECUTION, "10:30:00"),
        event("execution.resumed", EXECUTION, "11:00:00"),
    ]

    report = report_of(*events)

    assert (report["status"], report["effectiveStatus"]) == ("cancelled", "cancelled")
    assert report["actualEndAt"] == "2025-12-20T10:00:00.000Z"
    assert report["durationMs"] == 3_599_999


def test_running_execution_lasts_until_now_cut_to_the_second() -> None:
    """The fraction of now does not count, and time never runs backwards."""
    started = event("execution.started", EXECUTION, "09:00:00.25")

    assert report_of(started, now="2025-12-20T09:00:01.9Z")["durationMs"] == 750
    assert report_of(started, now="2025-12-20T08:00:00Z")["durationMs"] == 0


def test_reasons_of_a_pause_give_three_statuses() -> None:
    """A manual pause is `paused` as stored and `paused_manual` in effect."""
    started = event("execution.started", EXECUTION, "09:00:00")
    seen = []
    for reason in ("manual", "no_credits", "threshold"):
        paused = event("execution.paused", EXECUTION, "09:30:00", {"reason": reason})
        report = report_of(started, paused)
        seen.append((report["status"], report["effectiveStatus"]))

    assert seen == [
        ("paused", "paused_manual"),
        ("paused_no_credits", "paused_no_credits"),
        ("paused_threshold", "paused_threshold"),
    ]


def test_execution_over_or_scheduled_in_a_window_keeps_its_status() -> None:
    """Only a running execution is `paused_window`; `isInPauseWindow` tells all the same."""
    always = {"startAt": "2025-12-20T00:00:00Z", "endAt": "2025-12-21T00:00:00Z"}
    waiting = scheduled(pauseWindows={"advanced": [always]})
    stopped = event("execution.stopped", EXECUTION, "09:00:00", execution_id=None)

    for events, status in (([waiting], "scheduled"), ([waiting, stopped], "stopped")):
        report = report_of(*events)
        assert (report["effectiveStatus"], report["isInPauseWindow"]) == (status, True)


def test_execution_named_by_its_subject_alone_exists() -> None:
    """The `executionid` of an `execution.*` event may be absent."""
    started = event("execution.started", EXECUTION, execution_id=None)

    assert report_of(started)["status"] == "running"


def test_execution_without_events_of_its_own_has_the_required_keys_as_null() -> None:
    """Optional keys are absent, required ones null, figures zero."""
    report = report_of(event("contact.enrolled", "k1"))

    assert list(report) == [
        "executionId",
        "programId",
        "organizationId",
        "status",
        "effectiveStatus",
        "isInPauseWindow",
        "scheduledStartAt",
        "metadata",
        "contactMetrics",
        "callMetrics",
        "billingMetrics",
    ]
    assert report["scheduledStartAt"] is None
    assert report["metadata"] == dict.fromkeys(
        ("flowId", "flowName", "audienceId", "didPool", "retryStrategy")
    )
    assert report["billingMetrics"]["averageCostPerCall"] == 0


def test_winning_schedule_replaces_the_other_as_a_whole() -> None:
    """`execution.scheduled` does not merge: keys of the loser are gone."""
    first = scheduled("08:00:00", audienceId="a", scheduledStartAt="2025-12-20T10:00:00+01:00")
    second = scheduled(
        "08:30:00",
        flowId="menu",
        retryStrategy={"type": "scheduled", "retryDates": ["2025-12-20T10:00:00+01:00"], "x": 1},
    )

    report = report_of(first, second, published([]))

    assert report["scheduledStartAt"] is None
    assert report["metadata"]["audienceId"] is None
    assert report["metadata"]["flowName"] == "Menu"
    assert report["metadata"]["retryStrategy"] == {
        "type": "scheduled",
        "retryDates": ["2025-12-20T09:00:00.000Z"],
    }


def test_contact_counts_once_by_its_winning_status() -> None:
    """At equal times rank decides; a contact that was never enrolled counts, one updated not."""
    events = [
        event("contact.completed", "k1", "10:00:00"),
        event("contact.calling", "k1", "10:00:00"),
        event("contact.enrolled", "k2", "09:00:00"),
        event("contact.retry_scheduled", "k2", "09:30:00"),
        event("contact.skipped", "k3"),
        event("contact.completed", "k3", "11:00:00", execution_id="another"),
        event("contact.updated", "k4"),
    ]

    metrics = report_of(*events)["contactMetrics"]

    assert metrics == {
        "totalContacts": 3,
        "pending": 0,
        "queued": 0,
        "calling": 0,
        "pendingRetry": 1,
        "completed": 1,
        "failed": 0,
        "skipped": 1,
        "reachRate": Decimal("33.33"),
    }


def test_profile_merges_key_by_key_and_null_removes() -> None:
    """Attributes merge name by name; null for all of them says nothing."""
    updates: list[tuple[str, dict[str, Any]]] = [
        ("12:00:00", {"phone": None, "attributes": None}),
        ("10:00:00", {"firstName": "A", "phone": "1", "attributes": {"x": 1, "y": 2}}),
        ("11:00:00", {"firstName": "", "lastName": "B", "attributes": {"x": None, "z": 3}}),
    ]
    events = [event("contact.updated", "k1", clock, data) for clock, data in updates]

    profile = ReferenceModel(events).contact_profile(ORGANIZATION, "k1")

    assert profile == {
        "firstName": None,
        "lastName": "B",
        "phone": None,
        "email": None,
        "attributes": {"y": 2, "z": 3},
    }
