"""Rounding of the reports, from integers alone (reports.md, Common rules); used by the truth."""

from decimal import Decimal


def percentage(part: int, whole: int) -> Decimal:
    """Percent with 2 decimals, half up; 0 of nothing."""
    if whole == 0:
        return Decimal(0)
    return _decimal(_half_up(10_000 * part, whole), 2)


def average_ms(total_ms: int, count: int) -> int:
    """Mean in whole milliseconds, half up; 0 over nothing."""
    return _half_up(total_ms, count) if count else 0


def money(amount_nano: int) -> Decimal:
    """Billionths as an exact amount without trailing zeros."""
    return _decimal(amount_nano, 9)


def average_money(total_nano: int, count: int) -> Decimal:
    """Mean amount with at most 6 decimals, half up; 0 over nothing."""
    if count == 0:
        return Decimal(0)
    return _decimal(_half_up(total_nano, 1_000 * count), 6)


def _half_up(numerator: int, denominator: int) -> int:
    """The nearest integer; ties go away from zero."""
    magnitude = (2 * abs(numerator) + denominator) // (2 * denominator)
    return -magnitude if numerator < 0 else magnitude


def _decimal(scaled: int, decimals: int) -> Decimal:
    while decimals and scaled % 10 == 0:
        scaled //= 10
        decimals -= 1
    sign = 1 if scaled < 0 else 0
    return Decimal((sign, tuple(map(int, str(abs(scaled)))), -decimals))
