"""Merging makes small segments large, and changes nothing of what the log says."""

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import pytest

from shared.contracts.entries import Entry
from shared.storage import merging
from shared.storage.log import Log
from shared.storage.merging import EVENTS_AIM, EVENTS_MOST, EVENTS_SMALL, SegmentMerger
from shared.storage.segments import received, unpack
from tests.contract.wire import binary, changed, structured
from tests.integration.shared.storage.lane_owner import (
    NOW_MS,
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


def of_lane_0(number: int) -> Entry:
    """An entry of lane 0: in both modes, of two organizations and many sources, or bad."""
    event = changed(
        id=str(number),
        subject=subject_in(0),
        organizationid="acme" if number % 3 else "other",
        source=f"/dialer/{number % 7}",
    )
    fields = binary(event) if number % 5 == 0 else structured(event)
    return Entry(
        NOW_MS + number // 2, number % 2, structured(b"bad") if number % 50 == 7 else fields
    )


def write_small(owner: LaneOwner, events: int, size: int = 25) -> None:
    """Write events into the log in segments of a few."""
    entries = [of_lane_0(number) for number in range(events)]
    owner.write_segments(0, *[entries[begin : begin + size] for begin in range(0, events, size)])


def content(log: Log, lane: int = 0) -> list[Any]:
    """All that the log says of its entries: ids, modes, bytes, checksums, received times."""
    segments = list(log.segments(lane, (-1, 0)))
    times = [ms for segment in segments for n, ms in received(segment) for _ in range(n)]
    said = [item for segment in segments for item in unpack(segment)]
    return list(zip(said, times, strict=True))


def sizes(owner: LaneOwner, lane: int = 0) -> list[int]:
    """Events of each segment."""
    return [segment.events for segment in owner.log.segments(lane, (-1, 0))]


def counts(owner: LaneOwner) -> dict[tuple[str, str], int]:
    """Events by organization and source, as the segments say."""
    added: dict[tuple[str, str], int] = {}
    for segment in owner.log.segments(0, (-1, 0)):
        assert sorted(segment.sources) == segment.organizations
        for organization_id, sources in segment.sources.items():
            for source, count in sources.items():
                key = (organization_id, source)
                added[key] = added.get(key, 0) + count
    return added


def test_small_segments_become_large_and_say_the_same(owner: LaneOwner) -> None:
    """Entries, checksums, received times, organizations and sources are as they were."""
    write_small(owner, EVENTS_AIM + 500)
    before, counted = content(owner.log), counts(owner)

    merged = SegmentMerger(owner.connection, owner.name).merge(0, owner.epochs[0])

    assert EVENTS_AIM // 25 == merged
    assert [EVENTS_AIM] + [25] * 20 == sizes(owner)
    assert EVENTS_AIM >= EVENTS_SMALL == 1_000
    assert before == content(owner.log)
    assert counted == counts(owner)


def test_merged_segments_take_less_room(owner: LaneOwner) -> None:
    """That is what they are merged for: a fraction of what small ones took."""
    write_small(owner, EVENTS_AIM, size=5)
    before = body_bytes(owner)

    SegmentMerger(owner.connection, owner.name).merge(0, owner.epochs[0])

    assert body_bytes(owner) < before / 3


def body_bytes(owner: LaneOwner) -> int:
    """Bytes of all bodies."""
    row = owner.connection.execute("SELECT sum(length(body)) FROM callfold.log_segments").fetchone()
    assert row is not None
    return int(row[0])


def test_quiet_stream_of_single_events_is_merged(
    owner: LaneOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A segment an event is the worst case: one look at the log does not reach the aim then."""
    monkeypatch.setattr(merging, "_LOOK", EVENTS_SMALL + 200)
    assert EVENTS_SMALL + 200 < EVENTS_AIM
    write_small(owner, EVENTS_SMALL + 300, size=1)

    SegmentMerger(owner.connection, owner.name).merge(0, owner.epochs[0])

    assert [EVENTS_SMALL + 200, *[1] * 100] == sizes(owner)


def test_run_before_a_large_segment_is_merged_once_it_makes_a_large_one(owner: LaneOwner) -> None:
    """Bursts between quiet times leave runs of small segments that nothing will ever join."""
    small = EVENTS_SMALL + 500
    write_small(owner, small, size=100)
    owner.commit(owner.fold({0: [of_lane_0(number) for number in range(small, 3 * EVENTS_SMALL)]}))
    before = content(owner.log)

    SegmentMerger(owner.connection, owner.name).merge(0, owner.epochs[0])

    assert [small, 3 * EVENTS_SMALL - small] == sizes(owner)
    assert before == content(owner.log)


def write_sizes(owner: LaneOwner, *events: int) -> None:
    """Write segments of these sizes into the log."""
    entries = [of_lane_0(number) for number in range(sum(events))]
    ends = list(accumulate(events))
    owner.write_segments(
        0, *[entries[end - size : end] for end, size in zip(ends, events, strict=True)]
    )


@pytest.mark.parametrize(
    ("before", "after"),
    (
        # With the one before it, with the one behind it, with neither, and one after the other.
        ((1_200, 20, 30, 1_300), [1_250, 1_300]),
        ((EVENTS_MOST - 40, 20, 30, 1_300), [EVENTS_MOST - 40, 1_350]),
        ((EVENTS_MOST, 20, 30, EVENTS_MOST), [EVENTS_MOST, 20, 30, EVENTS_MOST]),
        ((EVENTS_MOST, 20, 1_300, 30, 1_400), [EVENTS_MOST, 1_350, 1_400]),
        # Nothing before it; and at the end nobody knows yet what will follow.
        ((20, 30, 1_300, 40, 50), [1_350, 40, 50]),
    ),
)
def test_few_events_between_large_segments_are_joined_to_a_neighbour(
    owner: LaneOwner, before: tuple[int, ...], after: list[int]
) -> None:
    """Unless it would become too large to be read for one call."""
    write_sizes(owner, *before)
    said, counted = content(owner.log), counts(owner)
    merger = SegmentMerger(owner.connection, owner.name)
    merger.merge(0, owner.epochs[0])

    assert after == sizes(owner)
    assert said == content(owner.log)
    assert counted == counts(owner)
    assert 0 == merger.merge(0, owner.epochs[0])
    assert 0 == SegmentMerger(owner.connection, owner.name).merge(0, owner.epochs[0])


def test_few_events_that_come_between_two_looks_are_joined_later(owner: LaneOwner) -> None:
    """The merger remembers the large segment that they may be joined to."""
    entries = [of_lane_0(number) for number in range(2_450)]
    merger = SegmentMerger(owner.connection, owner.name)
    for begin, end in ((0, 1_200), (1_200, 1_230), (1_230, 2_450)):
        owner.write_segments(0, entries[begin:end])
        merger.merge(0, owner.epochs[0])

    assert [1_230, 1_220] == sizes(owner)


def test_few_events_of_another_number_of_partitions_stay_alone(owner: LaneOwner) -> None:
    """Neither neighbour was written under their N."""
    write_sizes(owner, 1_200, 20, 1_300)
    owner.connection.execute("UPDATE callfold.log_segments SET partitions = 8 WHERE events = 20")

    assert 0 == SegmentMerger(owner.connection, owner.name).merge(0, owner.epochs[0])
    assert [1_200, 20, 1_300] == sizes(owner)


def test_merging_again_changes_nothing(owner: LaneOwner) -> None:
    """Large segments stay, for the merger that made them and for the next owner's."""
    write_small(owner, EVENTS_AIM)
    merger = SegmentMerger(owner.connection, owner.name)
    merger.merge(0, owner.epochs[0])

    assert 0 == merger.merge(0, owner.epochs[0])
    assert 0 == SegmentMerger(owner.connection, owner.name).merge(0, owner.epochs[0])


def test_what_comes_later_is_merged_later(owner: LaneOwner) -> None:
    """The merger goes on where it stood; the whole log is in order at any time."""
    entries = [of_lane_0(number) for number in range(2 * EVENTS_AIM)]
    merger = SegmentMerger(owner.connection, owner.name)
    for begin in range(0, len(entries), 1_000):
        parts = range(begin, begin + 1_000, 100)
        owner.write_segments(0, *[entries[part : part + 100] for part in parts])
        merger.merge(0, owner.epochs[0])

    assert [EVENTS_AIM, EVENTS_AIM] == sizes(owner)
    assert [(e.ms, e.seq) for e in entries] == [
        (i[0][0].ms, i[0][0].seq) for i in content(owner.log)
    ]


def test_segments_of_another_number_of_partitions_are_not_mixed(owner: LaneOwner) -> None:
    """A segment says under which N it was written, so it holds entries of one N only."""
    write_small(owner, 2 * EVENTS_AIM, size=100)
    owner.connection.execute(
        "UPDATE callfold.log_segments SET partitions = 8 WHERE first_ms >= %s",
        (NOW_MS + EVENTS_AIM // 2 + 50,),
    )

    SegmentMerger(owner.connection, owner.name).merge(0, owner.epochs[0])

    assert {4: EVENTS_AIM + 100, 8: EVENTS_AIM - 100} == {
        n: sum(s.events for s in owner.log.segments(0, (-1, 0)) if s.partitions == n)
        for n in (4, 8)
    }


@pytest.mark.parametrize("lost", ("epoch", "owner"))
def test_merging_of_a_lost_partition_is_fenced(owner: LaneOwner, lost: str) -> None:
    """Who owned it before leaves it alone: the new owner may be merging the same rows."""
    write_small(owner, EVENTS_AIM)
    before = sizes(owner)
    owner.connection.execute(
        "UPDATE callfold.leases SET epoch = epoch + 1"
        if lost == "epoch"
        else "UPDATE callfold.leases SET owner = 'other'"
    )

    assert 0 == SegmentMerger(owner.connection, owner.name).merge(0, owner.epochs[0])
    assert before == sizes(owner)


def test_other_partitions_are_left_alone(owner: LaneOwner) -> None:
    """Equal ids in a partition of another owner stay as they are."""
    write_small(owner, EVENTS_AIM)
    owner.archive(1, [call_entry(1, 1)], [call_entry(2, 1)])
    before = content(owner.log, 1)

    SegmentMerger(owner.connection, owner.name).merge(0, owner.epochs[0])

    assert [1, 1] == sizes(owner, 1)
    assert before == content(owner.log, 1)
