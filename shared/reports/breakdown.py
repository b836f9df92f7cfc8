"""Calls by attempt number: `GET …/report/breakdown` (reports.md, Breakdown)."""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from msgspec import Struct

from shared.reports.arithmetic import average_ms, rate
from shared.reports.call_counts import count_calls

_TOTAL_NUMBER = 0  # the attempt number that the total carries


class BreakdownRow(NamedTuple):
    """Calls of one attempt number and history status."""

    attempt: int
    status: str
    calls: int
    flow_completed: int
    #: Calls whose duration is known, and the sum of those durations.
    durations: int
    duration_ms: int


class AttemptBreakdown(Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """One attempt number; percentages are of its `callsAttempted`."""

    attempt_number: int
    calls_attempted: int
    calls_connected: int
    calls_answered: int
    calls_voicemail: int
    calls_no_answer: int
    #: Busy, rejected and failed.
    calls_failed: int
    calls_completed: int
    connected_percentage: float
    answered_percentage: float
    voicemail_percentage: float
    no_answer_percentage: float
    completed_percentage: float
    #: Over the calls whose duration is known.
    average_duration_ms: int


class Breakdown(Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """The answer."""

    per_attempt: list[AttemptBreakdown]
    total: AttemptBreakdown


def breakdown(rows: Sequence[BreakdownRow]) -> Breakdown:
    """A row per attempt number and the total; `rows` are in order of attempt number."""
    return Breakdown(
        per_attempt=[
            _attempt_breakdown(number, list(group))
            for number, group in groupby(rows, key=lambda row: row.attempt)
        ],
        total=_attempt_breakdown(_TOTAL_NUMBER, rows),
    )


def _attempt_breakdown(number: int, rows: Sequence[BreakdownRow]) -> AttemptBreakdown:
    counts = count_calls((row.status, row.calls, row.flow_completed) for row in rows)
    attempted = counts.total
    return AttemptBreakdown(
        attempt_number=number,
        calls_attempted=attempted,
        calls_connected=counts.connected,
        calls_answered=counts.completed,
        calls_voicemail=counts.voicemail,
        calls_no_answer=counts.no_answer,
        calls_failed=counts.busy + counts.rejected + counts.failed,
        calls_completed=counts.flow_completed,
        connected_percentage=rate(counts.connected, attempted),
        answered_percentage=rate(counts.completed, attempted),
        voicemail_percentage=rate(counts.voicemail, attempted),
        no_answer_percentage=rate(counts.no_answer, attempted),
        completed_percentage=rate(counts.flow_completed, attempted),
        average_duration_ms=average_ms(
            sum(row.duration_ms for row in rows), sum(row.durations for row in rows)
        ),
    )
