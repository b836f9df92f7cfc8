"""Projectors at a switch: they fold what is live, and follow what is kept beside it."""

import psycopg
import pytest

from services.projector.app import Projector
from shared.contracts.stream_names import INBOX_LANE
from shared.errors import FencedError, StaleStateError
from shared.storage.connection import connect
from shared.storage.following import LogFollower, stand_equally_far
from shared.storage.generation_schemas import create_generation, drop_generation
from shared.storage.schema import engine_of
from shared.storage.switching import BarrierError, switch_to
from tests.installation import until
from tests.integration.services.projector.projector_threads import projector_threads
from tests.same_generations import differing_tables
from tests.whole_system import messy_events, publish

_PARTITIONS = 16
_LANES = range(INBOX_LANE, _PARTITIONS)


def switch(database_url: str, generation: int) -> None:
    """Switch as `callfold switch` does, beside projectors that follow as well."""
    with (
        connect(database_url, "control") as control,
        connect(database_url, "reads") as reading,
        connect(database_url, "writes") as writing,
    ):
        follower = LogFollower(
            reading, writing, _PARTITIONS, generation, batch_events=5_000, cache_bytes=2**20
        )

        def catch_up() -> int:
            try:
                return sum(follower.follow(_LANES))
            except (FencedError, StaleStateError):
                return 1

        for attempt in range(20):
            try:
                switch_to(control, generation, catch_up)
            except BarrierError:
                assert attempt < 19
            else:
                return


def wait_until_equal(database_url: str, events: int) -> None:
    """Until all events are in both generations, which then must hold the same."""
    with psycopg.connect(database_url, autocommit=True) as connection:

        def folded() -> bool:
            row = connection.execute(
                "SELECT coalesce(sum(events), 0) FROM callfold.log_segments"
            ).fetchone()
            assert row is not None
            return row[0] >= events and stand_equally_far(connection, 1, 2)

        until(folded, "everything is archived and folded into both generations", 40)
        assert {} == differing_tables(connection, 1, 2)


def wait_until_held(projectors: list[Projector]) -> None:
    """Until every lane has an owner."""
    held = {INBOX_LANE, *range(_PARTITIONS)}
    until(
        lambda: held == {lane for p in projectors for lane in p.health.lanes}, "lanes are held", 20
    )


@pytest.mark.timeout(120)
def test_kept_generation_is_followed_and_folded_once_it_is_live(
    redis_url: str, database_url: str
) -> None:
    """There and back, with two projectors; nothing is lost on either side, or counted twice."""
    events = messy_events(seed=3, contacts=40)
    third = len(events) // 3
    with projector_threads(redis_url, database_url) as one:
        engine = engine_of(database_url)
        with engine.begin() as connection:
            create_generation(connection, 2)
        other = Projector(one._settings, _PARTITIONS)
        other.start()
        try:
            publish(redis_url, events[:third], seed=1)
            wait_until_equal(database_url, third)
            switch(database_url, 2)
            publish(redis_url, events[third : 2 * third], seed=2)
            wait_until_equal(database_url, 2 * third)
            both = one, other
            until(lambda: not any(p.health.complaint() for p in both), "both are ready", 20)
            switch(database_url, 1)
            publish(redis_url, events[2 * third :], seed=3)
            wait_until_equal(database_url, len(events))
            with engine.begin() as connection:
                drop_generation(connection, 2)
            publish(redis_url, messy_events(seed=4, contacts=5), seed=4)
            wait_until_held([one, other])
        finally:
            other.stop()
            engine.dispose()
        with psycopg.connect(database_url) as connection:
            deaths = connection.execute("SELECT max(unclean_deaths) FROM callfold.leases")
            assert (0,) == deaths.fetchone()
