"""Parking without limit to the lane: beyond its quota a source's bytes stay in the log alone."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest

from shared.contracts.entries import Entry
from shared.contracts.stream_names import INBOX_LANE
from shared.limits import EVENT_BYTES_MAX
from shared.storage.parking import Parking, ParkQuota, sources_over_quota
from tests.contract.wire import changed, json_bytes, structured
from tests.integration.shared.storage.lane_owner import (
    NOW_MS,
    LaneOwner,
    call_entry,
    lane_owner,
    subject_in,
)

QUOTA = 3


@pytest.fixture
def owner(laid_out: str) -> Iterator[LaneOwner]:
    """The owner of all lanes, with a small quota of events."""
    with lane_owner(laid_out, "one") as one:
        one.take()
        give_quota(one, ParkQuota(events=QUOTA))
        yield one


def give_quota(owner: LaneOwner, quota: ParkQuota) -> None:
    """Let the owner keep so much of each source whole."""
    owner.committer._parking = Parking(owner.committing, quota)


def bad(number: int, source: str = "/dialer", lane: int = 0, note: str = "") -> Entry:
    """An entry of unknown type; each number is an event of its own."""
    event = changed(
        id=str(number), subject=subject_in(lane), source=source, type="call.exploded", note=note
    )
    return Entry(NOW_MS + number, 0, structured(event))


def parked(owner: LaneOwner, **where: object) -> list[dict[str, Any]]:
    """Rows of what is parked, in the order of the log."""
    cursor = owner.connection.execute(
        "SELECT lane, source, entries, body, first_ms, first_seq, length_bytes,"
        " sha256"
        " FROM callfold.parked_events ORDER BY lane, first_ms"
    )
    assert cursor.description is not None
    names = [column.name for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return [row for row in rows if where.items() <= row.items()]


def kept(rows: list[dict[str, Any]]) -> list[bool]:
    """Which rows hold their bytes."""
    return [row["body"] is not None for row in rows]


def bytes_of(owner: LaneOwner, row: dict[str, Any]) -> bytes:
    """A parked event's bytes: its row's, else the log's."""
    if row["body"] is not None:
        return bytes(row["body"])
    found = owner.log.find(row["lane"], (row["first_ms"], int(row["first_seq"])))
    assert found is not None
    return found[1]


def test_beyond_the_quota_every_event_is_parked_and_its_bytes_are_in_the_log(
    owner: LaneOwner,
) -> None:
    """The lane moves on, good events among them count, and nothing is lost."""
    entries = [bad(number) for number in range(1, 8)]
    owner.archive(0, entries[:QUOTA])
    assert [] == owner.committer.newly_over_quota
    owner.archive(0, [*entries[QUOTA:5], call_entry(100, 0)])
    assert [("acme", "/dialer", None)] == owner.committer.newly_over_quota
    owner.archive(0, [e._replace(ms=e.ms + 200) for e in entries[5:]])

    rows = parked(owner)
    assert [True] * QUOTA + [False] * 4 == kept(rows)
    assert [entry.fields[1] for entry in entries] == [bytes_of(owner, row) for row in rows]
    assert [] == owner.committer.newly_over_quota
    assert 1 == sources_over_quota(owner.connection)
    assert (NOW_MS + 207, 0) == owner.lanes.cursors([0], 1)[0].position
    assert [(1,)] == owner.connection.execute("SELECT count(*) FROM gen_1.attempts").fetchall()


def test_content_seen_again_is_one_row_and_costs_no_quota(owner: LaneOwner) -> None:
    """Within a batch, in a later one, and beyond the quota."""
    entries = [bad(1), bad(1)._replace(ms=NOW_MS + 2)]
    owner.archive(0, entries)
    owner.archive(0, [bad(1)._replace(ms=NOW_MS + 3), bad(12), bad(13)])
    assert [] == owner.committer.newly_over_quota
    owner.archive(0, [bad(24), bad(24)._replace(ms=NOW_MS + 25)])

    rows = parked(owner)
    assert [3, 1, 1, 2] == [row["entries"] for row in rows]
    assert [True, True, True, False] == kept(rows)
    found = owner.connection.execute("SELECT events, body_bytes FROM callfold.parked_sources")
    assert [(4, sum(row["length_bytes"] for row in rows[:3]))] == found.fetchall()


