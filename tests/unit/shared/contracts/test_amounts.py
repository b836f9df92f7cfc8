"""Amounts: exact billionths of JSON numbers and strings, and back."""

from decimal import Decimal

import pytest
from msgspec import Raw

from shared.contracts.amounts import amount_nano, nano_decimal
from tests.contract.bad_payloads import BAD_AMOUNTS

BELOW_LIMIT = 10**21 - 1


@pytest.mark.parametrize(
    ("text", "nano"),
    (
        ("0", 0),
        ("-0", 0),
        ("-0.0", 0),
        ("1", 10**9),
        ("0.1", 10**8),
        ("1.25", 1_250_000_000),
        ("-0.000000001", -1),
        ("1e-9", 1),
        ("1E3", 10**12),
        ("12.5e-1", 1_250_000_000),
        ("0e9999", 0),
        ("1.5000000000000", 1_500_000_000),
        ("999999999999.999999999", BELOW_LIMIT),
        ('"999999999999.999999999"', BELOW_LIMIT),
        ('"-999999999999.999999999"', -BELOW_LIMIT),
        ('"1.10"', 1_100_000_000),
        ('"007"', 7 * 10**9),
        (" 2 ", 2 * 10**9),
    ),
)
def test_amount_is_read_exactly(text: str, nano: int) -> None:
    """Neither digits nor signs are lost, where a float would lose them."""
    assert nano == amount_nano(Raw(text.encode()))


@pytest.mark.parametrize("text", BAD_AMOUNTS)
def test_other_text_is_refused(text: str) -> None:
    """Too many decimals, too much, no number: refused without computing a giant power."""
    with pytest.raises(ValueError, match=r"expected .* (amount|decimals)"):
        amount_nano(Raw(text.encode()))


@pytest.mark.parametrize(
    ("nano", "text"),
    (
        (4650 * 10**9, "4650"),
        (3_375_000_000, "3.375"),
        (-1, "-0.000000001"),
        (0, "0"),
        (BELOW_LIMIT * 10**9, "999999999999999999999"),
    ),
)
def test_decimal_of_billionths_is_the_shortest(nano: int, text: str) -> None:
    """No idle zeros, also for sums beyond what a single amount may be."""
    found = nano_decimal(nano)

    assert Decimal(text) == found
    assert text == format(found, "f")
