"""Tests of how rounds are summed up and printed."""

from json import loads

import pytest

from tests.bench.measurement import Measurement, compare, json_line, percentile, text_line


def three_rounds(*, how_often: bool = False) -> Measurement:
    """Rounds with ratios 0.5, 0.4 and 1, in which value and reference drift together."""
    pairs = [(50.0, 100.0), (80.0, 200.0), (300.0, 300.0)]
    return compare("live-1", "events/s", "the ceiling", pairs, {"events": 7}, how_often=how_often)


def test_rounds_that_drift_give_the_median_of_their_own_ratios() -> None:
    """A round is compared with itself: the ratio of the medians would be 80 / 200 = 0.4."""
    found = three_rounds()
    assert (80.0, 200.0, 0.5) == (found.value, found.reference_value, found.ratio)
    assert 3 == found.rounds
    assert pytest.approx((1 - 0.4) / 0.5) == found.spread


def test_times_to_be_beaten_give_how_often_the_value_goes_into_them() -> None:
    """With `how_often` a ratio of 2 says twice as fast."""
    assert 2.0 == three_rounds(how_often=True).ratio


def test_json_line_has_the_keys_that_performance_md_names() -> None:
    """One line with the promised keys first, in their order."""
    line = json_line(three_rounds())
    keys = ["name", "value", "unit", "reference", "reference_value", "ratio", "rounds", "spread"]
    assert "\n" not in line
    assert [*keys, "beside"] == list(loads(line))


def test_text_line_shows_what_stands_beside() -> None:
    """People see the further figures as well."""
    assert "events 7" in text_line(three_rounds())


@pytest.mark.parametrize(
    ("share", "expected"), ((0.0, 1.0), (0.5, 51.0), (0.99, 100.0), (1.0, 100.0))
)
def test_percentile_takes_a_number_that_occurred(share: float, expected: float) -> None:
    """Of 1 to 100 in any order, nothing is interpolated."""
    assert expected == percentile([float(number) for number in range(100, 0, -1)], share)
