"""Duplicates with other bytes on a real PostgreSQL: told apart from conflicts, many at a time."""

from collections.abc import Iterator
from typing import Any

import pytest

from shared.contracts.entries import Entry
from shared.storage import conflicts
from shared.storage.segments import Segment, unpack
from tests.contract.wire import binary, changed, structured
from tests.integration.shared.storage.lane_owner import NOW_MS, LaneOwner, lane_owner, subject_in

_EVENTS = 200


@pytest.fixture
def owner(laid_out: str) -> Iterator[LaneOwner]:
    """The owner of all lanes."""
    with lane_owner(laid_out, "one") as one:
        one.take()
        yield one


def _event(number: int, **changes: object) -> dict[str, Any]:
    return changed(id=str(number), subject=subject_in(number % 2), **changes)


def _conflicting(owner: LaneOwner) -> list[tuple[int, str, int, int]]:
    rows = owner.connection.execute(
        "SELECT lane, event_id, ms, first_ms FROM callfold.conflicting_events ORDER BY ms"
    )
    return [(lane, event_id, ms - NOW_MS, first - NOW_MS) for lane, event_id, ms, first in rows]


def test_each_segment_is_read_once_for_all_that_it_holds(
    owner: LaneOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A publisher that goes from one content mode to the other repeats a day in other bytes."""
    lanes = {
        lane: [Entry(NOW_MS + n, 0, binary(_event(n))) for n in range(lane, _EVENTS, 2)]
        for lane in (0, 1)
    }
    for lane, entries in lanes.items():
        half = len(entries) // 2
        owner.archive(lane, entries[:half], entries[half:])
    opened: list[int] = []

    def counted(segment: Segment) -> Iterator[tuple[Entry, int, bytes, int]]:
        opened.append(segment.partition)
        return unpack(segment)

    monkeypatch.setattr(conflicts, "unpack", counted)
    again = {
        lane: [
            Entry(NOW_MS + 1000 + e.ms - NOW_MS, 0, structured(_event(e.ms - NOW_MS)))
            for e in entries
        ]
        for lane, entries in lanes.items()
    }
    differing = _event(1, data={"outcome": "busy"})
    again[1].append(Entry(NOW_MS + 5000, 0, structured(differing)))
    for lane, entries in again.items():
        owner.archive(lane, entries)

    assert [0, 0, 1, 1] == opened
    assert [(1, "1", 5000, 1)] == _conflicting(owner)


def test_first_of_the_same_batch_is_compared_without_the_log(owner: LaneOwner) -> None:
    """First and second may arrive together."""
    first, same = _event(2), Entry(NOW_MS + 1, 0, binary(_event(2)))
    other = Entry(NOW_MS + 2, 0, structured(_event(2, time="2026-03-02T09:00:00Z")))

    owner.archive(0, [Entry(NOW_MS, 0, structured(first)), same, other])

    assert [(0, "2", 2, 0)] == _conflicting(owner)


def test_duplicate_whose_first_is_gone_counts_as_a_conflict(owner: LaneOwner) -> None:
    """Nobody can compare them any more: better a conflict too many."""
    owner.archive(0, [Entry(NOW_MS, 0, structured(_event(2)))])
    owner.connection.execute("DELETE FROM callfold.log_segments")

    owner.archive(0, [Entry(NOW_MS + 1, 0, binary(_event(2)))])

    assert [(0, "2", 1, 0)] == _conflicting(owner)
