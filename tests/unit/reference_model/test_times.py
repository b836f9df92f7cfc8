"""Instants and spans."""

from __future__ import annotations

import pytest

from tests.reference_model.times import format_instant, parse_instant, span_ms


def test_instant_leaves_as_utc_with_truncated_milliseconds() -> None:
    """Neither the microseconds nor the milliseconds are rounded."""
    instant = parse_instant("2025-12-20t00:30:00.9999999+01:00")

    assert instant.microsecond == 999_999
    assert format_instant(instant) == "2025-12-19T23:30:00.999Z"


def test_span_of_full_times_is_truncated_once() -> None:
    """From 0.9996 s to 2 s are 1000 whole milliseconds."""
    start, end = parse_instant("2025-12-20T10:00:00.9996Z"), parse_instant("2025-12-20T10:00:02Z")

    assert span_ms(start, end) == 1000
    assert span_ms(end, start) == 0


def test_instant_without_offset_is_refused() -> None:
    """A local time is no instant."""
    with pytest.raises(ValueError, match="not an RFC 3339 instant"):
        parse_instant("2025-12-20T10:00:00")
