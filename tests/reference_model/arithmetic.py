"""Rates, averages and money as reports.md, "Common rules", rounds them: exact, half up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction


def percentage(part: int, whole: int) -> Decimal:
    """Percent with 2 decimals; 0 of nothing."""
    if whole == 0:
        return Decimal(0)
    return _rounded(Fraction(100 * part, whole), decimals=2)


def average_ms(durations_ms: Sequence[int]) -> int:
    """Integer mean; 0 over nothing."""
    if not durations_ms:
        return 0
    return int(_rounded(Fraction(sum(durations_ms), len(durations_ms)), decimals=0))


def average_money(total: Decimal, count: int) -> Decimal:
    """Mean with at most 6 decimals; 0 over nothing."""
    if count == 0:
        return Decimal(0)
    return _rounded(Fraction(total) / count, decimals=6)


def whole_seconds(duration_ms: int) -> int:
    """Seconds, half up."""
    return int(_rounded(Fraction(duration_ms, 1000), decimals=0))


def average_seconds(duration_ms: int, count: int) -> int:
    """Integer mean in seconds; 0 over nothing."""
    return int(_rounded(Fraction(duration_ms, 1000 * count), decimals=0)) if count else 0


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """Sum of amounts of at most 9 decimals, whatever the decimal context's precision."""
    billionths = sum(Fraction(amount) * 10**9 for amount in amounts)
    return Decimal(f"{int(billionths)}e-9")


def _rounded(value: Fraction, *, decimals: int) -> Decimal:
    """Round half up, which is away from zero."""
    magnitude = int(abs(value) * 10**decimals + Fraction(1, 2))
    return Decimal(f"{-magnitude if value < 0 else magnitude}e-{decimals}")
