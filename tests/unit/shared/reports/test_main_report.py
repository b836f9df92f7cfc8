"""The main report, from rows made by hand."""

from decimal import Decimal
from typing import Any

import msgspec

from shared.contracts.execution_events import FixedDelayRetry, NoRetry, PauseWindows, ScheduledRetry
from shared.contracts.instants import instant_us
from shared.contracts.reference_events import FlowPublishedData
from shared.reports.executions import Execution
from shared.reports.main_report import MainReportRows, main_report
from tests.unit.shared.reports.given import plan

_NO_ROWS = MainReportRows(contacts={}, calls=[], cost=Decimal(0), billable=0)
_FLOW = FlowPublishedData(name="Published", version=1, nodes=[], edges=[])


def _report(
    execution: Execution,
    rows: MainReportRows = _NO_ROWS,
    now: str = "2025-12-22T12:00:00.999Z",
    flow: FlowPublishedData | None = None,
) -> dict[str, Any]:
    answer = main_report("acme", "spring", execution, flow, rows, instant_us(now))
    decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(answer))
    return decoded


def test_vendors_example_gives_the_vendors_figures() -> None:
    """The rates of `seeds/002…`: 70.0, 64.52, 56.45 and an average of 1.1625."""
    rows = MainReportRows(
        contacts={
            "pending": 1000, "queued": 50, "calling": 25, "pendingRetry": 200,
            "completed": 3500, "failed": 200, "skipped": 25,
        },
        calls=[
            ("completed", 3500, 3200), ("voicemail", 500, 0), ("no_answer", 1500, 0),
            ("busy", 400, 0), ("rejected", 100, 0), ("failed", 200, 0),
        ],
        cost=Decimal("4650.00"),
        billable=4000,
    )  # fmt: skip
    answer = _report(Execution(), rows)
    assert (5000, 70.0) == (
        answer["contactMetrics"]["totalContacts"],
        answer["contactMetrics"]["reachRate"],
    )
    assert {
        "totalCalls": 6200,
        "connected": 4000,
        "answered": 3500,
        "voicemail": 500,
        "noAnswer": 1500,
        "busy": 400,
        "rejected": 100,
        "failed": 200,
        "completed": 3200,
        "connectionRate": 64.52,
        "answerRate": 56.45,
    } == answer["callMetrics"]
    assert {
        "totalCreditsUsed": 4650,
        "billableCallsCount": 4000,
        "averageCostPerCall": 1.1625,
    } == answer["billingMetrics"]


def test_calls_in_progress_count_in_the_total() -> None:
    """They are in no bucket, but in every rate's denominator."""
    rows = msgspec.structs.replace(_NO_ROWS, calls=[("ongoing", 3, 1), ("completed", 1, 0)])
    metrics = _report(Execution(), rows)["callMetrics"]
    assert (4, 1, 25.0, 1) == tuple(
        metrics[name] for name in ("totalCalls", "connected", "answerRate", "completed")
    )


def test_running_execution_in_a_window_is_paused_and_ages() -> None:
    """Now counts in whole seconds; an end is not there yet."""
    windows = msgspec.convert(
        {"monday": [{"startAt": {"hour": 12, "minute": 0}, "endAt": {"hour": 14, "minute": 0}}]},
        PauseWindows,
    )
    execution = Execution(
        plan=plan(pause_windows=windows, scheduled_stop_at="2025-12-22T18:00:00+02:00"),
        status="running",
        started_us=instant_us("2025-12-22T11:59:58.5Z"),
    )
    answer = _report(execution)
    assert ("running", "paused_window", True) == (
        answer["status"],
        answer["effectiveStatus"],
        answer["isInPauseWindow"],
    )
    assert ("2025-12-22T16:00:00.000Z", "2025-12-22T11:59:58.500Z", 1500) == (
        answer["scheduledStopAt"],
        answer["actualStartAt"],
        answer["durationMs"],
    )
    assert "actualEndAt" not in answer
    assert answer["scheduledStartAt"] is None


def test_retry_strategy_leaves_with_the_contracts_keys() -> None:
    """Dates in UTC with milliseconds."""
    for strategy, expected in (
        (NoRetry(), {"type": "none"}),
        (FixedDelayRetry(30, 2), {"type": "fixed_delay", "delayMinutes": 30, "maxRetries": 2}),
        (
            ScheduledRetry(["2025-12-21T10:00:00+01:00"]),
            {"type": "scheduled", "retryDates": ["2025-12-21T09:00:00.000Z"]},
        ),
        (None, None),
    ):
        answer = _report(Execution(plan=plan(retry_strategy=strategy)))
        assert expected == answer["metadata"]["retryStrategy"]


def test_published_name_is_second_choice() -> None:
    """An empty name is null, and so gives way."""
    for said, flow, expected in (
        ("Mine", _FLOW, "Mine"),
        ("", _FLOW, "Published"),
        (None, _FLOW, "Published"),
        ("", None, None),
        (None, msgspec.structs.replace(_FLOW, name=""), None),
    ):
        execution = Execution(plan=plan(flow_id="menu", flow_name=said))
        assert expected == _report(execution, flow=flow)["metadata"]["flowName"]


def test_metadata_without_windows_has_no_such_key() -> None:
    """The vendor marks it as optional; the others are null."""
    assert "pauseWindows" not in _report(Execution(plan=plan()))["metadata"]
    empty = Execution(plan=plan(pause_windows=PauseWindows()))
    assert {} == _report(empty)["metadata"]["pauseWindows"]
