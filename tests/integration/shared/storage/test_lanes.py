"""Leases and cursors on a real PostgreSQL: one owner each, epochs that only grow, no waiting."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from shared.storage.connection import connect
from shared.storage.lanes import (
    Cursor,
    Lanes,
    archived_through_ms,
    close_breaker,
    fold_positions,
    open_breakers,
)
from tests.integration.shared.storage.lane_owner import NOW_MS, PARTITIONS

LEASE_MS = 60_000
ALL = {-1, *range(PARTITIONS)}


@pytest.fixture
def connection(laid_out: str) -> Iterator[psycopg.Connection]:
    """A connection in autocommit."""
    with connect(laid_out, "test") as connected:
        yield connected


def expire(connection: psycopg.Connection, *lanes: int) -> None:
    """Let leases run out."""
    connection.execute(
        "UPDATE callfold.leases SET expires_at = now() - interval '1 ms' WHERE lane = ANY(%s)",
        (list(lanes),),
    )


def deaths(connection: psycopg.Connection) -> dict[int, int]:
    """Unclean deaths by lane."""
    return dict(connection.execute("SELECT lane, unclean_deaths FROM callfold.leases").fetchall())


def test_free_lanes_are_taken_once_each(connection: psycopg.Connection) -> None:
    """What one projector has, another does not get, and there are as many as asked for."""
    one, other = Lanes(connection, "one", LEASE_MS), Lanes(connection, "other", LEASE_MS)

    taken = one.take(3, 1)

    assert 3 == len(taken)
    assert ALL - taken.keys() == other.take(9, 1).keys()
    assert {} == one.take(9, 1)


def test_lanes_taken_at_the_same_moment_have_one_owner(laid_out: str) -> None:
    """Projectors that start together share the lanes without waiting for each other."""

    def take(name: str) -> list[int]:
        with connect(laid_out, name) as own:
            return list(Lanes(own, name, LEASE_MS).take(2, 1))

    with ThreadPoolExecutor(8) as threads:
        taken = [lane for lanes in threads.map(take, map(str, range(8))) for lane in lanes]

    assert len(set(taken)) == len(taken)


def test_epoch_grows_at_each_taking_and_never_else(connection: psycopg.Connection) -> None:
    """Renewing keeps the epoch; giving back and taking again does not."""
    one, other = Lanes(connection, "one", LEASE_MS), Lanes(connection, "other", LEASE_MS)
    first = one.take(9, 1)
    assert (first, set(), dict.fromkeys(first, 0)) == one.renew()
    one.release(list(first))
    second = other.take(9, 1)
    expire(connection, *ALL)
    third = one.take(9, 1)

    assert [dict.fromkeys(ALL, epoch) for epoch in (1, 2, 3)] == [first, second, third]


def test_lease_that_ran_out_is_not_renewed(connection: psycopg.Connection) -> None:
    """Who was away too long must take the lane anew, at a new epoch."""
    one = Lanes(connection, "one", LEASE_MS)
    one.take(9, 1)
    expire(connection, 0, 1)

    held = one.renew().epochs

    assert ALL - {0, 1} == held.keys()


def test_lease_lasts_as_long_as_told(connection: psycopg.Connection) -> None:
    """By the database's clock, whatever a projector's own clock says."""
    Lanes(connection, "one", 90_000).take(1, 1)

    row = connection.execute(
        "SELECT expires_at - now() BETWEEN '85 s' AND '90 s' FROM callfold.leases"
        " WHERE owner = 'one'"
    ).fetchone()

    assert (True,) == row


def test_only_the_owner_gives_a_lane_back(connection: psycopg.Connection) -> None:
    """A projector that lost a lane cannot free it for others."""
    one, other = Lanes(connection, "one", LEASE_MS), Lanes(connection, "other", LEASE_MS)
    one.take(9, 1)
    other.release(list(ALL))

    assert {} == other.take(9, 1)


def test_clean_end_counts_no_death_and_an_expired_lease_does(
    connection: psycopg.Connection,
) -> None:
    """Only an owner that let its lease run out is suspected to have died of an event."""
    one, other = Lanes(connection, "one", LEASE_MS), Lanes(connection, "other", LEASE_MS)
    one.take(9, 1)
    one.release([0, 1])
    expire(connection, 2, 3)
    other.take(9, 1)

    assert {-1: 0, 0: 0, 1: 0, 2: 1, 3: 1} == deaths(connection)


def test_owner_that_takes_its_own_lapsed_lane_again_has_not_died(
    connection: psycopg.Connection,
) -> None:
    """A machine that was paused kills nobody: no batch is suspected for it."""
    one, other = Lanes(connection, "one", LEASE_MS), Lanes(connection, "other", LEASE_MS)
    one.take(9, 1)
    expire(connection, 0, 1)
    other.take(1, 1)
    one.take(9, 1)

    assert {-1: 0, 0: 1, 1: 0, 2: 0, 3: 0} == deaths(connection)


def test_death_with_nothing_of_a_suspect_at_hand_is_not_its_own(
    connection: psycopg.Connection,
) -> None:
    """Of a suspected lane nothing is at hand until it is said, at the epoch that holds it."""
    owners = [Lanes(connection, str(number), LEASE_MS) for number in range(5)]
    owners[0].take(9, 1)
    expire(connection, -1, 0, 1, 2, 3)
    owners[1].take(9, 1)
    expire(connection, -1, 0, 1, 2, 3)
    held = owners[2].take(9, 1)
    assert {2} == set(deaths(connection).values())

    owners[2].say_at_hand({lane: held[lane] for lane in (0, 1, 2)}, [0, 1], {})
    owners[2].say_at_hand({1: held[1], 2: held[2] - 1}, [2], {3: held[3]})
    expire(connection, -1, 0, 1, 2, 3)
    owners[3].take(9, 1)
    assert {-1: 2, 0: 3, 1: 2, 2: 2, 3: 1} == deaths(connection)

    owners[3].survived([0])
    expire(connection, -1, 0, 1, 2, 3)
    owners[4].take(9, 1)
    assert {-1: 2, 0: 1, 1: 2, 2: 2, 3: 2} == deaths(connection)


def test_batch_that_went_through_forgets_the_deaths(connection: psycopg.Connection) -> None:
    """Deaths count in a row only, and only the owner can say that one went well."""
    one, other = Lanes(connection, "one", LEASE_MS), Lanes(connection, "other", LEASE_MS)
    one.take(9, 1)
    connection.execute("UPDATE callfold.leases SET unclean_deaths = 5")

    one.survived([0])
    other.survived([1])

    assert {-1: 5, 0: 0, 1: 5, 2: 5, 3: 5} == deaths(connection)


def test_death_of_a_projector_that_lives_is_taken_back(connection: psycopg.Connection) -> None:
    """It only stood still; what others died of, before or since, stays counted."""
    one, other = Lanes(connection, "one", LEASE_MS), Lanes(connection, "other", LEASE_MS)
    for dead in ("first", "second", "one"):
        Lanes(connection, dead, LEASE_MS).take(9, 1)
        expire(connection, *ALL)
    other.take(9, 1)
    one.still_alive()
    assert dict.fromkeys(ALL, 2) == deaths(connection) == other.renew().deaths
    one.still_alive()
    assert dict.fromkeys(ALL, 2) == deaths(connection)

    expire(connection, 0)
    Lanes(connection, "third", LEASE_MS).take(9, 1)  # of a suspected lane nothing was at hand
    other.still_alive()
    assert dict.fromkeys(ALL, 2) == deaths(connection)


def test_who_suspects_a_lane_still_hides_no_death_of_it(connection: psycopg.Connection) -> None:
    """One of two deaths is taken back; its new owner hears of that later, and dies in earnest."""
    for dead in ("first", "paused"):
        Lanes(connection, dead, LEASE_MS).take(9, 1)
        expire(connection, *ALL)
    owner = Lanes(connection, "owner", LEASE_MS)
    epochs = owner.take(9, 1)
    Lanes(connection, "paused", LEASE_MS).still_alive()
    assert dict.fromkeys(ALL, 1) == deaths(connection)

    owner.say_at_hand(epochs, [], {})
    expire(connection, *ALL)
    Lanes(connection, "next", LEASE_MS).take(9, 1)
    assert dict.fromkeys(ALL, 2) == deaths(connection)


def test_projectors_alive_are_counted(connection: psycopg.Connection) -> None:
    """Those whose beat ran out are gone, and those that said goodbye at once."""
    one, other = Lanes(connection, "one", LEASE_MS), Lanes(connection, "other", LEASE_MS)
    assert [1, 2, 2] == [one.beat(), other.beat(), one.beat()]

    connection.execute(
        "UPDATE callfold.projectors SET expires_at = now() - interval '1 s' WHERE projector = 'one'"
    )
    assert 1 == other.beat()
    one.beat()
    one.leave()
    assert 1 == other.beat()


def test_clock_that_leapt_back_leaves_no_lane_with_the_dead(connection: psycopg.Connection) -> None:
    """Leases that no clock can have given are short again: who lives renews, who died is taken."""
    dead, alive, heir = (Lanes(connection, name, 1_000) for name in ("dead", "alive", "heir"))
    for lanes in (dead, alive):
        lanes.beat()
    dead.take(3, 1)
    held = alive.take(2, 1)
    for table in ("projectors", "leases"):
        connection.execute(f"UPDATE callfold.{table} SET expires_at = now() + interval '1 day'")
    assert (3, {}) == (heir.beat(), heir.take(5, 1))

    connection.execute("SELECT pg_sleep(0.6)")
    assert (3, held) == (alive.beat(), alive.renew().epochs)
    connection.execute("SELECT pg_sleep(0.6)")
    assert 2 == heir.beat()
    assert ALL - held.keys() == heir.take(5, 1).keys()


@pytest.mark.parametrize("expired", ("- interval '1 s'", "+ interval '1 day'"))
def test_projectors_that_all_come_back_at_once_do_not_wait_for_each_other(
    laid_out: str, expired: str
) -> None:
    """After an outage every row is outdated, or after a leap back, and each renews its own."""
    with connect(laid_out, "slow") as slow, connect(laid_out, "quick") as quick:
        Lanes(slow, "slow", LEASE_MS).beat()
        for table in ("projectors", "leases"):
            slow.execute(f"UPDATE callfold.{table} SET expires_at = now() {expired}".encode())
        with slow.transaction():
            for table in ("projectors", "leases"):
                slow.execute(
                    f"UPDATE callfold.{table} SET expires_at = now() + interval '1 min'".encode()
                )
            quick.execute("SET lock_timeout = '1s'")
            Lanes(quick, "quick", LEASE_MS).beat()

        assert 2 == Lanes(slow, "slow", LEASE_MS).beat()


def test_renewal_goes_through_during_a_commit_and_a_takeover_does_not(laid_out: str) -> None:
    """A commit locks its lease rows so that the epoch stays, and nothing more."""
    with connect(laid_out, "one") as beating, connect(laid_out, "commit") as committing:
        one = Lanes(beating, "one", LEASE_MS)
        one.take(9, 1)
        beating.execute("SET lock_timeout = '1s'")
        with committing.transaction():
            committing.execute("SELECT 1 FROM callfold.leases WHERE lane = 0 FOR KEY SHARE")
            held = one.renew().epochs
            one.survived([0])
            one.open_breaker([0], "a reason")
            expire(beating, 0, 1)
            taken = Lanes(beating, "other", LEASE_MS).take(9, 1)

        assert ALL == held.keys()
        assert {1} == taken.keys()
        assert {0} == Lanes(beating, "other", LEASE_MS).take(9, 1).keys()


def test_takeover_by_hand_waits_for_the_commit(laid_out: str) -> None:
    """Nobody can raise an epoch under a commit, not even by a plain statement."""
    with connect(laid_out, "commit") as committing, connect(laid_out, "by hand") as other:
        other.execute("SET lock_timeout = '100ms'")
        with committing.transaction():
            committing.execute("SELECT 1 FROM callfold.leases WHERE lane = 0 FOR KEY SHARE")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                other.execute("UPDATE callfold.leases SET epoch = epoch + 1 WHERE lane = 0")


def test_breaker_is_opened_seen_and_closed(connection: psycopg.Connection) -> None:
    """Its owner hears of it at each renewal; an operator closes what is open, and hears which."""
    one = Lanes(connection, "one", LEASE_MS)
    one.take(9, 1)
    one.open_breaker([0, 2], "a bad release")

    assert {0, 2} == one.renew().archive_only
    assert {0: "a bad release", 2: "a bad release"} == open_breakers(connection)
    assert "a bad release" == one.cursors([2], 1)[2].archive_only
    assert [2] == close_breaker(connection, [1, 2])
    assert {0} == one.renew().archive_only


def test_cursors_say_where_log_and_generation_stand(connection: psycopg.Connection) -> None:
    """The largest sequence number of a stream survives; a lane never folded is at the start."""
    connection.execute(
        "UPDATE callfold.lanes SET ms = 7, seq = 18446744073709551615, entries_read = 3"
        " WHERE lane = 1"
    )
    connection.execute("INSERT INTO gen_1.positions VALUES (1, 6, 18446744073709551614)")

    found = Lanes(connection, "", 0).cursors([0, 1], 1)

    assert {
        0: Cursor((0, 0), (0, 0), 0, 0, None),
        1: Cursor((7, 2**64 - 1), (6, 2**64 - 2), 3, 0, None),
    } == found
    assert {1: (6, 2**64 - 2)} == fold_positions(connection, 1)


def test_vouching_only_moves_on(connection: psycopg.Connection) -> None:
    """An older word about an idle lane changes nothing."""
    lanes = Lanes(connection, "one", LEASE_MS)
    lanes.vouch(dict.fromkeys(range(PARTITIONS), NOW_MS))
    lanes.vouch({0: NOW_MS - 1, 1: NOW_MS + 1})

    assert NOW_MS == archived_through_ms(connection)


def test_slowest_partition_decides_what_is_archived(connection: psycopg.Connection) -> None:
    """An entry that was read may have brothers of the same millisecond, so it is not counted."""
    assert 0 == archived_through_ms(connection)
    connection.execute("UPDATE callfold.lanes SET ms = %s", (NOW_MS,))
    connection.execute("UPDATE callfold.lanes SET ms = %s WHERE lane = 2", (NOW_MS - 50,))
    connection.execute("UPDATE callfold.lanes SET ms = 1 WHERE lane = -1")

    assert NOW_MS - 51 == archived_through_ms(connection)


def test_vouching_never_waits_for_a_commit(laid_out: str) -> None:
    """The thread that renews the leases vouches too: waiting would cost it every lane."""
    with connect(laid_out, "commit") as committing, connect(laid_out, "leases") as beating:
        with committing.transaction():
            committing.execute("UPDATE callfold.lanes SET ms = 1 WHERE lane = 0")
            started_s = time.monotonic()
            Lanes(beating, "one", LEASE_MS).vouch(dict.fromkeys(range(PARTITIONS), NOW_MS))
            waited_s = time.monotonic() - started_s

        assert waited_s < 2
        found = beating.execute("SELECT lane, vouched_ms FROM callfold.lanes").fetchall()
        assert {-1: 0, 0: 0, 1: NOW_MS, 2: NOW_MS, 3: NOW_MS} == dict(found)
