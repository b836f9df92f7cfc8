"""Rounding of rates, averages and money."""

from __future__ import annotations

from decimal import Decimal

from tests.reference_model.arithmetic import average_money, average_ms, exact_sum, percentage


def test_rate_on_a_tie_is_rounded_up() -> None:
    """1/32 is 3.125 %, which floats and half-even rounding would make 3.12."""
    assert percentage(1, 32) == Decimal("3.13")
    assert percentage(4000, 6200) == Decimal("64.52")
    assert percentage(5, 0) == 0


def test_average_over_durations_is_a_whole_half_up_number() -> None:
    """(1 + 2) / 2 is 2; over nothing it is 0."""
    assert (average_ms([1, 2]), average_ms([1, 1, 2]), average_ms([])) == (2, 1, 0)


def test_average_of_money_on_a_tie_goes_away_from_zero() -> None:
    """0.000001 / 2 is a tie at the seventh decimal, on either side of zero."""
    assert average_money(Decimal("0.000001"), 2) == Decimal("0.000001")
    assert average_money(Decimal("-0.000001"), 2) == Decimal("-0.000001")
    assert average_money(Decimal(4650), 4000) == Decimal("1.1625")
    assert average_money(Decimal(-1), 0) == 0


def test_sum_beyond_the_decimal_context_is_exact() -> None:
    """Thirty significant digits survive, though the default context keeps 28."""
    amount = Decimal("99999999999999999999.999999999")

    assert exact_sum([amount, amount]) == Decimal("199999999999999999999.999999998")
    assert exact_sum([Decimal("0.1")] * 3) == Decimal("0.3")
