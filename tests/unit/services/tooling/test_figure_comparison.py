"""The comparison of reports with the truth, which the demo's exit code hangs on."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec import UNSET

from services.tooling.figure_comparison import Figure, compare


def differing(reported: object, truth: object) -> list[tuple[str, Any, Any]]:
    """Name and both values of each figure that is wrong."""
    figures: list[Figure] = list(compare({"r": reported}, {"r": truth}).values())
    return [(f.name, f.reported, f.truth) for f in figures if not f.is_right]


def test_equal_reports_have_no_difference() -> None:
    """Numbers are compared as numbers, however they are written."""
    reported = {"rows": [{"share": Decimal("50.0"), "count": 3}], "none": [], "unknown": None}
    truth = {"rows": [{"share": 50, "count": Decimal(3)}], "none": [], "unknown": None}
    assert differing(reported, truth) == []


@pytest.mark.parametrize(
    ("reported", "truth", "name"),
    (
        ({"a": 1}, {"a": 2}, "r.a"),
        ({"a": None}, {"a": 0}, "r.a"),
        ({"a": "1"}, {"a": 1}, "r.a"),
        ({"a": {}}, {"a": []}, "r.a"),
        ({"a": [{"b": 1}, {"b": 2}]}, {"a": [{"b": 1}, {"b": 3}]}, "r.a[1].b"),
        ({"a": [1, 2]}, {"a": [2, 1]}, "r.a[0]"),
    ),
)
def test_other_value_is_a_difference_with_its_place(
    reported: object, truth: object, name: str
) -> None:
    """Null is not 0, text no number, no list no object; and the order counts."""
    assert name == differing(reported, truth)[0][0]


def test_value_of_one_side_alone_is_a_difference() -> None:
    """A row too many or too few does not hide."""
    assert differing({"a": [1]}, {"a": [1, 2]}) == [("r.a[1]", UNSET, 2)]
    assert differing({"a": [1, 2]}, {"a": [1]}) == [("r.a[1]", 2, UNSET)]
    assert differing({"a": []}, {"a": [1]}) == [("r.a[0]", UNSET, 1), ("r.a", [], UNSET)]
