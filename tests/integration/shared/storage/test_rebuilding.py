"""Folding the log into another generation: equal to the live one, or a report of what differs."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from shared.contracts.entries import Entry
from shared.contracts.park_reasons import ParkReason
from shared.contracts.stream_names import partition_of
from shared.storage.connection import connect
from shared.storage.generations import create_generation
from shared.storage.lanes import fold_positions
from shared.storage.merging import SegmentMerger
from shared.storage.rebuilding import (
    Rebuilder,
    compare,
    contributions_that_differ,
    equal_positions,
)
from shared.storage.schema import engine_of
from shared.storage.tables import TALLY_TABLES, generation_metadata
from tests.contract.wire import changed, structured
from tests.integration.shared.storage.lane_owner import (
    NOW_MS,
    PARTITIONS,
    LaneOwner,
    call_entry,
    lane_owner,
)


@pytest.fixture
def owner(laid_out: str) -> Iterator[LaneOwner]:
    """The owner of all lanes."""
    with lane_owner(laid_out, "one") as one:
        one.take()
        yield one


@contextmanager
def rebuilder(database_url: str) -> Iterator[Rebuilder]:
    """A rebuilder of generation 2, which is made here."""
    engine = engine_of(database_url)
    with engine.begin() as connection:
        create_generation(connection, 2)
    engine.dispose()
    with connect(database_url, "reading") as reading, connect(database_url, "writing") as writing:
        yield Rebuilder(reading, writing, PARTITIONS, 2)


def found_differences(owner: LaneOwner) -> dict[str, tuple[int, int]]:
    """Rows that one side lacks, by table; equal tables are left out."""
    return {
        table: (missing, unexpected)
        for table, _, missing, unexpected in compare(owner.connection, 1, 2)
        if missing or unexpected
    }


def say_something(owner: LaneOwner, begin: int = 0) -> None:
    """Two batches a lane: calls, charges, duplicates, a bad event, a contact."""
    for lane in range(PARTITIONS):
        first = [call_entry(begin + n, lane, word=f"w{n % 5}") for n in range(1, 30)]
        bad = Entry(NOW_MS + begin + 30, 0, structured(b"bad"))
        charges = [
            call_entry(begin + 31 + n, lane, word=f"w{n % 5}", type="call.charged",
                       data={"amount": f"0.{n + 1}"})
            for n in range(8)
        ]  # fmt: skip
        again = first[0]._replace(ms=NOW_MS + begin + 50)
        owner.archive(lane, [*first, bad], [*charges, again])


def test_rebuilt_generation_equals_the_live_one(laid_out: str, owner: LaneOwner) -> None:
    """Table by table, whatever the batches were, and its own sums hold."""
    say_something(owner)
    with rebuilder(laid_out) as rebuilding:
        seen: list[int] = []
        assert 39 * PARTITIONS == rebuilding.follow(seen.append)

        assert seen[-1] == 39 * PARTITIONS
        assert {} == found_differences(owner)
        assert equal_positions(owner.connection, 1, 2)
        assert [] == contributions_that_differ(owner.connection, 2)
        rows = {table: count for table, count, _, _ in compare(owner.connection, 1, 2)}
        assert 5 * PARTITIONS == rows["attempts"]
        assert rows.keys() == {t.name for t in generation_metadata.sorted_tables} - {"positions"}


def test_entries_that_live_parked_by_its_own_verdict_are_left_out(
    laid_out: str, owner: LaneOwner
) -> None:
    """Exactly those: the same content is parked twice, then folded once the release can do it."""
    parked_at = {
        1: ParkReason.FOLD_FAILED,
        2: ParkReason.DATABASE_REFUSED,
        4: ParkReason.FOLD_FAILED,
        9: ParkReason.CRASHED,
    }
    same = call_entry(1, 0, word="twice", type="call.charged", data={"amount": 1})
    entries = [
        same,
        call_entry(2, 0),
        call_entry(3, 0, word="good"),
        same._replace(ms=NOW_MS + 4),
        same._replace(ms=NOW_MS + 5),
        same._replace(ms=NOW_MS + 9),
        call_entry(10, 0, word="last"),
    ]
    condemned = {(0, NOW_MS + n, 0): (reason, "why") for n, reason in parked_at.items()}
    owner.folding.take(0, (0, 0), entries, condemned)
    owner.commit(owner.folding.harvest())
    count = "SELECT attempt_id FROM gen_1.attempts ORDER BY 1"
    assert 3 == len(owner.connection.execute(count).fetchall())
    with rebuilder(laid_out) as rebuilding:
        rebuilding.follow(lambda _events: None)

        assert {} == found_differences(owner)
        assert equal_positions(owner.connection, 1, 2)
        assert 0 == rebuilding.follow(lambda _events: None)


def test_lane_that_only_archives_is_followed_as_far_as_live_folds(
    laid_out: str, owner: LaneOwner
) -> None:
    """What live has not folded yet it may still park, and the comparison needs equal positions."""
    say_something(owner)
    folded = fold_positions(owner.connection, 1)
    position = owner.lanes.cursors([0], 1)[0].position
    owner.folding.archive(0, position, [call_entry(90, 0, word="later")])
    owner.commit(owner.folding.harvest())
    with rebuilder(laid_out) as rebuilding:
        rebuilding.follow(lambda _events: None)

        assert folded.items() >= fold_positions(owner.connection, 2).items()
        assert equal_positions(owner.connection, 1, 2)
        assert {} == found_differences(owner)


def test_following_goes_on_where_it_stood_though_the_log_was_merged(
    laid_out: str, owner: LaneOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was archived since is folded once, also from the middle of a merged segment."""
    monkeypatch.setattr("shared.storage.merging.EVENTS_AIM", 60)
    monkeypatch.setattr("shared.storage.merging.EVENTS_SMALL", 45)
    say_something(owner)
    with rebuilder(laid_out) as rebuilding:
        rebuilding.follow(lambda _events: None)
        say_something(owner, begin=100)
        assert 3 == SegmentMerger(owner.connection, owner.name).merge(0, owner.epochs[0])

        assert 39 * PARTITIONS == rebuilding.follow(lambda _events: None)
        assert 0 == rebuilding.follow(lambda _events: None)
        assert {} == found_differences(owner)
        assert equal_positions(owner.connection, 1, 2)


