"""Whether an instant lies in a pause window, and how windows leave."""

from typing import Any

import msgspec
import pytest

from shared.contracts.execution_events import ExecutionScheduledData
from shared.contracts.instants import instant_us
from shared.reports.pause_windows import answer_windows, in_pause_window


def _plan(windows: dict[str, Any] | None, timezone: str | None = None) -> ExecutionScheduledData:
    said = {"programId": "p", "pauseWindows": windows, "timezone": timezone}
    return msgspec.convert(said, ExecutionScheduledData)


def _window(start: str, end: str) -> dict[str, dict[str, int]]:
    return {
        name: {"hour": int(text[:2]), "minute": int(text[3:])}
        for name, text in (("startAt", start), ("endAt", end))
    }


@pytest.mark.parametrize(
    ("window", "now", "expected"),
    (
        (("12:00", "14:00"), "2025-12-22T11:59:59Z", False),
        (("12:00", "14:00"), "2025-12-22T12:00:00Z", True),
        (("12:00", "14:00"), "2025-12-22T13:59:59Z", True),
        (("12:00", "14:00"), "2025-12-22T14:00:00Z", False),
        (("12:00", "14:00"), "2025-12-23T12:30:00Z", False),
        (("12:00", "12:00"), "2025-12-22T12:00:00Z", False),
        (("00:00", "23:59"), "2025-12-22T23:59:59Z", True),
        (("00:00", "23:59"), "2025-12-23T00:00:00Z", False),
        (("23:59", "23:59"), "2025-12-22T23:59:30Z", False),
        (("22:00", "06:00"), "2025-12-22T21:59:00Z", False),
        (("22:00", "06:00"), "2025-12-22T22:00:00Z", True),
        (("22:00", "06:00"), "2025-12-23T05:59:59Z", True),
        (("22:00", "06:00"), "2025-12-23T06:00:00Z", False),
        (("22:00", "06:00"), "2025-12-22T05:00:00Z", False),
    ),
)
def test_monday_window_covers_its_minutes(
    window: tuple[str, str], now: str, expected: bool
) -> None:
    """Start inclusive, end exclusive; 23:59 closes the day; a smaller end crosses midnight."""
    plan = _plan({"monday": [_window(*window)]})
    assert expected == in_pause_window(plan, instant_us(now))


def test_sunday_window_reaches_into_monday() -> None:
    """The week is a circle."""
    plan = _plan({"sunday": [_window("22:00", "06:00")]})
    assert in_pause_window(plan, instant_us("2025-12-22T05:59:00Z"))


@pytest.mark.parametrize(
    ("now", "expected"),
    (
        ("2025-07-07T10:00:00Z", True),  # 12:00 in Paris, summer
        ("2025-07-07T12:00:00Z", False),
        ("2025-12-22T10:59:00Z", False),
        ("2025-12-22T11:00:00Z", True),  # 12:00 in Paris, winter
    ),
)
def test_weekly_windows_follow_daylight_saving(now: str, expected: bool) -> None:
    """The wall clock of the execution's time zone is compared."""
    plan = _plan({"monday": [_window("12:00", "14:00")]}, "Europe/Paris")
    assert expected == in_pause_window(plan, instant_us(now))


@pytest.mark.parametrize(
    ("now", "expected"),
    (
        ("2025-12-24T16:59:59.999999Z", False),
        ("2025-12-24T17:00:00Z", True),
        ("2025-12-26T08:00:00Z", False),
    ),
)
def test_advanced_window_lies_between_instants(now: str, expected: bool) -> None:
    """Whatever the time zone of the execution."""
    between = {"startAt": "2025-12-24T18:00:00+01:00", "endAt": "2025-12-26T08:00:00Z"}
    plan = _plan({"advanced": [between]}, "Asia/Tokyo")
    assert expected == in_pause_window(plan, instant_us(now))


def test_no_plan_and_no_windows_pause_nothing() -> None:
    """What is not known is no window."""
    assert not in_pause_window(None, 0)
    assert not in_pause_window(_plan(None), 0)
    assert not in_pause_window(_plan({"monday": []}), 0)


def test_windows_leave_with_the_contracts_keys() -> None:
    """Only said days, in the order of the week; instants in UTC with milliseconds."""
    windows = {
        "advanced": [
            {"startAt": "2025-12-24T18:00:00.1239+01:00", "endAt": "2025-12-26T08:00:00Z"}
        ],
        "sunday": [_window("12:00", "14:30")],
        "monday": [],
    }
    plan = _plan(windows)
    assert plan.pause_windows is not None
    assert (
        b'{"monday":[],"sunday":[{"startAt":{"hour":12,"minute":0},'
        b'"endAt":{"hour":14,"minute":30}}],"advanced":[{"startAt":"2025-12-24T17:00:00.123Z",'
        b'"endAt":"2025-12-26T08:00:00.000Z"}]}'
    ) == msgspec.json.encode(answer_windows(plan.pause_windows))
