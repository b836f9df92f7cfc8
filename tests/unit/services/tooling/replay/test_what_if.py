"""What counts as a difference between a served report and one that was folded again."""

import pytest

from services.tooling.replay.what_if import Difference, report_differences

_TWO = b'{"nodes":[{"nodeId":"a","uniqueCalls":1},{"nodeId":"b","uniqueCalls":1}],"totalCalls":2}'
_SWAPPED = (
    b'{"nodes":[{"nodeId":"b","uniqueCalls":1},{"nodeId":"a","uniqueCalls":1}],"totalCalls":2}'
)
_ONE = b'{"nodes":[{"nodeId":"a","uniqueCalls":1}],"totalCalls":2}'
_CALL = b'{"data":[{"callId":"x","status":"busy"}],"meta":{"total":1}}'
_NO_CALL = b'{"data":[],"meta":{"total":0}}'


@pytest.mark.parametrize(
    ("report", "served", "made", "expected"),
    (
        ("node-stats", _TWO, _TWO, []),
        (
            "node-stats",
            _TWO,
            _ONE,
            [
                Difference(figure="nodes.b.nodeId", live="b"),
                Difference(figure="nodes.b.uniqueCalls", live=1),
            ],
        ),
        (
            "calls",
            _NO_CALL,
            _CALL,
            [
                Difference(figure="callHistory.total", live=0, what_if=1),
                Difference(figure="calls.x.callId", what_if="x"),
                Difference(figure="calls.x.status", what_if="busy"),
            ],
        ),
    ),
)
def test_figures_have_the_names_of_rows_not_places(
    report: str, served: bytes, made: bytes, expected: list[Difference]
) -> None:
    """A row more or less differs in its own figures alone, absent on one side."""
    assert expected == report_differences({report: served}, {report: made})


def test_rows_in_another_order_are_a_difference() -> None:
    """The answers are not the same, though each figure is."""
    (found,) = report_differences({"node-stats": _TWO}, {"node-stats": _SWAPPED})
    assert "(order of rows)" == found.figure


def test_report_that_one_side_lacks_differs_in_all_figures() -> None:
    """An execution that only the code at hand knows."""
    found = report_differences({}, {"node-stats": _ONE})
    assert ["nodes.a.nodeId", "nodes.a.uniqueCalls", "nodeStats.totalCalls"] == [
        row.figure for row in found
    ]
