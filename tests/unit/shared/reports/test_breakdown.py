"""The breakdown by attempt number, from rows made by hand."""

from shared.reports.breakdown import AttemptBreakdown, BreakdownRow, breakdown


def test_vendors_first_row_gives_the_vendors_percentages() -> None:
    """Busy, rejected and failed are one count; percentages are of the row's own calls."""
    answer = breakdown(
        [
            BreakdownRow(1, "completed", 2800, 2500, 2000, 84_000_000),
            BreakdownRow(1, "voicemail", 400, 0, 400, 16_800_000),
            BreakdownRow(1, "no_answer", 1200, 0, 0, 0),
            BreakdownRow(1, "busy", 300, 0, 0, 0),
            BreakdownRow(1, "rejected", 100, 0, 0, 0),
            BreakdownRow(1, "failed", 200, 0, 0, 0),
            BreakdownRow(2, "voicemail", 1, 1, 1, 1),
            BreakdownRow(2, "ongoing", 2, 0, 0, 0),
        ]
    )
    first, second = answer.per_attempt
    assert first == AttemptBreakdown(
        attempt_number=1,
        calls_attempted=5000,
        calls_connected=3200,
        calls_answered=2800,
        calls_voicemail=400,
        calls_no_answer=1200,
        calls_failed=600,
        calls_completed=2500,
        connected_percentage=64.0,
        answered_percentage=56.0,
        voicemail_percentage=8.0,
        no_answer_percentage=24.0,
        completed_percentage=50.0,
        average_duration_ms=42_000,
    )
    assert (2, 3, 33.33, 33.33, 1) == (
        second.attempt_number,
        second.calls_attempted,
        second.connected_percentage,
        second.completed_percentage,
        second.average_duration_ms,
    )
    # 100,800,001 ms over 2,401 calls: the total is over calls, not over rows.
    assert (0, 5003, 2501, 41_983) == (
        answer.total.attempt_number,
        answer.total.calls_attempted,
        answer.total.calls_completed,
        answer.total.average_duration_ms,
    )


def test_no_calls_give_an_empty_total() -> None:
    """Zeros, not an error."""
    answer = breakdown([])
    assert ([], 0, 0.0, 0) == (
        answer.per_attempt,
        answer.total.calls_attempted,
        answer.total.connected_percentage,
        answer.total.average_duration_ms,
    )
