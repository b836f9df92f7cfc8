"""Following the log into another generation: it equals the live one, whoever follows, and how."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shared.contracts.entries import Entry
from shared.contracts.park_reasons import ParkReason
from shared.errors import FencedError, StaleStateError
from shared.limits import EVENT_BYTES_MAX
from shared.storage.connection import connect
from shared.storage.contribution_sums import contributions_that_differ
from shared.storage.following import LogFollower, stand_equally_far
from shared.storage.generation_schemas import create_generation
from shared.storage.lanes import fold_positions
from shared.storage.merging import SegmentMerger
from shared.storage.schema import engine_of
from tests.contract.wire import structured
from tests.integration.shared.storage.lane_owner import (
    NOW_MS,
    PARTITIONS,
    LaneOwner,
    call_entry,
    lane_owner,
)
from tests.same_generations import differing_tables


@pytest.fixture
def owner(laid_out: str) -> Iterator[LaneOwner]:
    """The owner of all lanes."""
    with lane_owner(laid_out, "one") as one:
        one.take()
        yield one


@contextmanager
def follower(
    database_url: str, *, bulk: bool = False, batch_events: int = 1_000, makes: bool = True
) -> Iterator[LogFollower]:
    """A follower into generation 2, which it makes where it is the first."""
    if makes:
        engine = engine_of(database_url)
        with engine.begin() as connection:
            create_generation(connection, 2)
        engine.dispose()
    with connect(database_url, "reading") as reading, connect(database_url, "writing") as writing:
        yield LogFollower(
            reading, writing, PARTITIONS, 2,
            batch_events=batch_events, cache_bytes=2**20, bulk=bulk,
        )  # fmt: skip


def follow_all(following: LogFollower) -> int:
    """Follow every lane to where live is; returns events folded."""
    return sum(following.follow(range(-1, PARTITIONS)))


def assert_equal(owner: LaneOwner) -> None:
    """Both generations stand equally far and hold the same."""
    assert stand_equally_far(owner.connection, 1, 2)
    assert {} == differing_tables(owner.connection, 1, 2)


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


@pytest.mark.parametrize("bulk", (False, True))
@pytest.mark.parametrize("batch_events", (7, 40, 1_000))
def test_followed_generation_equals_the_live_one(
    laid_out: str, owner: LaneOwner, bulk: bool, batch_events: int
) -> None:
    """Table by table, whatever the batches were, and its own sums hold."""
    say_something(owner)
    with follower(laid_out, bulk=bulk, batch_events=batch_events) as following:
        assert 39 * PARTITIONS == follow_all(following)
        assert_equal(owner)
        say_something(owner, begin=100)
        assert 39 * PARTITIONS == follow_all(following)

    assert_equal(owner)
    assert [] == contributions_that_differ(owner.connection, 2)
    rows = owner.connection.execute("SELECT count(*) FROM gen_2.attempts").fetchone()
    assert (5 * PARTITIONS,) == rows


def test_two_followers_of_one_generation_never_both_count(laid_out: str, owner: LaneOwner) -> None:
    """Who comes second is fenced off, and goes on from where the first stands."""
    say_something(owner)
    with (
        follower(laid_out) as one,
        follower(laid_out, makes=False) as other,
    ):
        ahead = other.follow([0, 1])
        assert 39 == next(ahead)  # lane 0; it has read where lane 1 stands
        assert 39 * (PARTITIONS - 1) == follow_all(one)
        with pytest.raises(FencedError, match=r"lanes \[1\]"):
            next(ahead)
        say_something(owner, begin=100)

        assert 39 * PARTITIONS == follow_all(other)
        assert 0 == follow_all(one)
        assert_equal(owner)


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
    with follower(laid_out) as following:
        follow_all(following)

        assert_equal(owner)
        assert 0 == follow_all(following)


def test_entry_over_the_limit_is_left_out_though_its_beginning_decodes(
    laid_out: str, owner: LaneOwner
) -> None:
    """Live parked it for its length, of which the log keeps a part."""
    padded = call_entry(1, 0).fields[1] + b" " * EVENT_BYTES_MAX
    owner.archive(0, [Entry(NOW_MS + 1, 0, structured(padded)), call_entry(2, 0, word="short")])
    with follower(laid_out) as following:
        assert follow_all(following) == 2

        assert_equal(owner)


def test_lane_that_only_archives_is_followed_as_far_as_live_folds(
    laid_out: str, owner: LaneOwner
) -> None:
    """What live has not folded yet it may still park, and the comparison needs equal positions."""
    say_something(owner)
    folded = fold_positions(owner.connection, 1)
    position = owner.lanes.cursors([0], 1)[0].position
    owner.folding.archive(0, position, [call_entry(90, 0, word="later")])
    owner.commit(owner.folding.harvest())
    with follower(laid_out) as following:
        follow_all(following)

        assert folded.items() >= fold_positions(owner.connection, 2).items()
        assert_equal(owner)


def test_following_goes_on_where_it_stood_though_the_log_was_merged(
    laid_out: str, owner: LaneOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was archived since is folded once, also from the middle of a merged segment."""
    monkeypatch.setattr("shared.storage.merging.EVENTS_AIM", 60)
    monkeypatch.setattr("shared.storage.merging.EVENTS_SMALL", 45)
    say_something(owner)
    with follower(laid_out) as following:
        follow_all(following)
        say_something(owner, begin=100)
        assert 3 == SegmentMerger(owner.connection, owner.name).merge(0, owner.epochs[0])

        assert 39 * PARTITIONS == follow_all(following)
        assert 0 == follow_all(following)
        assert_equal(owner)


def test_lane_that_ends_with_events_of_others_meets_the_live_one(
    laid_out: str, owner: LaneOwner
) -> None:
    """Moved entries are in no log but their target's, yet both generations stand equally far."""
    say_something(owner)
    stray = call_entry(99, 1)
    owner.archive(0, [stray])
    assert (NOW_MS + 99, 0) == fold_positions(owner.connection, 1)[0]
    with follower(laid_out) as following:
        follow_all(following)

        assert stand_equally_far(owner.connection, 1, 2)
        assert 0 == follow_all(following)


def test_following_stops_where_it_is_told(laid_out: str, owner: LaneOwner) -> None:
    """A snapshot says how far; what came since is not folded before it is asked for."""
    say_something(owner)
    ends = fold_positions(owner.connection, 1)
    say_something(owner, begin=100)
    with follower(laid_out) as following:
        assert 39 * PARTITIONS == sum(following.follow_to(ends))
        assert ends == {k: v for k, v in fold_positions(owner.connection, 2).items() if k >= 0}
        assert not stand_equally_far(owner.connection, 1, 2)
        assert 39 * PARTITIONS == follow_all(following)
        assert_equal(owner)


def test_state_changed_by_another_is_not_overwritten(laid_out: str, owner: LaneOwner) -> None:
    """A revision that moved on drops what was folded; following goes on from the database."""
    say_something(owner)
    with follower(laid_out) as following:
        follow_all(following)
        owner.connection.execute("UPDATE gen_2.attempts SET revision = revision + 1")
        say_something(owner, begin=100)
        with pytest.raises(StaleStateError):
            follow_all(following)

        assert 39 * PARTITIONS == follow_all(following)
        assert_equal(owner)
