"""Instants in and out: RFC 3339 to aware UTC and back, and spans in whole milliseconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

_RFC_3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))",
    re.ASCII,
)


def parse_instant(text: str) -> datetime:
    """Read RFC 3339 as UTC; digits beyond the microsecond are cut off (events.md, section 1)."""
    match = _RFC_3339.fullmatch(text)
    if match is None:
        message = f"not an RFC 3339 instant: {text!r}"
        raise ValueError(message)
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, sign, offset_hours, offset_minutes = match.groups()[6:]
    offset = timedelta(hours=int(offset_hours or 0), minutes=int(offset_minutes or 0))
    local = datetime(
        year,
        month,
        day,
        hour,
        minute,
        second,
        int((fraction or "")[:6].ljust(6, "0")),
        tzinfo=timezone(-offset if sign == "-" else offset),
    )
    return local.astimezone(UTC)


def format_instant(instant: datetime) -> str:
    """Write an instant as UTC with truncated milliseconds and `Z`."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def format_seconds(instant: datetime | None) -> str | None:
    """Write an instant as the other three families do: UTC, truncated seconds, `Z`."""
    if instant is None:
        return None
    return instant.astimezone(UTC).isoformat(timespec="seconds")[:19] + "Z"


def span_ms(start: datetime, end: datetime) -> int:
    """Milliseconds from start to end, truncated; 0 where end is before start."""
    return max(end - start, timedelta(0)) // timedelta(milliseconds=1)
