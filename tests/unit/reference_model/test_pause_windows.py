"""Pause windows in the wall clock of the execution's zone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.reference_model.pause_windows import in_pause_window
from tests.unit.reference_model.given import at, report_of, scheduled


def window(start: str, end: str) -> dict[str, Any]:
    """Build one weekly window from two times `HH:MM`."""
    ends = zip(("startAt", "endAt"), (start, end), strict=True)
    return {key: {"hour": int(clock[:2]), "minute": int(clock[3:])} for key, clock in ends}


@pytest.mark.parametrize(
    ("start", "end", "now", "inside"),
    (
        ("12:00", "14:00", "2025-12-20T11:59:59Z", False),
        ("12:00", "14:00", "2025-12-20T12:00:00Z", True),
        ("12:00", "14:00", "2025-12-20T13:59:59Z", True),
        ("12:00", "14:00", "2025-12-20T14:00:00Z", False),
        ("12:00", "23:59", "2025-12-20T23:59:59Z", True),
        ("12:00", "23:59", "2025-12-21T00:00:00Z", False),
        ("12:00", "12:00", "2025-12-20T12:00:00Z", False),
        ("23:59", "23:59", "2025-12-20T23:59:00Z", False),
        ("22:00", "06:00", "2025-12-20T21:59:59Z", False),
        ("22:00", "06:00", "2025-12-20T22:00:00Z", True),
        ("22:00", "06:00", "2025-12-21T05:59:59Z", True),
        ("22:00", "06:00", "2025-12-21T06:00:00Z", False),
        ("22:00", "06:00", "2025-12-20T05:00:00Z", False),
        ("22:00", "00:00", "2025-12-21T00:00:00Z", False),
    ),
)
def test_weekly_window_of_saturday_is_minute_for_minute(
    start: str, end: str, now: str, *, inside: bool
) -> None:
    """Start inclusive, end exclusive, 23:59 closes the day, an earlier end crosses midnight."""
    assert in_pause_window({"saturday": [window(start, end)]}, "UTC", at(now)) is inside


@pytest.mark.parametrize(
    ("now", "inside"),
    (
        # Before the clocks go back 02:30 is summer time, an hour later it is 02:30 again.
        ("2025-10-26T00:30:00Z", True),
        ("2025-10-26T01:30:00Z", True),
        ("2025-10-26T02:00:00Z", False),
        # When they go forward, 02:00 to 03:00 does not exist: 01:59 is followed by 03:00.
        ("2025-03-30T00:59:59Z", False),
        ("2025-03-30T01:00:00Z", False),
    ),
)
def test_weekly_window_on_a_change_of_clocks_follows_the_wall(now: str, *, inside: bool) -> None:
    """The local wall clock is compared, whichever of two equal hours it shows."""
    windows = {"sunday": [window("02:00", "03:00")]}

    assert in_pause_window(windows, "Europe/Berlin", at(now)) is inside


def test_sunday_night_window_reaches_into_monday_of_the_zone() -> None:
    """The weekday is the zone's: 20:30 UTC on Sunday is Monday morning in Tokyo."""
    windows = {"sunday": [window("22:00", "06:00")]}

    assert in_pause_window(windows, "Asia/Tokyo", at("2025-12-21T20:30:00Z"))
    assert not in_pause_window(windows, "Asia/Tokyo", at("2025-12-21T21:00:00Z"))


def test_report_in_an_advanced_window_is_paused_and_shows_it_in_utc() -> None:
    """Keys beyond the contract's stay behind; status changes only in `effectiveStatus`."""
    advanced = {
        "startAt": "2025-12-20T13:00:00+01:00",
        "endAt": "2025-12-20T12:30:00Z",
        "note": "x",
    }
    windows = {"monday": [{**window("12:00", "14:00"), "x": 1}], "tuesday": None}
    execution = scheduled(pauseWindows={**windows, "advanced": [advanced], "note": "x"})
    started = {**execution, "type": "execution.started", "id": "start", "data": {}}

    report = report_of(execution, started, now="2025-12-20T12:00:00.9Z")
    later = report_of(execution, started, now="2025-12-20T12:30:00.9Z")

    assert (report["status"], report["effectiveStatus"]) == ("running", "paused_window")
    assert report["metadata"]["pauseWindows"] == {
        "monday": [window("12:00", "14:00")],
        "advanced": [{"startAt": "2025-12-20T12:00:00.000Z", "endAt": "2025-12-20T12:30:00.000Z"}],
    }
    assert (later["effectiveStatus"], later["isInPauseWindow"]) == ("running", False)
