"""Points in time as integers: microseconds since 1970-01-01T00:00:00Z.

The contract keeps microseconds and cuts further digits off (events.md, section 1). msgspec rounds
them, so `time` is decoded as text and read here.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

#: An RFC 3339 instant with an offset, as published.
InstantText = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_EXACT = len("2025-01-01T00:00:00.000000Z")  # longer texts may have a seventh digit
_FURTHER_DIGITS = re.compile(r"(\.[0-9]{6})[0-9]+")
#: Seconds read lately: events of one batch share most of theirs, and reading one costs most.
_seconds_us: dict[str, int] = {}
_SECONDS_MAX = 50_000
_YEAR_1_US = -62_135_596_800_000_000
_YEAR_10000_US = 253_402_300_800_000_000


def instant_us(text: str) -> int:
    """Read an RFC 3339 instant; digits beyond the microsecond are cut off.

    Raises:
        ValueError: it is not RFC 3339, has no offset, or leaves the years 1–9999 in UTC.
    """
    # The usual text, with microseconds and Z: its second was read a moment ago.
    if len(text) == _LONGEST_EXACT and text[-1] == "Z":
        second_us, fraction = _seconds_us.get(text[:20]), text[20:26]
        if second_us is not None and fraction.isdecimal() and fraction.isascii():
            return second_us + int(fraction)
    return _read_instant(text)


def require_instants(**texts: str | None) -> None:
    """Raise ValueError, naming the key, for one that is neither absent nor an instant."""
    for name, text in texts.items():
        if text is not None:
            try:
                instant_us(text)
            except ValueError as error:
                raise ValueError(f"`{name}`: {error}") from None


def _read_instant(text: str) -> int:
    exact = _FURTHER_DIGITS.sub(r"\1", text, count=1) if len(text) > _LONGEST_EXACT else text
    if exact[-1:] not in ("Z", "z") and exact[-3:-2] != ":":
        raise ValueError("expected an RFC 3339 time with an offset, such as 2025-01-01T09:00:00Z")
    try:
        moment = msgspec.convert(exact, datetime)
    except msgspec.ValidationError:
        raise ValueError("expected an RFC 3339 time, such as 2025-01-01T09:00:00Z") from None
    if moment.tzinfo is None:
        raise ValueError("expected an RFC 3339 time with an offset; this one is naive")
    us = datetime_us(moment)
    if not _YEAR_1_US <= us < _YEAR_10000_US:
        raise ValueError("expected a time within the years 1 to 9999 in UTC")
    if len(text) == _LONGEST_EXACT and text[-1] == "Z":
        if len(_seconds_us) >= _SECONDS_MAX:
            _seconds_us.clear()
        _seconds_us[text[:20]] = us - us % 1_000_000
    return us


def datetime_us(moment: datetime) -> int:
    """Microseconds of an aware datetime."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def us_datetime(us: int) -> datetime:
    """The aware UTC datetime of microseconds since the epoch."""
    return _EPOCH + timedelta(microseconds=us)


def us_text_ms(us: int) -> str:
    """ISO 8601 in UTC with milliseconds, truncated: `2025-12-20T09:00:00.000Z`."""
    return us_datetime(us).strftime("%Y-%m-%dT%H:%M:%S.").rjust(20, "0") + (
        f"{us % 1_000_000 // 1000:03d}Z"
    )