def test_lane_that_ends_with_events_of_others_meets_the_live_one(
    laid_out: str, owner: LaneOwner
) -> None:
    """Moved entries are in no log but their target's, yet both generations stand equally far."""
    say_something(owner)
    stray = call_entry(99, 1)
    owner.archive(0, [stray])
    assert (NOW_MS + 99, 0) == fold_positions(owner.connection, 1)[0]
    with rebuilder(laid_out) as rebuilding:
        rebuilding.follow(lambda _events: None)

        assert equal_positions(owner.connection, 1, 2)
        assert 0 == rebuilding.follow(lambda _events: None)


def test_generations_that_are_not_equally_far_are_told_apart(
    laid_out: str, owner: LaneOwner
) -> None:
    """A comparison amid the log would show differences that are none."""
    say_something(owner)
    with rebuilder(laid_out) as rebuilding:
        assert not equal_positions(owner.connection, 1, 2)
        rebuilding.follow(lambda _events: None)
        owner.archive(2, [call_entry(70, 2)])

        assert not equal_positions(owner.connection, 1, 2)


@pytest.mark.parametrize("table", [table.name for table in TALLY_TABLES[:3]])
def test_tally_changed_by_hand_is_found(laid_out: str, owner: LaneOwner, table: str) -> None:
    """By the comparison as a missing and an unexpected row, and by the sum of contributions."""
    say_something(owner)
    contact = changed(type="contact.enrolled", subject="c-1", id="c-1")
    owner.archive(partition_of("c-1", PARTITIONS), [Entry(NOW_MS + 80, 0, structured(contact))])
    column = {"execution_mentions": "subjects", "contact_tallies": "contacts"}.get(
        table, "attempts"
    )
    with rebuilder(laid_out) as rebuilding:
        rebuilding.follow(lambda _events: None)
        assert {} == found_differences(owner)

        change(owner.connection, f"UPDATE gen_1.{table} SET {column} = {column} + 1")

        assert {table: (1, 1)} == found_differences(owner)
        assert [table] == contributions_that_differ(owner.connection, 1)


def change(connection: psycopg.Connection, statement: str) -> None:
    """Change one row that is there."""
    assert 1 == connection.execute(statement.encode()).rowcount
