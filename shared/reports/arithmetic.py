"""Rates, averages and money as every report rounds them (reports.md, Common rules)."""

from decimal import Decimal
from typing import Annotated, Final

from msgspec import Meta, Raw

#: A JSON number of exact money; `Raw`, because an encoded Decimal may carry an exponent.
Money = Annotated[Raw, Meta(extra_json_schema={"type": "number"})]

_MICRO: Final = 1_000_000


def rate(part: int, whole: int) -> float:
    """Percentage of `whole`, 2 decimals, half up; 0 of nothing.

    The quotient of an integer by 100 is the float nearest to it, so it prints as 2 decimals.
    """
    return _half_up(part * 10_000, whole) / 100 if whole else 0.0


def average_ms(total_ms: int, count: int) -> int:
    """Whole milliseconds, half up; 0 over nothing."""
    return _half_up(total_ms, count) if count else 0


def whole_seconds(duration_ms: int) -> int:
    """Whole seconds, half up."""
    return _half_up(duration_ms, 1000)


def average_amount(total: Decimal, count: int) -> Decimal:
    """Average of money, 6 decimals at most, half up; 0 over nothing."""
    if not count:
        return Decimal(0)
    numerator, denominator = total.as_integer_ratio()
    return Decimal(f"{_half_up(numerator * _MICRO, denominator * count)}e-6")


def money(amount: Decimal) -> Money:
    """The shortest exact JSON number, never with an exponent."""
    text = f"{amount:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return Raw(b"0" if text == "-0" else text.encode())


def _half_up(numerator: int, denominator: int) -> int:
    """The nearest integer, halves away from zero; `denominator` is positive."""
    rounded = (2 * abs(numerator) + denominator) // (2 * denominator)
    return -rounded if numerator < 0 else rounded
