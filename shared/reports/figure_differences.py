"""Two answers of the reports of one execution, figure by figure.

Figures are named by their path in the reports' JSON, rows of lists by what tells them apart, as
`callfold explain` names them. Used where two generations are compared.
"""

from collections.abc import Iterator, Mapping
from decimal import Context, Decimal
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

#: Where a report is a list, the key that tells its rows apart.
_ROW_KEYS: Final = {
    "perAttempt": "attemptNumber",
    "nodes": "nodeId",
    "byNodeType": "nodeType",
    "topCostlyCalls": "callId",
}
_EXACT: Final = Context(prec=200)
_decode = msgspec.json.Decoder(float_hook=Decimal).decode


class FigureDifference(Struct, frozen=True, kw_only=True, rename="camel"):
    """One figure; absent on the side that does not have it."""

    figure: str
    old: Any = UNSET
    new: Any = UNSET
    #: New less old; only of numbers.
    difference: int | Decimal | UnsetType = UNSET


def named_figures(reports: Mapping[str, bytes]) -> dict[str, Any]:
    """Every figure of the encoded reports by name; amounts exact.

    Args:
        reports: By what the names of a report's figures begin with; nothing for the main one.
    """
    return {
        name: value
        for prefix, body in reports.items()
        for name, value in _leaves(_decode(body), prefix)
    }


def figure_differences(old: dict[str, Any], new: dict[str, Any]) -> list[FigureDifference]:
    """What differs, in the order of the reports: 1.50 is 1.5, and absent is not null."""
    return [
        _difference(name, old.get(name, UNSET), new.get(name, UNSET))
        for name in old | new
        if old.get(name, UNSET) != new.get(name, UNSET)
    ]


def _difference(name: str, old: Any, new: Any) -> FigureDifference:
    if not (_is_number(old) and _is_number(new)):
        return FigureDifference(figure=name, old=old, new=new)
    exact = _EXACT.subtract(Decimal(new), Decimal(old))
    whole = isinstance(old, int) and isinstance(new, int)
    return FigureDifference(
        figure=name, old=old, new=new, difference=int(exact) if whole else exact
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _leaves(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if key in _ROW_KEYS and isinstance(value, list):
            rows = {str(row[_ROW_KEYS[key]]): row for row in value}
            # The nodes' figures have the names that `explain` gives them.
            yield from _leaves(rows, "nodes." if key == "nodes" else f"{prefix}{key}.")
        elif isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
