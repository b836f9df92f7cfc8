"""F17: clocks of projectors, of Redis and of publishers that are a day apart, and that leap."""

import random
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from services.tooling.traffic import to_json
from shared.contracts.stream_names import partition_of, partition_stream
from shared.delivery.connection import redis_client
from shared.limits import PARTITIONS_DEFAULT
from tests.faults.false_clocks import DAY_S, RedisClock, processes_ahead
from tests.faults.judging import judge, recovery_s
from tests.faults.own_redis import own_redis
from tests.faults.tally import FaultTally
from tests.faults.traffic import Traffic
from tests.installation import Installation, installation, until
from tests.whole_system import messy_events

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]
_SEEDS = (1, 2, 3)
_CONTACTS = 40
#: Some 15 s of traffic: the streams are trimmed meanwhile, to what is younger than a second.
_RATE_PER_S = 400
_KEEP_MS = "1000"


@pytest.mark.parametrize("seed", _SEEDS)
def test_projectors_days_apart_keep_their_lanes_and_lose_nothing(
    redis_url: str, database_url: str, tally: FaultTally, seed: int
) -> None:
    """One a day ahead, one a day behind: leases go by the database's clock, so none is stolen."""
    traffic = Traffic(redis_url, messy_events(seed, _CONTACTS), _RATE_PER_S, seed=seed)
    with installation(redis_url, database_url) as running:
        for ahead_s in (DAY_S, -DAY_S):
            with processes_ahead(ahead_s):
                # Leases long enough that a slow machine alone loses none of them.
                running.start_projector(stream_keep_ms=_KEEP_MS, lease_ms="10000")
        running.start_read_api()
        with traffic.flowing():
            until(lambda: [8, 9] == sorted(_lanes(running).values()), "the lanes are shared")
            epochs = _epochs(running)
            time.sleep(5)
            assert epochs == _epochs(running)
        row = judge(running, traffic.acknowledged)
    tally.add("F17 projectors a day apart", replace(row, injected=2))


@pytest.mark.parametrize("seed", _SEEDS)
def test_redis_clock_that_leaps_a_day_loses_and_doubles_nothing(
    tmp_path: Path, database_url: str, tally: FaultTally, seed: int
) -> None:
    """Forward and back while it runs, and back at a restart, in an order drawn from the seed.

    Ids of a stream never go back, so that the cursor may be a day ahead of the clock.
    """
    leaps = [DAY_S, -DAY_S, 0]
    random.Random(seed).shuffle(leaps)
    with (
        own_redis(tmp_path) as server,
        installation(server.url, database_url) as running,
    ):
        clock = RedisClock(server, tmp_path / "valkey")
        clock.restart(0)
        for _ in range(2):
            running.start_projector(stream_keep_ms=_KEEP_MS)
        running.start_read_api()
        traffic = Traffic(server.url, messy_events(seed, _CONTACTS), _RATE_PER_S, seed=seed)
        recoveries_s = []
        with traffic.flowing():
            for ahead_s in leaps:
                clock.leap(ahead_s)
                recoveries_s.append(recovery_s(running))
            clock.restart(-DAY_S)
            recoveries_s.append(recovery_s(running))
        row = judge(running, traffic.acknowledged)
    row = replace(row, injected=len(recoveries_s), recoveries_s=recoveries_s)
    tally.add("F17 redis leaps a day", row)


@pytest.mark.parametrize("seed", _SEEDS)
def test_publisher_who_numbers_entries_by_a_clock_a_day_ahead_loses_nothing(
    redis_url: str, database_url: str, tally: FaultTally, seed: int
) -> None:
    """Its ids drag those of its stream along; others go on by Redis' clock."""
    events = messy_events(seed, _CONTACTS)
    ahead, others = events[::10], [event for at, event in enumerate(events) if at % 10]
    traffic = Traffic(redis_url, others, _RATE_PER_S, seed=seed)
    with installation(redis_url, database_url) as running:
        for _ in range(2):
            running.start_projector(stream_keep_ms=_KEEP_MS)
        running.start_read_api()
        with traffic.flowing():
            for start in range(0, len(ahead), 50):
                _publish_ahead(redis_url, ahead[start : start + 50])
                time.sleep(0.5)
        row = judge(running, [*ahead, *traffic.acknowledged])
    tally.add("F17 publisher a day ahead", replace(row, injected=len(ahead)))


def _publish_ahead(redis_url: str, events: list[dict[str, Any]]) -> None:
    with redis_client(redis_url) as client:
        for event in events:
            stream = partition_stream(partition_of(event["subject"], PARTITIONS_DEFAULT))
            at_ms = (time.time_ns() // 1_000_000) + DAY_S * 1000
            client.xadd(stream, {"event": to_json(event)}, id=f"{at_ms}-*")


def _lanes(running: Installation) -> dict[str, int]:
    """Owner → how many lanes it has."""
    rows = _leases(running, "owner, count(*)", "WHERE owner IS NOT NULL GROUP BY owner")
    return dict(rows)


def _epochs(running: Installation) -> list[tuple[Any, ...]]:
    return _leases(running, "lane, owner, epoch, unclean_deaths", "ORDER BY lane")


def _leases(running: Installation, columns: str, how: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(running.database_url) as connection:
        statement = f"SELECT {columns} FROM callfold.leases {how}"
        return connection.execute(statement.encode()).fetchall()
