"""Making another generation live: no commit on either side of the row that changes is lost."""

from collections.abc import Iterator
from threading import Event, Thread, Timer
from time import monotonic

import psycopg
import pytest

from shared.errors import FencedError, GenerationError
from shared.folds.states import FOLD_VERSION
from shared.limits import SWITCH_BARRIER_MS
from shared.storage.connection import connect
from shared.storage.following import LogFollower, stand_equally_far
from shared.storage.generation_schemas import create_generation, drop_generation, index_generation
from shared.storage.generations import (
    BUILDING,
    COMPLETE,
    all_generations,
    follows_alone,
    generation_facts,
    live_of,
    operating_alone,
)
from shared.storage.report_changes import channel_name
from shared.storage.schema import engine_of
from shared.storage.switching import BarrierError, switch_to
from tests.integration.shared.storage.lane_owner import (
    PARTITIONS,
    LaneOwner,
    call_entry,
    lane_owner,
)

_LANES = range(-1, PARTITIONS)
#: Well within what a barrier waits for commits under way.
_SOON_S = 0.05


@pytest.fixture
def owner(laid_out: str) -> Iterator[LaneOwner]:
    """The owner of all lanes, whose generation 1 is live and holds a call in each partition."""
    with lane_owner(laid_out, "one") as one:
        one.take()
        for lane in range(PARTITIONS):
            one.archive(lane, [call_entry(1, lane)])
        yield one


@pytest.fixture
def other(laid_out: str, owner: LaneOwner) -> Iterator[LogFollower]:
    """A follower into generation 2, which is built and empty."""
    engine = engine_of(laid_out)
    with engine.begin() as connection:
        create_generation(connection, 2, BUILDING)
    engine.dispose()
    with connect(laid_out, "reading") as reading, connect(laid_out, "writing") as writing:
        yield LogFollower(
            reading, writing, PARTITIONS, 2, batch_events=1_000, cache_bytes=2**20, bulk=True
        )


def live(connection: psycopg.Connection) -> int:
    """The live generation."""
    return live_of(all_generations(connection)).number


def catching_up(other: LogFollower) -> int:
    """Follow all lanes."""
    return sum(other.follow(_LANES))


def test_switch_ends_every_lease_and_changes_one_row(
    laid_out: str, owner: LaneOwner, other: LogFollower
) -> None:
    """Nobody commits under what was live; lanes are free at once, no death is counted."""
    with connect(laid_out, "control") as control, connect(laid_out, "listening") as listening:
        listening.execute(f"LISTEN {channel_name(1)}".encode())
        done = switch_to(control, 2, lambda: catching_up(other))

        assert 1 == done.before
        assert SWITCH_BARRIER_MS > done.barrier_ms > 0
        assert 2 == live(control)
        assert stand_equally_far(control, 1, 2)
        assert ["all"] == [n.payload for n in listening.notifies(timeout=5, stop_after=1)]
        one, two = generation_facts(control)
        assert one.live_until is not None
        assert (None, COMPLETE) == (two.live_until, two.generation.state)
        assert two.behind_ms == 0 < two.size_bytes
        epochs = control.execute("SELECT lane, epoch FROM callfold.leases").fetchall()
        assert {lane: epoch + 1 for lane, epoch in owner.epochs.items()} == dict(epochs)
        with pytest.raises(FencedError):
            owner.archive(0, [call_entry(2, 0)])
        assert {} == owner.lanes.take(9, 1)
        assert set(_LANES) == owner.lanes.take(9, 2).keys()
        deaths = control.execute("SELECT sum(unclean_deaths) FROM callfold.leases").fetchone()
        assert (0,) == deaths

        assert 2 == switch_to(control, 1, lambda: 0).before
        one, two = generation_facts(control)
        assert one.live_until is None is not two.live_until


