"""Instants: RFC 3339 in, microseconds since the epoch out, never rounded."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.contracts.instants import datetime_us, instant_us, us_datetime, us_text_ms

NINE_US = 1_772_442_000_000_000  #: 2026-03-02T09:00:00Z


@pytest.mark.parametrize(
    ("text", "us"),
    (
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("2026-03-02T09:00:00Z", NINE_US),
        ("2026-03-02t09:00:00z", NINE_US),
        ("2026-03-02T09:00:00+00:00", NINE_US),
        ("2026-03-02T09:00:00-00:00", NINE_US),
        ("2026-03-02T10:00:00+01:00", NINE_US),
        ("2026-03-01T19:30:00-13:30", NINE_US),
        ("2026-03-02T14:45:00.000001+05:45", NINE_US + 1),
        ("2026-03-02T09:00:00.1Z", NINE_US + 100_000),
        ("2026-03-02T09:00:00.12345Z", NINE_US + 123_450),
        ("2026-03-02T09:00:00.123456Z", NINE_US + 123_456),
        ("2026-03-02T09:00:00.1234569Z", NINE_US + 123_456),
        ("2026-03-02T09:00:00.999999999999999Z", NINE_US + 999_999),
        ("2026-03-02T10:00:00.9999995+01:00", NINE_US + 999_999),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000_000),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
        ("0001-01-01T01:00:00+01:00", -62_135_596_800_000_000),
    ),
)
def test_instant_is_read_to_the_microsecond(text: str, us: int) -> None:
    """The same instant is the same number, read for the first time or again from the memory."""
    assert us == instant_us(text)
    assert us == instant_us(text)


@pytest.mark.parametrize(
    ("usual", "unlike"),
    (
        ("2026-03-02T09:00:00.123456Z", "2026-03-02T09:00:00.12345xZ"),
        ("2026-03-02T09:00:00.123456Z", "2026-03-02T09:00:00.12_456Z"),
        ("2026-03-02T09:00:00.123456Z", "2026-03-02T09:00:00.+23456Z"),
        ("2026-03-02T09:00:00.123456Z", "2026-03-02T09:00:00.123456 "),
        ("2026-03-02T09:00:00.123Z", "2026-03-02T09:00:00.12\u0663Z"),
        ("2026-03-02T09:00:00.123Z", "2026-03-02T09:00:00,123Z"),
        ("2026-03-02T10:00:00.123456+01:00", "2026-03-02T10:00:00.123456+0100Z"),
        ("2026-03-02t10:00:00.1z", "2026-03-02t10:00:00.123456:00.1z"),
    ),
)
def test_a_remembered_second_makes_no_other_text_right(usual: str, unlike: str) -> None:
    """Only the exact spelling of a fraction and a zone is read from memory."""
    instant_us(usual)
    with pytest.raises(ValueError, match="expected an RFC 3339 time"):
        instant_us(unlike)


@pytest.mark.parametrize(
    ("text", "words"),
    (
        ("2026-03-02T09:00:00", "offset"),
        ("2026-03-02T09:00:00.5", "offset"),
        ("2026-03-02", "offset"),
        ("", "offset"),
        ("Z", "RFC 3339"),
        ("2026-02-29T00:00:00Z", "RFC 3339"),
        ("2026-03-02T09:00:00.Z", "RFC 3339"),
        ("2026-03-02T09:00:00.-1Z", "RFC 3339"),
        ("2026-03-02T09:00:00.1 Z", "RFC 3339"),
        ("2026-03-02T09:00:00.1_0Z", "RFC 3339"),
        ("2026-03-02T09:00:00.\u0661Z", "RFC 3339"),
        ("2026-03-02T09:00:00x5Z", "RFC 3339"),
        ("2026-03-02T09:00:00+25:00", "RFC 3339"),
        ("0001-01-01T00:00:00+00:01", "years"),
        ("9999-12-31T23:59:59-00:01", "years"),
    ),
)
def test_other_text_is_refused(text: str, words: str) -> None:
    """No offset, no date, no year of ours: refused, also after the same second was read well."""
    instant_us("2026-03-02T09:00:00Z")

    with pytest.raises(ValueError, match=words):
        instant_us(text)


def test_datetimes_and_microseconds_are_each_others_inverse() -> None:
    """Both ways are exact at the ends of what the contract allows."""
    for moment in (
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC) - timedelta(microseconds=1),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ):
        assert moment == us_datetime(datetime_us(moment))


@pytest.mark.parametrize(
    ("us", "text"),
    (
        (NINE_US + 1_999, "2026-03-02T09:00:00.001Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (-62_135_596_800_000_000, "0001-01-01T00:00:00.000Z"),
    ),
)
def test_text_has_milliseconds_cut_off_and_four_digits_of_year(us: int, text: str) -> None:
    """Reports write ISO 8601 with milliseconds, truncated."""
    assert text == us_text_ms(us)
