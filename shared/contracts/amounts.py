"""Money: exact decimals, held as integers of a billionth (events.md, rule 6)."""

import re
from decimal import Context, Decimal
from typing import Annotated, Final

from msgspec import Meta, Raw

from shared.limits import AMOUNT_DECIMALS_MAX, AMOUNT_MAX

NANO: Final = 10**AMOUNT_DECIMALS_MAX
_NUMBER = re.compile(rb'-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,4})?|"-?[0-9]+(\.[0-9]+)?"')
#: What needs no decimal arithmetic, which takes ten times as long.
_USUAL = re.compile(rb'"?(-?)([0-9]{1,12})(?:\.([0-9]{1,9}))?"?')
_CONTEXT = Context(prec=60)
#: Digits before the point; looked at first, because 1e9999 must not be computed with.
_DIGITS_MAX = 12
#: An amount as published; `amount_nano` reads and checks it.
Amount = Annotated[
    Raw,
    Meta(
        extra_json_schema={
            "description": "Exact: at most 9 decimals, below 10^12.",
            "anyOf": [
                {"type": "number", "exclusiveMinimum": -AMOUNT_MAX, "exclusiveMaximum": AMOUNT_MAX},
                {"type": "string", "pattern": r"^-?0*[0-9]{1,12}(\.[0-9]{1,9}0*)?$"},
            ],
        }
    ),
]


def amount_nano(raw: Raw) -> int:
    """Read an amount, a JSON number or a string of one, into billionths.

    Raises:
        ValueError: it is no finite decimal, has more than 9 decimals, or reaches 10^12.
    """
    text = bytes(raw).strip()
    if usual := _USUAL.fullmatch(text):
        sign, whole, decimals = usual.groups(b"")
        nano: int = int(whole) * NANO + int(decimals.ljust(AMOUNT_DECIMALS_MAX, b"0"))
        return -nano if sign else nano
    if not _NUMBER.fullmatch(text):
        raise ValueError('expected an amount: a JSON number, or a string such as "1.25"')
    amount = Decimal(text.strip(b'"').decode("ascii"))
    if amount and (amount.adjusted() > _DIGITS_MAX or abs(amount) >= AMOUNT_MAX):
        raise ValueError("expected an amount below 10^12")
    if amount.adjusted() < -AMOUNT_DECIMALS_MAX - 50 and amount:
        raise ValueError(f"expected at most {AMOUNT_DECIMALS_MAX} decimals")
    exact = _CONTEXT.multiply(amount, NANO)
    if exact != exact.to_integral_value():
        raise ValueError(f"expected at most {AMOUNT_DECIMALS_MAX} decimals")
    return int(exact)


def require_amounts(**raws: Raw) -> None:
    """Raise ValueError, naming the key, for one that is neither absent nor null nor an amount."""
    for name, raw in raws.items():
        if bytes(raw) not in {b"", b"null"}:
            try:
                amount_nano(raw)
            except ValueError as error:
                raise ValueError(f"`{name}`: {error}") from None


def nano_decimal(nano: int) -> Decimal:
    """The amount in its shortest exact form: 4650, 3.375, -0.000000001."""
    amount = Decimal(nano).scaleb(-AMOUNT_DECIMALS_MAX, _CONTEXT).normalize(_CONTEXT)
    return amount.quantize(Decimal(1)) if amount == amount.to_integral_value() else amount
