"""`callfold lag` as a table for people: a line for each lane, and the total."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from services.tooling.lag_sources import LaneLag, Look
from shared.contracts.stream_names import INBOX_LANE

_MINUTE_MS = 60_000
_HOUR_MS = 60 * _MINUTE_MS
_DAY_MS = 24 * _HOUR_MS
_UNKNOWN = "?"


def lag_table(look: Look) -> RenderableType:
    """The table, with what is unknown below it."""
    table = Table(
        title=f"Lanes at {look.at or 'an unknown time'}", title_justify="left", show_footer=True
    )
    totals = {
        "lane": "all",
        "to archive": _count(look.total_to_archive, estimate=_any_estimate(look)),
        "to fold": _count(look.total_to_fold),
        "oldest": _oldest(look),
    }
    for column in ("lane", "to archive", "to fold", "oldest", "owner", "epoch", "lease", "breaker"):
        right = column in {"to archive", "to fold", "oldest", "epoch"}
        table.add_column(
            column,
            justify="right" if right else "left",
            footer=totals.get(column, ""),
            overflow="fold",
            no_wrap=right,
        )
    for lane in look.lanes:
        table.add_row(*_row(lane), style="red" if lane.breaker or _is_orphan(lane) else None)
    return Group(table, *(Text(f"unknown: {line}", style="red") for line in look.unknown))


def age_text(age_ms: int | None) -> str:
    """A duration as people say it; empty where nothing waits."""
    if age_ms is None:
        return ""
    for unit_ms, name in ((_DAY_MS, "d"), (_HOUR_MS, "h"), (_MINUTE_MS, "min")):
        if age_ms >= unit_ms:
            return f"{age_ms / unit_ms:.1f} {name}"
    return f"{age_ms / 1000:.1f} s"


def _row(lane: LaneLag) -> list[str]:
    return [
        "inbox" if lane.lane == INBOX_LANE else str(lane.lane),
        _count(lane.to_archive, estimate=lane.to_archive_is_estimate),
        _count(lane.to_fold),
        age_text(lane.oldest_age_ms),
        _UNKNOWN if lane.lease is None else lane.owner or "nobody",
        _UNKNOWN if lane.epoch is None else str(lane.epoch),
        lane.lease or _UNKNOWN,
        _UNKNOWN if lane.lease is None else lane.breaker or "",
    ]


def _is_orphan(lane: LaneLag) -> bool:
    return lane.lease in {"free", "expired"}


def _any_estimate(look: Look) -> bool:
    return any(lane.to_archive_is_estimate for lane in look.lanes)


def _oldest(look: Look) -> str:
    ages = [lane.oldest_age_ms for lane in look.lanes if lane.oldest_age_ms is not None]
    return age_text(max(ages, default=None))


def _count(number: int | None, *, estimate: bool = False) -> str:
    if number is None:
        return _UNKNOWN
    return f"{'~' if estimate else ''}{number:,}"
