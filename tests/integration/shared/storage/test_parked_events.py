"""Parked events as operators find and resolve them, on a real PostgreSQL."""

from collections.abc import Iterator
from hashlib import sha256

import pytest

from shared.contracts.stream_names import INBOX_LANE
from shared.projections.write_set import Parked
from shared.storage.parked_events import (
    OPEN,
    ParkedFilter,
    Verdict,
    body_of,
    find_parked,
    parked_events,
    resolve,
)
from shared.storage.parking import DEFAULT_QUOTA, Parking
from tests.integration.shared.storage.lane_owner import NOW_MS, LaneOwner, lane_owner


@pytest.fixture
def owner(laid_out: str) -> Iterator[LaneOwner]:
    """Connections to a database that is laid out."""
    with lane_owner(laid_out, "one") as one:
        yield one


def park(owner: LaneOwner, lane: int, digests: list[bytes], ms: int = NOW_MS) -> None:
    """Park one garbage event for each digest."""
    events = [
        Parked(lane, ms, seq, "not_json", "", 0, b"{", 1, digest)
        for seq, digest in enumerate(digests)
    ]
    with owner.committing.transaction():
        Parking(owner.committing, DEFAULT_QUOTA).park(events)


def test_every_event_is_read_once_in_order_however_many_there_are(owner: LaneOwner) -> None:
    """Over all lanes, more than are read at once; resolving those that were read skips none."""
    digests = [sha256(str(number).encode()).digest() for number in range(60)]
    for lane in (INBOX_LANE, 0, 3):
        park(owner, lane, digests)

    read = []
    for event in parked_events(owner.connection, OPEN):
        read.append((event.lane, event.digest))
        resolve(owner.connection, [Verdict(event, "discarded", "me")])

    assert [(lane, d) for lane in (INBOX_LANE, 0, 3) for d in sorted(digests)] == read
    assert [] == list(parked_events(owner.connection, OPEN))
    assert 180 == len(list(parked_events(owner.connection, ParkedFilter(with_resolved=True))))


@pytest.mark.parametrize("lane", (INBOX_LANE, 0, 3))
@pytest.mark.parametrize("digest", (b"\x00" * 32, b"\xff" * 32, sha256(b"one").digest()))
def test_event_is_found_by_the_beginning_of_its_digest(
    owner: LaneOwner, lane: int, digest: bytes
) -> None:
    """At both ends of all digests too, in its lane alone."""
    park(owner, lane, [digest])
    park(owner, 1, [digest, sha256(b"two").digest()])
    name = "inbox" if lane == INBOX_LANE else str(lane)

    for chars in (6, 7, 16, 64):
        (found,) = find_parked(owner.connection, f"{name}-{digest.hex()[:chars]}")
        assert (lane, digest, f"{name}-{digest.hex()[:16]}") == (found.lane, found.digest, found.id)
    assert [] == find_parked(owner.connection, f"2-{digest.hex()[:16]}")


def test_event_that_came_again_since_it_was_read_stays_open(owner: LaneOwner) -> None:
    """The verdict was about what was known then: whoever decides must look again."""
    digest = sha256(b"again").digest()
    park(owner, 0, [digest, sha256(b"quiet").digest()])
    read = list(parked_events(owner.connection, OPEN))
    park(owner, 0, [digest], NOW_MS + 5)

    came_again = resolve(owner.connection, [Verdict(e, "retried", "me") for e in read])

    assert [digest] == [event.digest for event in came_again]
    assert [(digest, 2)] == [(e.digest, e.entries) for e in parked_events(owner.connection, OPEN)]


def test_bytes_that_nobody_holds_are_none(owner: LaneOwner) -> None:
    """Left out of the row, and of a log that was cut off."""
    park(owner, 0, [sha256(b"gone").digest()])
    owner.connection.execute("UPDATE callfold.parked_events SET body = NULL")
    (event,) = parked_events(owner.connection, OPEN)

    assert body_of(owner.connection, event) is None