def test_bytes_have_a_quota_too(owner: LaneOwner) -> None:
    """One event that does not fit leaves room for a smaller one."""
    size = len(json_bytes(changed(id="1", subject=subject_in(0), type="call.exploded", note="")))
    give_quota(owner, ParkQuota(events=1_000, body_bytes=size * 3))
    owner.archive(0, [bad(1), bad(2, note="x" * 3 * size), bad(3)])

    assert [True, False, True] == kept(parked(owner))
    assert [("acme", "/dialer", None)] == owner.committer.newly_over_quota


def test_sources_have_quotas_of_their_own_over_all_lanes(owner: LaneOwner) -> None:
    """The loud one does not cost the other's bytes, wherever either publishes."""
    owner.archive(0, [bad(1), bad(2)])
    owner.archive(1, [bad(3, lane=1), bad(4, lane=1), bad(5, "/other", lane=1)])
    owner.archive(2, [bad(6, "/other", lane=2), bad(7, lane=2)])

    assert [True, True, True, False, False] == kept(parked(owner, source="/dialer"))
    assert [True, True] == kept(parked(owner, source="/other"))
    assert 1 == sources_over_quota(owner.connection)


def test_what_says_no_source_is_counted_by_lane(owner: LaneOwner) -> None:
    """Nobody is known to complain to, and one lane's garbage costs no other lane's bytes."""
    for lane in (0, 1):
        garbage = [
            Entry(NOW_MS + n, 0, structured(f"{lane} {n}".encode())) for n in range(QUOTA + lane)
        ]
        owner.archive(lane, garbage)

    assert [True] * QUOTA == kept(parked(owner, lane=0))
    assert [True] * QUOTA + [False] == kept(parked(owner, lane=1))
    assert [("", "", 1)] == owner.committer.newly_over_quota


def test_bytes_of_the_inbox_always_stay(owner: LaneOwner) -> None:
    """It has no log: there the row is the only place."""
    garbage = [Entry(NOW_MS + n, 0, structured(b"garbage %d" % n)) for n in range(QUOTA + 2)]
    owner.archive(INBOX_LANE, garbage)

    assert [True] * (QUOTA + 2) == kept(parked(owner))
    assert [("", "", INBOX_LANE)] == owner.committer.newly_over_quota


def test_event_over_the_limit_leaves_its_first_mebibyte_in_the_log(owner: LaneOwner) -> None:
    """With its whole length in the row: as much as a row would have kept."""
    give_quota(owner, ParkQuota(events=0))
    event = json_bytes(changed(subject=subject_in(0), note="x" * EVENT_BYTES_MAX))
    owner.archive(0, [Entry(NOW_MS, 0, structured(event))])

    (row,) = parked(owner)
    assert row["body"] is None
    assert len(event) == row["length_bytes"]
    assert sha256(event).digest() == row["sha256"]
    assert event[:EVENT_BYTES_MAX] == bytes_of(owner, row)


def test_batch_that_is_rolled_back_counts_nothing(owner: LaneOwner) -> None:
    """Rows and counters move in the batch's own transaction."""
    writes = owner.fold({0: [bad(number) for number in range(QUOTA + 1)]})
    owner.connection.execute("ALTER TABLE gen_1.positions ADD CHECK (lane <> 0)")
    with pytest.raises(Exception, match="check"):
        owner.commit(writes)

    assert [] == parked(owner)
    assert 0 == sources_over_quota(owner.connection)
