"""Rates, averages and money, against figures computed by hand."""

from decimal import Decimal

import pytest

from shared.reports.arithmetic import average_amount, average_ms, money, rate


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    (
        (4000, 6200, b"64.52"),
        (3500, 6200, b"56.45"),
        (2, 3, b"66.67"),
        (1, 800, b"0.13"),  # 0.125 exactly: half up, where half even gives 0.12
        (1, 3200, b"0.03"),
        (1, 1, b"100.0"),
        (0, 7, b"0.0"),
        (5, 0, b"0.0"),
    ),
)
def test_rate_has_two_decimals_half_up(part: int, whole: int, expected: bytes) -> None:
    """Percentages are computed from integers; 0 where the denominator is 0."""
    assert expected.decode() == repr(rate(part, whole))


@pytest.mark.parametrize(
    ("total_ms", "count", "expected"),
    ((5, 2, 3), (4, 3, 1), (0, 9, 0), (7, 0, 0), (2**70, 1, 2**70)),
)
def test_average_duration_is_whole_milliseconds(total_ms: int, count: int, expected: int) -> None:
    """Half up; an average over nothing is 0."""
    assert expected == average_ms(total_ms, count)


@pytest.mark.parametrize(
    ("total", "count", "expected"),
    (
        ("4650", 4000, "1.1625"),
        ("2", 3, "0.666667"),
        ("0.000001", 2, "0.000001"),  # 0.0000005: half up
        ("-0.000001", 2, "-0.000001"),  # away from zero
        ("1", 0, "0"),
        ("123456789012345678901234567890.1", 1, "123456789012345678901234567890.1"),
    ),
)
def test_average_money_has_six_decimals(total: str, count: int, expected: str) -> None:
    """At most six, rounded half up from the exact quotient."""
    assert expected.encode() == bytes(money(average_amount(Decimal(total), count)))


@pytest.mark.parametrize(
    ("amount", "expected"),
    (
        ("4650.00", "4650"),
        ("3.375", "3.375"),
        ("1E-9", "0.000000001"),
        ("1E+12", "1000000000000"),
        ("-0.50", "-0.5"),
        ("-0.0", "0"),
        ("100", "100"),
        ("123456789012345678901234567890.123456789", "123456789012345678901234567890.123456789"),
    ),
)
def test_money_is_the_shortest_exact_number(amount: str, expected: str) -> None:
    """Never an exponent, never a rounded digit, whatever the decimal context."""
    assert expected.encode() == bytes(money(Decimal(amount)))
