"""Numbers of sources' own counters on a real PostgreSQL: what is missing is found, exactly."""

import random
from collections.abc import Iterator

import psycopg
import pytest

from shared.contracts.entries import Entry
from shared.contracts.stream_names import INBOX_LANE
from shared.limits import INTEGER_MAX
from shared.storage.acknowledging import IncidentKey, Measure, acknowledge
from shared.storage.connection import connect
from shared.storage.sequences import SequenceGap, look_for_gaps, record, sequence_gaps
from tests.contract.wire import binary, changed, structured
from tests.integration.shared.storage.lane_owner import (
    NOW_MS,
    PARTITIONS,
    call_entry,
    lane_owner,
    subject_in,
)

_BLOCK = 65_536


@pytest.fixture
def connection(laid_out: str) -> Iterator[psycopg.Connection]:
    """A connection in autocommit to a fresh installation."""
    with connect(laid_out, "test") as connected:
        yield connected


def arrived(connection: psycopg.Connection, *numbers: int, source: str = "/a") -> None:
    """Note numbers of one source, and look: a later look judges them."""
    record(connection, {("acme", source): numbers})
    look_for_gaps(connection, 0)


def missing(connection: psycopg.Connection) -> dict[str, list[list[int]]]:
    """By source the ranges that are missing and late enough, after a look."""
    total = look_for_gaps(connection, 0)
    gaps = sequence_gaps(connection)
    assert total == sum(gap.missing for gap in gaps)
    return {gap.source: gap.ranges for gap in gaps if gap.missing}


def only_gap(connection: psycopg.Connection) -> SequenceGap:
    """The only gap there is."""
    (gap,) = sequence_gaps(connection)
    return gap


def test_numbers_without_a_gap_are_none(connection: psycopg.Connection) -> None:
    """In any order, any number of times, over the end of a block, wherever the counter begins."""
    numbers = list(range(_BLOCK - 300, _BLOCK + 300))
    random.Random(1).shuffle(numbers)
    for begin in range(0, len(numbers), 100):
        arrived(connection, *numbers[begin : begin + 100], *numbers[:50])
    arrived(connection, 0, 1, source="/b")

    assert {} == missing(connection)
    assert [] == sequence_gaps(connection)
    blocks = connection.execute(
        "SELECT source, block, seen::text FROM callfold.source_sequences ORDER BY 1, 2"
    ).fetchall()
    whole = [("/a", 0, f"{{[{_BLOCK - 300},{_BLOCK})}}"), ("/a", 1, "{[0,300)}")]
    assert [*whole, ("/b", 0, "{[0,2)}")] == blocks


def test_missing_numbers_are_found_and_close_when_they_come(
    connection: psycopg.Connection,
) -> None:
    """At the edges of blocks, whole blocks, and up to the largest number of the contract."""
    arrived(connection, 5, 7, _BLOCK, 3 * _BLOCK + 1, INTEGER_MAX)
    gaps = [
        [6, 6],
        [8, _BLOCK - 1],
        [_BLOCK + 1, 3 * _BLOCK],
        [3 * _BLOCK + 2, INTEGER_MAX - 1],
    ]
    assert {"/a": gaps} == missing(connection)
    assert INTEGER_MAX - 5 + 1 - 5 == only_gap(connection).missing
    since = only_gap(connection).missing_since
    assert since is not None

    arrived(connection, 6, *range(_BLOCK + 1, 3 * _BLOCK + 1))
    assert {"/a": [gaps[1], gaps[3]]} == missing(connection)
    assert since == only_gap(connection).missing_since


def test_late_numbers_are_missing_only_at_the_look_after(connection: psycopg.Connection) -> None:
    """What is under way between partitions closes before anybody calls it a gap."""
    record(connection, {("acme", "/a"): [1, 3]})
    assert 0 == look_for_gaps(connection, 0)
    assert (0, 1) == (only_gap(connection).missing, only_gap(connection).late)
    record(connection, {("acme", "/a"): [2, 5]})
    assert 0 == look_for_gaps(connection, 0)
    assert 0 == look_for_gaps(connection, 3600), "nobody looks before it is time"
    assert 1 == look_for_gaps(connection, 0)


def test_source_is_its_organizations_own(connection: psycopg.Connection) -> None:
    """Two tenants with one source name have two counters."""
    record(connection, {("acme", "/a"): [1, 2, 3], ("bolt", "/a"): [1, 3]})
    look_for_gaps(connection, 0)
    look_for_gaps(connection, 0)
    assert "bolt" == only_gap(connection).organization_id


def test_acknowledged_numbers_are_missing_no_more(connection: psycopg.Connection) -> None:
    """Later ones are, and all of them where the counter turns out to begin before."""
    arrived(connection, 10, 12)
    missing(connection)
    gap = only_gap(connection)
    assert gap.judged_through is not None
    key = IncidentKey("sequence_gap", organization_id="acme", source="/a")
    acknowledge(connection, [(key, Measure(gap.judged_through, gap.lowest))], "me", "lost")

    assert {} == missing(connection)
    assert 1 == only_gap(connection).acknowledged
    arrived(connection, 15)
    missing(connection)
    assert (2, 1) == (only_gap(connection).missing, only_gap(connection).acknowledged)
    arrived(connection, 8)
    missing(connection)
    assert (4, 0) == (only_gap(connection).missing, only_gap(connection).acknowledged)


def test_two_owners_whose_numbers_interleave_miss_none(laid_out: str) -> None:
    """Each commits the numbers of its partitions, whenever it likes; duplicates change nothing."""
    with lane_owner(laid_out, "one") as one, lane_owner(laid_out, "two") as two:
        one.take(3)
        two.take(2)
        for owner, lanes in ((one, (0, 1)), (two, (2, 3))):
            for lane in lanes:
                entries = [call_entry(n, lane, sequence=n) for n in range(lane, 200, PARTITIONS)]
                owner.archive(lane, entries[:30], [entries[29]._replace(seq=1), *entries[30:]])
        with connect(laid_out, "test") as connection:
            assert {} == missing(connection)
            assert [] == sequence_gaps(connection)
            assert ["{[0,200)}"] == [
                row[0]
                for row in connection.execute("SELECT seen::text FROM callfold.source_sequences")
            ]


def test_parked_events_have_arrived(laid_out: str) -> None:
    """In both content modes, too large to be kept, in the inbox, or with a breaker open."""
    bad = changed(subject=subject_in(1), type="call.nonsense")
    with lane_owner(laid_out, "owner") as owner:
        owner.take()
        entries = [
            structured({**bad, "id": "a", "sequence": 1}),
            binary({**bad, "id": "b", "sequence": 2}),
            structured({**bad, "data": "x" * 2**20, "sequence": 3}),
            structured(b"not JSON"),
            structured({**bad, "sequence": -1}),
        ]
        owner.archive(1, [Entry(NOW_MS + n, 0, fields) for n, fields in enumerate(entries)])
        unusable = structured(changed(subject="", sequence=4))
        owner.archive(INBOX_LANE, [Entry(NOW_MS, 0, unusable)])
        owner.folding.archive(1, (NOW_MS + 4, 0), [call_entry(9, 1, sequence=5)])
        owner.commit(owner.folding.harvest())
        (row,) = owner.connection.execute("SELECT * FROM callfold.source_sequences").fetchall()
        assert ("acme", "/dialer/eu-1", 0, "{[1, 6)}") == (*row[:3], str(row[3]))
