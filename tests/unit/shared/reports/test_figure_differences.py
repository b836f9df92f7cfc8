"""Figures of two answers side by side: named as `explain` names them, numbers by their value."""

import json
from decimal import Decimal
from typing import Any

from msgspec import UNSET

from shared.reports.figure_differences import FigureDifference, figure_differences, named_figures


def figures(**reports: Any) -> dict[str, Any]:
    """The figures of a main report and others."""
    bodies = {f"{name}.": json.dumps(report).encode() for name, report in reports.items()}
    return named_figures({("" if name == "main." else name): body for name, body in bodies.items()})


def test_rows_are_named_by_what_tells_them_apart() -> None:
    """Not by their place, which moves with every row that comes before."""
    named = figures(
        main={"status": "running", "metadata": {"didPool": ["+1", "+2"]}},
        breakdown={"perAttempt": [{"attemptNumber": 2, "callsFailed": 7}]},
        nodeStats={"nodes": [{"nodeId": "menu", "dtmfBreakdown": {"1": 4}}], "totalCalls": 9},
        billing={"topCostlyCalls": [{"callId": "c.1", "totalCost": 1.5}], "byNodeType": []},
    )
    assert named == {
        "status": "running",
        "metadata.didPool": ["+1", "+2"],
        "breakdown.perAttempt.2.attemptNumber": 2,
        "breakdown.perAttempt.2.callsFailed": 7,
        "nodes.menu.nodeId": "menu",
        "nodes.menu.dtmfBreakdown.1": 4,
        "nodeStats.totalCalls": 9,
        "billing.topCostlyCalls.c.1.callId": "c.1",
        "billing.topCostlyCalls.c.1.totalCost": Decimal("1.5"),
    }


def test_numbers_differ_by_their_value() -> None:
    """1.50 is 1.5; a difference is exact, and whole where both numbers are."""
    old = {"a": Decimal("1.50"), "b": 3, "c": Decimal("0.1"), "d": 2, "e": True}
    new = {"a": Decimal("1.5"), "b": 1, "c": Decimal("0.3"), "d": Decimal("2.5"), "e": False}

    found = figure_differences(old, new)
    assert [(f.figure, f.difference) for f in found] == [
        ("b", -2),
        ("c", Decimal("0.2")),
        ("d", Decimal("0.5")),
        ("e", UNSET),
    ]
    assert type(found[0].difference) is int


def test_absent_is_not_null() -> None:
    """A figure that only one side has is a difference, in the order of the reports."""
    found = figure_differences({"b": None, "gone": 1}, {"a": 0, "b": None, "c": None})
    assert found == [
        FigureDifference(figure="gone", old=1),
        FigureDifference(figure="a", new=0),
        FigureDifference(figure="c", new=None),
    ]
