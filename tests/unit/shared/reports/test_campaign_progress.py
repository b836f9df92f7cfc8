"""Progress and figures of a campaign, against the vendor's examples (seed-systems.md, 2.4)."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from shared.folds.execution import ExecutionState
from shared.folds.states import encode_state
from shared.reports.campaign_progress import ProgressRows, campaign, campaign_progress

_STATE = encode_state(
    ExecutionState(0, 2, started_us=1_500_000, activity=(1, 1, "/s", "e", "paused_threshold"))
)
_ROWS = ProgressRows(
    contacts={
        "completed": 325,
        "failed": 25,
        "calling": 5,
        "pending": 100,
        "queued": 40,
        "pendingRetry": 5,
        "skipped": 7,
    },
    calls=400,
    messages=0,
    answered=300,
    duration_ms=14_625_000,
    cost=Decimal("12.3400"),
    first_us=0,
    latest=_STATE,
)


def test_buckets_and_rates_are_the_vendors() -> None:
    """Skipped contacts are in none, so that the four sum to the total."""
    progress = campaign_progress(_ROWS, []).progress
    assert (500, 325, 25, 5, 145) == (
        progress.total_contacts,
        progress.completed,
        progress.failed,
        progress.processing,
        progress.pending,
    )
    assert (70.0, 92.86) == (progress.progress_percentage, progress.success_rate)


def test_metrics_are_the_vendors() -> None:
    """Seconds of a completed contact; the cost exact."""
    metrics = campaign_progress(_ROWS, []).metrics
    assert (14_625, 45, 92.86, 75.0, 65.0) == (
        metrics.total_duration_seconds,
        metrics.average_duration_seconds,
        metrics.success_rate,
        metrics.answer_rate,
        metrics.completion_rate,
    )
    assert b"12.34" == bytes(metrics.actual_cost)


@pytest.mark.parametrize(("duration_ms", "expected"), ((1_499, 0), (1_500, 1), (2_998, 1)))
def test_average_is_rounded_once(duration_ms: int, expected: int) -> None:
    """From milliseconds to whole seconds, halves up: three contacts."""
    rows = replace(_ROWS, contacts={"completed": 3}, duration_ms=duration_ms)
    assert expected == campaign_progress(rows, []).metrics.average_duration_seconds


def test_nothing_divides_by_zero() -> None:
    """A campaign that has not begun has zeros."""
    rows = ProgressRows({}, 0, 0, 0, 0, Decimal(0), None, None)
    report = campaign_progress(rows, [])
    assert (0.0, 0.0) == (report.progress.progress_percentage, report.progress.success_rate)
    assert (0, 0.0) == (report.metrics.average_duration_seconds, report.metrics.answer_rate)
    assert campaign("7", rows).campaign_type is None


@pytest.mark.parametrize(
    ("calls", "messages", "expected"), ((1, 0, "call"), (0, 1, "sms"), (1, 1, "mixed"))
)
def test_campaign_is_of_the_type_that_it_made(calls: int, messages: int, expected: str) -> None:
    """No event says it."""
    rows = replace(_ROWS, calls=calls, messages=messages)
    assert expected == campaign("7", rows).campaign_type


def test_campaign_has_status_and_times_of_its_latest_execution() -> None:
    """Every kind of pause is one; without a plan there is no name."""
    found = campaign("7", _ROWS)
    assert (7, "paused", None, "1970-01-01T00:00:01Z", None) == (
        found.id,
        found.status,
        found.name,
        found.started_at,
        found.completed_at,
    )
