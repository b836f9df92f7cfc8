"""Pause windows: whether an instant lies in one, and how they leave (reports.md, Status)."""

from zoneinfo import ZoneInfo

from msgspec import UNSET, Struct, UnsetType

from shared.contracts.execution_events import (
    WEEKDAYS,
    ExecutionScheduledData,
    InstantWindow,
    PauseWindows,
    WeeklyWindow,
)
from shared.contracts.instants import instant_us, us_datetime, us_text_ms

_DEFAULT_TIMEZONE = "UTC"
_MINUTES_OF_DAY = 24 * 60


class AnswerWindows(Struct, frozen=True, kw_only=True, gc=False):
    """Only the keys that the plan says, instants normalised."""

    monday: list[WeeklyWindow] | UnsetType = UNSET
    tuesday: list[WeeklyWindow] | UnsetType = UNSET
    wednesday: list[WeeklyWindow] | UnsetType = UNSET
    thursday: list[WeeklyWindow] | UnsetType = UNSET
    friday: list[WeeklyWindow] | UnsetType = UNSET
    saturday: list[WeeklyWindow] | UnsetType = UNSET
    sunday: list[WeeklyWindow] | UnsetType = UNSET
    advanced: list[InstantWindow] | UnsetType = UNSET


def in_pause_window(plan: ExecutionScheduledData | None, now_us: int) -> bool:
    """Whether `now_us` lies in a window of the plan: start inclusive, end exclusive.

    Weekly windows are compared, minute for minute, with the wall clock of the plan's time zone,
    so that they follow daylight saving.
    """
    if plan is None or plan.pause_windows is None:
        return False
    windows = plan.pause_windows
    for between in windows.advanced or ():
        if instant_us(between.start_at) <= now_us < instant_us(between.end_at):
            return True
    local = us_datetime(now_us).astimezone(ZoneInfo(plan.timezone or _DEFAULT_TIMEZONE))
    minute = local.hour * 60 + local.minute
    weekday = local.weekday()
    return any(_covers(window, minute) for window in _weekly(windows, weekday)) or any(
        # A window that crosses midnight reaches into the next day.
        _covers(window, minute + _MINUTES_OF_DAY)
        for window in _weekly(windows, weekday - 1)
    )


def answer_windows(windows: PauseWindows) -> AnswerWindows:
    """The windows as they leave: absent keys absent, instants in UTC with milliseconds."""
    weekly = {name: said for name in WEEKDAYS if (said := getattr(windows, name)) is not None}
    if windows.advanced is None:
        return AnswerWindows(**weekly)
    between = [
        InstantWindow(
            start_at=us_text_ms(instant_us(window.start_at)),
            end_at=us_text_ms(instant_us(window.end_at)),
        )
        for window in windows.advanced
    ]
    return AnswerWindows(**weekly, advanced=between)


def _weekly(windows: PauseWindows, weekday: int) -> list[WeeklyWindow]:
    """The windows that start on a weekday, 0 being Monday and -1 Sunday."""
    weekly: list[WeeklyWindow] | None = getattr(windows, WEEKDAYS[weekday])
    return weekly or []


def _covers(window: WeeklyWindow, minute: int) -> bool:
    """Whether a minute, counted from the start of the window's own day, lies in it."""
    start = window.start_at.hour * 60 + window.start_at.minute
    end = window.end_at.hour * 60 + window.end_at.minute
    if end < start:
        end += _MINUTES_OF_DAY
    elif start < end == _MINUTES_OF_DAY - 1:
        end = _MINUTES_OF_DAY  # 23:59 closes the day
    return start <= minute < end
