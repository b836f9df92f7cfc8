"""How `--as-of` and `--by` are read."""

from datetime import UTC, datetime

import pytest
import typer

from services.tooling.replay.options import cutoff
from shared.contracts.instants import datetime_us
from shared.storage.cutoffs import Clock

_MOMENT_US = datetime_us(datetime(2026, 11, 22, 9, 30, tzinfo=UTC))


@pytest.mark.parametrize(
    "text",
    (
        "2026-11-22T09:30:00Z",
        "2026-11-22T09:30",
        "2026-11-22 09:30:00.000000",
        "2026-11-22T15:00:00+05:30",
        "20261122T093000Z",
    ),
)
def test_times_without_an_offset_are_utc(text: str) -> None:
    """The same moment in several spellings of ISO 8601."""
    read = cutoff(text, None)
    assert read is not None
    assert (_MOMENT_US, Clock.LEARNED) == read


def test_a_date_is_its_first_moment() -> None:
    """By which clock is said."""
    read = cutoff("2026-11-22", Clock.EVENT)
    assert read is not None
    assert (datetime_us(datetime(2026, 11, 22, tzinfo=UTC)), Clock.EVENT) == read


@pytest.mark.parametrize("text", ("", "noon", "2026-13-01", "0001-01-01T00:00:00+10:00"))
def test_what_is_no_time_is_refused(text: str) -> None:
    """With an example of one."""
    with pytest.raises(typer.BadParameter, match="expected ISO 8601"):
        cutoff(text, None)


def test_a_moment_admits_what_was_there_then() -> None:
    """The moment itself included, by the clock that was asked for."""
    learned, happened = cutoff("2026-11-22T09:30", None), cutoff("2026-11-22T09:30", Clock.EVENT)
    assert learned is not None
    assert happened is not None
    then_ms = _MOMENT_US // 1000
    assert learned.admits(_MOMENT_US + 1, then_ms)
    assert not learned.admits(_MOMENT_US, then_ms + 1)
    assert happened.admits(_MOMENT_US, then_ms + 1)
    assert not happened.admits(_MOMENT_US + 1, then_ms)
