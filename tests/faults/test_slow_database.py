"""F14: rows that others hold, tables that are slow: lag is told, memory is bounded, others move.

A batch is one transaction over all lanes of its owner. So rows of one organization that somebody
locks hold up the owners whose lanes bring events of it, for as long; lanes of other owners move.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from json import loads
from typing import Any

import psycopg
import pytest
import redis

from shared.contracts.stream_names import partition_of
from shared.limits import PARTITIONS_DEFAULT
from tests.bench.process_figures import peak_rss_bytes
from tests.command_line import run_callfold
from tests.faults.judging import judge, recovery_s
from tests.faults.tally import FaultRow, FaultTally
from tests.faults.traffic import Traffic
from tests.installation import Installation, installation, until
from tests.integration.services.projector.lanes_at_hand import (
    ReadyProjector,
    call,
    calls,
    metric,
    publish,
    ready,
    start_ready,
)
from tests.whole_system import messy_events

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]

_HELD_S = 6.0
_LIMIT_BYTES = 400_000_000
_SLOW = """
CREATE FUNCTION public.waits() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END';
CREATE TRIGGER waits AFTER INSERT ON gen_1.attempts FOR EACH STATEMENT
    EXECUTE FUNCTION public.waits();
"""


def _lanes_by_projector(running: Installation) -> dict[int, set[int]]:
    """Process id → the partitions that it holds."""
    with psycopg.connect(running.database_url) as connection:
        rows = connection.execute(
            "SELECT owner, lane FROM callfold.leases WHERE owner IS NOT NULL AND lane >= 0"
        ).fetchall()
    held: dict[int, set[int]] = {}
    for owner, lane in rows:
        held.setdefault(int(owner.split(":")[-2]), set()).add(lane)
    return held


def _calls_in(lanes: set[int], prefix: str, number: int, **said: Any) -> list[dict[str, Any]]:
    """Events of so many calls whose partitions are among these."""
    ids = (f"{prefix}{n}" for n in count())
    fitting = (name for name in ids if partition_of(name, PARTITIONS_DEFAULT) in lanes)
    return [call(next(fitting), **said) for _ in range(number)]


@contextmanager
def _tallies_locked(running: Installation, execution_id: str) -> Iterator[None]:
    """Somebody's session holds what every batch with events of the execution changes."""
    with psycopg.connect(running.database_url) as connection:
        found = connection.execute(
            "SELECT 1 FROM gen_1.attempt_tallies WHERE execution_id = %s FOR UPDATE",
            (execution_id,),
        ).fetchall()
        assert found
        yield


def _lag_ms(running: Installation, lanes: set[int]) -> list[int]:
    """What `callfold lag` says of the oldest entry that waits in each of the lanes."""
    done = run_callfold(
        "lag", "--json", database_url=running.database_url, redis_url=running.redis_url
    )
    said = loads(done.stdout)["lanes"]
    return [one["oldestAgeMs"] or 0 for one in said if one["lane"] in lanes]


def test_locked_rows_hold_up_their_owner_and_nobody_else(
    redis_url: str, database_url: str, tally: FaultTally
) -> None:
    """Injected: the tallies of one execution are locked for 6 s. Judged: lag, others' lanes."""
    with (
        installation(redis_url, database_url) as running,
        redis.Redis.from_url(redis_url) as client,
    ):
        # A batch waits for its commit, and behind it one that is full: nothing more is read.
        held_up, free = (start_ready(running, batch_events_max="20") for _ in range(2))
        until(lambda: len(_lanes_by_projector(running)) == 2, "both hold lanes")
        until(lambda: all(len(s) == 8 for s in _lanes_by_projector(running).values()), "fairly")
        lanes = _lanes_by_projector(running)
        theirs, others = lanes[held_up.process.pid], lanes[free.process.pid]
        publish(client, _calls_in(theirs, "first-", 1, executionid="locked"))
        running.wait_until_folded()

        with _tallies_locked(running, "locked"):
            began_s = time.monotonic()
            publish(client, _calls_in(theirs, "theirs-", 50, executionid="locked"))
            publish(client, _calls_in(others, "others-", 50, executionid="other"))
            until(lambda: len(calls(database_url, "others-")) == 50, "the others' lanes moved")
            others_s = time.monotonic() - began_s
            time.sleep(max(0.0, _HELD_S - others_s))
            assert [] == calls(database_url, "theirs-")
            assert max(_lag_ms(running, theirs)) >= 1_000 * (_HELD_S - 1)
            assert max(_lag_ms(running, others)) == 0
            assert _told_lag_ms(held_up, theirs) >= 1_000 * (_HELD_S - 1)
            assert ready(held_up.probes_url) == (200, "ok")
        healed_s = recovery_s(running)

        assert len(calls(database_url, "theirs-")) == 50
        tally.add("F14 rows locked", FaultRow(1, 1, 101, recoveries_s=[healed_s]))


def _told_lag_ms(projector: ReadyProjector, lanes: set[int]) -> float:
    return max(metric(projector.probes_url, f'callfold_lag_ms{{lane="{n}"}}') for n in lanes)


@pytest.mark.parametrize("seed", (87, 88, 89))
def test_slow_table_bounds_memory_and_tells_its_lag(
    redis_url: str, database_url: str, tally: FaultTally, seed: int
) -> None:
    """Injected: each write of calls takes half a second longer, beneath a burst in small batches.

    Judged: the projector stays ready, says in its metric how late it is though its batch is full
    all the time, stays below the memory limit, and all is exact.
    """
    with installation(redis_url, database_url) as running:
        projector = start_ready(running, batch_events_max="400")
        running.start_read_api()
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(_SLOW)
            traffic = Traffic(redis_url, messy_events(seed, contacts=50), 10_000, seed=seed)
            with traffic.flowing():
                lanes = set(range(PARTITIONS_DEFAULT))
                until(lambda: _told_lag_ms(projector, lanes) > 2_000, "the metric tells the lag")
                assert ready(projector.probes_url) == (200, "ok")
                assert max(_lag_ms(running, lanes)) > 2_000
            connection.execute("DROP TRIGGER waits ON gen_1.attempts")
        healed_s = recovery_s(running)
        row = judge(running, traffic.acknowledged)
        assert peak_rss_bytes(projector.process.pid) < _LIMIT_BYTES
    tally.add("F14 table slow", replace(row, injected=1, recoveries_s=[healed_s]))
