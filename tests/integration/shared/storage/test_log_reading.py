"""The log read in stretches and by position, on a real PostgreSQL, while others merge it."""

from collections.abc import Iterator

import pytest

from shared.contracts.entries import Entry
from shared.storage import log_reading, merging
from shared.storage.log_reading import (
    LogEntry,
    LogScan,
    Selection,
    covering,
    log_partitions,
    segments_holding,
)
from shared.storage.merging import SegmentMerger
from tests.contract.wire import changed, structured
from tests.integration.shared.storage.lane_owner import (
    NOW_MS,
    PARTITIONS,
    LaneOwner,
    call_entry,
    lane_owner,
    subject_in,
)


@pytest.fixture
def owner(laid_out: str) -> Iterator[LaneOwner]:
    """The owner of all lanes."""
    with lane_owner(laid_out, "one") as one:
        one.take()
        yield one


def _numbered(count: int) -> list[Entry]:
    """Entries of lane 0, one each millisecond."""
    return [
        Entry(NOW_MS + n, 0, structured(changed(id=str(n), subject=subject_in(0))))
        for n in range(count)
    ]


def _numbers(entries: list[LogEntry]) -> list[int]:
    return [entry.ms - NOW_MS for entry in entries]


def _write(owner: LaneOwner, count: int) -> None:
    owner.write_segments(0, *[[entry] for entry in _numbered(count)])


@pytest.mark.parametrize("look", (1, 7, 500))
def test_scan_yields_each_entry_once(
    owner: LaneOwner, monkeypatch: pytest.MonkeyPatch, look: int
) -> None:
    """However many rows one statement reads; partitions come one after the other."""
    monkeypatch.setattr(log_reading, "_LOOK", look)
    _write(owner, 15)
    owner.archive(2, [call_entry(3, 2)])
    scan = LogScan(owner.connection, Selection(partitions=log_partitions(owner.connection)))

    entries = list(scan.entries())

    assert [0] * 15 + [2] == [entry.partition for entry in entries]
    assert [*range(15), 3] == _numbers(entries)
    assert (16, 16, []) == (scan.events, scan.segments_read, scan.damaged)
    assert (16, 16) == scan.size()
    assert list(range(PARTITIONS)) == log_partitions(owner.connection)


def test_selection_bounds_are_exact_within_segments(owner: LaneOwner) -> None:
    """Behind one position, up to one millisecond, whatever segments these lie in."""
    owner.archive(0, _numbered(6), [call_entry(9, 0)])

    for after, until_ms, expected in (
        ((NOW_MS + 2, 0), NOW_MS + 4, [3, 4]),
        ((NOW_MS + 2, 1), NOW_MS + 9, [3, 4, 5, 9]),
        ((NOW_MS + 6, 0), NOW_MS + 8, []),
        ((-1, 0), NOW_MS, [0]),
    ):
        chosen = Selection(partitions=[0], after=after, until_ms=until_ms)
        assert expected == _numbers(list(LogScan(owner.connection, chosen).entries()))


@pytest.mark.parametrize("read", (1, 50, 99, 119))
def test_scan_amid_a_merge_sees_each_entry_once(
    owner: LaneOwner, monkeypatch: pytest.MonkeyPatch, read: int
) -> None:
    """Rows that were named are gone by then, and their entries lie in a larger segment."""
    monkeypatch.setattr(merging, "EVENTS_AIM", 60)
    monkeypatch.setattr(merging, "EVENTS_SMALL", 40)
    _write(owner, 120)
    reading = LogScan(owner.connection, Selection(partitions=[0])).entries()

    found = [next(reading) for _ in range(read)]
    assert 120 == SegmentMerger(owner.connection, owner.name).merge(0, owner.epochs[0])
    found += list(reading)

    assert list(range(120)) == _numbers(found)


def test_position_is_covered_by_the_segment_that_reaches_it(owner: LaneOwner) -> None:
    """Before the first, between two, and behind the last segment nothing covers it."""
    owner.archive(0, _numbered(3), [call_entry(9, 0)])

    for number, expected in ((-1, None), (0, 0), (2, 0), (5, None), (9, 9), (10, None)):
        segment = covering(owner.connection, 0, (NOW_MS + number, 0))
        assert expected == (None if segment is None else segment.first_ms - NOW_MS), number


def test_segments_of_many_positions_come_once(owner: LaneOwner) -> None:
    """In order, however the positions are; those that nothing holds are skipped."""
    owner.archive(0, _numbered(3), [call_entry(9, 0)], [call_entry(20, 0), call_entry(21, 0)])
    positions = [(NOW_MS + n, 0) for n in (21, 2, 5, 20, 0, 99)]

    found = [s.first_ms - NOW_MS for s in segments_holding(owner.connection, 0, positions)]

    assert [0, 20] == found
