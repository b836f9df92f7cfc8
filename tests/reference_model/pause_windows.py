"""Pause windows: whether an instant lies in one (reports.md, "Status"), and how they leave."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.reference_model.times import format_instant, parse_instant

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ENDS = ("startAt", "endAt")
_DAY_END_MINUTE = 24 * 60
_LAST_MINUTE = 23 * 60 + 59


def in_pause_window(windows: dict[str, Any], timezone: str, now: datetime) -> bool:
    """Say whether now lies in a weekly window of the zone or in an advanced one."""
    for window in windows.get("advanced", []):
        if parse_instant(window["startAt"]) <= now < parse_instant(window["endAt"]):
            return True
    local = now.astimezone(ZoneInfo(timezone))
    minute = 60 * local.hour + local.minute
    today = windows.get(WEEKDAYS[local.weekday()], [])
    yesterday = windows.get(WEEKDAYS[local.weekday() - 1], [])
    return any(_covers_own_day(window, minute) for window in today) or any(
        _covers_next_day(window, minute) for window in yesterday
    )


def published_windows(windows: dict[str, Any]) -> dict[str, Any]:
    """Windows with the contract's keys alone, instants as UTC."""
    body: dict[str, Any] = {
        day: [
            {end: {part: window[end][part] for part in ("hour", "minute")} for end in _ENDS}
            for window in windows[day]
        ]
        for day in WEEKDAYS
        if day in windows
    }
    if "advanced" in windows:
        body["advanced"] = [
            {end: format_instant(parse_instant(window[end])) for end in _ENDS}
            for window in windows["advanced"]
        ]
    return body


def _covers_own_day(window: dict[str, Any], minute: int) -> bool:
    """Say whether a minute of the day that the window starts on lies in it."""
    start, end = _minutes(window)
    if end < start:
        return minute >= start
    return start <= minute < (_DAY_END_MINUTE if start < end == _LAST_MINUTE else end)


def _covers_next_day(window: dict[str, Any], minute: int) -> bool:
    """Say whether a minute of the day after lies in a window that crosses midnight."""
    start, end = _minutes(window)
    return end < start and minute < end


def _minutes(window: dict[str, Any]) -> tuple[int, int]:
    start, end = (60 * window[key]["hour"] + window[key]["minute"] for key in _ENDS)
    return start, end
