"""The figures of reports as they leave, by name: what is compared with the recomputation.

Not compared are a plan's handed-through parts (DID pool, retry strategy, pause windows) and what
the wall clock makes of pause windows. A key that is null is compared as an absent one.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

#: Name and canonical text.
Figure = tuple[str, str]
_NOT_COMPARED: Final = frozenset(
    {
        "isInPauseWindow",
        "effectiveStatus",
        "metadata.didPool",
        "metadata.retryStrategy",
        "metadata.pauseWindows",
    }
)


def served_figures(
    main: Mapping[str, Any],
    breakdown: Mapping[str, Any],
    node_stats: Mapping[str, Any],
    billing: Mapping[str, Any],
) -> Iterator[Figure]:
    """Every figure of the bodies of four reports, read with `parse_float=Decimal`."""
    yield from _leaves("", main)
    for place, row in enumerate(breakdown["perAttempt"], start=1):
        base = f"breakdown.perAttempt.{row['attemptNumber']}."
        yield from _listed(base, place, row, "attemptNumber")
    yield from _leaves("breakdown.total.", _without(breakdown["total"], "attemptNumber"))
    yield from _leaves("nodeStats.", _without(node_stats, "nodes"))
    for place, node in enumerate(node_stats["nodes"], start=1):
        yield from _node(place, node)
    yield from _leaves("billing.summary.", billing["summary"])
    for place, row in enumerate(billing["byNodeType"], start=1):
        yield from _listed(f"billing.byNodeType.{row['nodeType']}.", place, row, "nodeType")
    for place, call in enumerate(billing["topCostlyCalls"], start=1):
        yield from _leaves(f"billing.topCostlyCalls.{place}.", call)


def canonical(value: Any) -> str | None:
    """A value of a report as text; numbers in their shortest exact form."""
    if isinstance(value, Decimal):
        text = f"{value:f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return "0" if text == "-0" else text
    return None if value is None else str(value)


def _node(place: int, node: Mapping[str, Any]) -> Iterator[Figure]:
    base = f"nodes.{node['nodeId']}."
    inputs = node.get("dtmfBreakdown")
    parts = _without(node, "dtmfBreakdown", "dtmfPercentages")
    yield from _listed(base, place, parts, "nodeId")
    if inputs is None:
        return
    yield f"{base}dtmfInputs", str(len(inputs))
    for number, (digits, steps) in enumerate(inputs.items(), start=1):
        percentage = node["dtmfPercentages"][digits]
        row = {"steps": steps, "percentage": percentage}
        yield from _listed(f"{base}dtmfBreakdown.{digits}.", number, row)


def _listed(base: str, place: int, row: Mapping[str, Any], *names: str) -> Iterator[Figure]:
    """A row of a list, whose place in it is a figure too; what names it is in `base`."""
    yield f"{base}place", str(place)
    yield from _leaves(base, _without(row, *names))


def _leaves(base: str, body: Mapping[str, Any]) -> Iterator[Figure]:
    for name, value in body.items():
        path = base + name
        if path in _NOT_COMPARED:
            continue
        if isinstance(value, Mapping):
            yield from _leaves(f"{path}.", value)
        else:
            text = canonical(value)
            if text is not None:
                yield path, text


def _without(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}
