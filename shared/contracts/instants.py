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
#: Seconds read lately, without fraction: events of one batch share most of theirs. An offset is
#: part of the key, Z is not.
_seconds_us: dict[str, int] = {}
_SECONDS_MAX = 50_000
_SECOND = len("2025-01-01T00:00:00")
_MS = _SECOND + len(".000")
_US = _MS + len("000")
_OFFSET = len("+00:00")
#: ".123" and ".123Z" → 123,000; "456" and "456Z" → 456.
_MS_US = {f".{ms:03}{end}": ms * 1000 for ms in range(1000) for end in ("", "Z")}
_FRACTION_US = {f"{us:03}{end}": us for us in range(1000) for end in ("", "Z")}
_YEAR_1_US = -62_135_596_800_000_000
_YEAR_10000_US = 253_402_300_800_000_000


def instant_us(text: str) -> int:
    """Read an RFC 3339 instant; digits beyond the microsecond are cut off.

    Raises:
        ValueError: it is not RFC 3339, has no offset, or leaves the years 1–9999 in UTC.
    """
    # The usual texts: their second was read a moment ago. What is not spelled exactly so is no key.
    second, chars = text[:_SECOND], len(text)
    try:
        if chars == _US + 1:
            return _seconds_us[second] + _MS_US[text[_SECOND:_MS]] + _FRACTION_US[text[_MS:]]
        if chars == _MS + 1:
            return _seconds_us[second] + _MS_US[text[_SECOND:]]
        if chars == _US + _OFFSET:
            second_us = _seconds_us[second + text[_US:]]
            return second_us + _MS_US[text[_SECOND:_MS]] + _FRACTION_US[text[_MS:_US]]
    except KeyError:
        pass
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
    _remember_second(text, us)
    return us


def _remember_second(text: str, us: int) -> None:
    zone = "" if text[-1] == "Z" else text[-_OFFSET:]
    if zone and zone[0] not in "+-":
        return  # a lower-case z: nothing to go by
    if len(_seconds_us) >= _SECONDS_MAX:
        _seconds_us.clear()
    _seconds_us[text[:_SECOND] + zone] = us - us % 1_000_000


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


def us_text_s(us: int) -> str:
    """ISO 8601 in UTC with seconds, truncated: `2025-12-20T09:00:00Z`."""
    return us_datetime(us).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")
