"""What a benchmark found, and how it is printed; made by every benchmark."""

from collections.abc import Sequence
from statistics import median
from typing import Any

import msgspec
from msgspec import Struct


class Measurement(Struct, frozen=True, kw_only=True):
    """One benchmark's figure beside what it was measured against in the same run."""

    name: str
    #: Median over the rounds.
    value: float
    unit: str
    #: What it is compared with.
    reference: str
    reference_value: float
    #: Median over the rounds of value and reference of the same round.
    ratio: float
    rounds: int
    #: Largest minus smallest ratio of a round, as a share of the median ratio.
    spread: float
    #: Further figures and conditions, each named with its unit.
    beside: dict[str, Any] = {}


def compare(
    name: str,
    unit: str,
    reference: str,
    pairs: Sequence[tuple[float, float]],
    beside: dict[str, Any],
    *,
    how_often: bool = False,
) -> Measurement:
    """Sum up rounds, each a pair of a value and its reference.

    Args:
        how_often: the ratio says how often the value goes into the reference, for times that
            the product shall beat.
    """
    ratios = [(b / a if how_often else a / b) for a, b in pairs]
    ratio = median(ratios)
    return Measurement(
        name=name,
        value=significant(median(value for value, _ in pairs)),
        unit=unit,
        reference=reference,
        reference_value=significant(median(against for _, against in pairs)),
        ratio=significant(ratio),
        rounds=len(pairs),
        spread=significant((max(ratios) - min(ratios)) / ratio),
        beside=beside,
    )


def significant(number: float) -> float:
    """Four significant digits: more would be noise."""
    return float(f"{number:.4g}")


def percentile(numbers: Sequence[float], share: float) -> float:
    """The smallest number that at least this share (0 to 1) of all does not exceed."""
    ordered = sorted(numbers)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def json_line(found: Measurement) -> str:
    """One line of JSON."""
    return msgspec.json.encode(found).decode()


def text_line(found: Measurement) -> str:
    """The same for people."""
    more = ", ".join(f"{name} {value}" for name, value in found.beside.items())
    return (
        f"{found.name}: {found.value:g} {found.unit}, ratio {found.ratio:g} to {found.reference}"
        f" ({found.reference_value:g}); {found.rounds} rounds, spread {found.spread:.0%}"
        + (f"\n    {more}" if more else "")
    )