def test_commit_under_way_is_waited_for_and_counted(
    laid_out: str, owner: LaneOwner, other: LogFollower
) -> None:
    """The barrier begins when it is through, and what it brought is in the new generation."""
    begun, go_on = Event(), Event()

    def commit(lane: int) -> None:
        with owner.committing.transaction():
            owner.archive(lane, [call_entry(2, lane)])
            begun.set()
            go_on.wait(10)

    first, second = (Thread(target=commit, args=(lane,)) for lane in (0, 1))
    first.start()
    assert begun.wait(10)
    with connect(laid_out, "control") as control:
        with pytest.raises(BarrierError, match="commits under way"):
            switch_to(control, 2, lambda: catching_up(other))
        assert 1 == live(control)
        go_on.set()
        first.join()

        begun.clear()
        go_on.clear()
        second.start()  # the leases are as they were
        assert begun.wait(10)
        catching_up(other)  # all but what is under way
        Timer(_SOON_S, go_on.set).start()
        switch_to(control, 2, lambda: catching_up(other))
        second.join()
        assert 2 == live(control)
    folded = "SELECT count(*), sum(octet_length(records)) FROM"  # of each event a record
    one, two = (
        owner.connection.execute(f"{folded} gen_{generation}.attempts".encode()).fetchone()
        for generation in (1, 2)
    )
    assert one == two
    assert one is not None
    assert PARTITIONS == one[0]


def test_barrier_that_would_take_too_long_changes_nothing(
    laid_out: str, owner: LaneOwner, other: LogFollower
) -> None:
    """Commits go on after at most the limit, and the attempt says why."""
    began_s = monotonic()
    with connect(laid_out, "control") as control:
        with pytest.raises(BarrierError, match="left to fold"):
            switch_to(control, 2, lambda: 0)  # nobody folds

        assert SWITCH_BARRIER_MS / 1000 + 0.5 > monotonic() - began_s
        assert 1 == live(control)
        owner.archive(0, [call_entry(2, 0)])
        assert 0 < catching_up(other)


def test_generation_that_is_behind_is_switched_to_when_told(
    laid_out: str, owner: LaneOwner, other: LogFollower
) -> None:
    """Its projectors follow the log first: the positions tell them that they must."""
    with connect(laid_out, "control") as control:
        switch_to(control, 2, lambda: 0, behind=True)

        assert 2 == live(control)
        cursor = owner.lanes.cursors([0], 2)[0]
        assert cursor.folded < cursor.position


def test_second_command_is_refused_and_told_who_is_first(laid_out: str) -> None:
    """While one builds, switches or drops; not afterwards."""
    with connect(laid_out, "rebuild by ann") as one, connect(laid_out, "rebuild by bob") as other:
        with (
            operating_alone(one),
            pytest.raises(GenerationError, match=r"under way \(callfold rebuild by ann, since "),
            operating_alone(other),
        ):
            pass
        with operating_alone(other):
            pass


def test_one_connection_follows_where_no_projector_of_its_release_folds(laid_out: str) -> None:
    """And keeps doing so until it ends."""
    with connect(laid_out, "one") as one, connect(laid_out, "other") as other:
        assert [True, True, False] == [follows_alone(c) for c in (one, one, other)]
        one.close()
        deadline_s = monotonic() + 5
        while not follows_alone(other):
            assert monotonic() < deadline_s


def test_built_generation_gets_its_indexes_at_the_end(laid_out: str) -> None:
    """Row by row they would cost more; a second call does nothing."""
    indexes = (
        "SELECT count(*) FROM pg_indexes WHERE schemaname = 'gen_2' AND tablename = 'attempts'"
    )
    engine = engine_of(laid_out)
    with connect(laid_out, "test") as connection:
        with engine.begin() as building:
            create_generation(building, 2, BUILDING)
        assert (1,) == connection.execute(indexes).fetchone()  # the primary key
        for _ in range(2):
            with engine.begin() as building:
                index_generation(building, 2)
        assert (10,) == connection.execute(indexes).fetchone()
        two = all_generations(connection)[1]
        assert (2, FOLD_VERSION, BUILDING, False) == (
            two.number, two.fold_version, two.state, two.live,
        )  # fmt: skip
        assert not two.is_followed
        with engine.begin() as building:
            drop_generation(building, 2)
        assert [1] == [generation.number for generation in all_generations(connection)]
    engine.dispose()
