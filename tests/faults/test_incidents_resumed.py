"""`callfold incidents resume`, killed again and again: no entry lost, none counted twice."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import redis

from shared.contracts.stream_names import aside_stream, lane_stream, partition_of
from shared.delivery.connection import redis_client
from shared.limits import PARTITIONS_DEFAULT
from tests.contract.wire import json_bytes
from tests.faults.tally import FaultRow, FaultTally
from tests.installation import Installation, installation, until
from tests.integration.services.projector.lanes_at_hand import call, column, start_ready

_LANE = 3
#: More than a projector adds again by itself.
_ENTRIES = 16_000
_KILLS = 8
_PIPELINE = 1_000


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """A client of the installation's Redis."""
    with redis_client(redis_url) as connected:
        yield connected


@pytest.mark.faults
@pytest.mark.timeout(400)
@pytest.mark.parametrize(("seed", "projector"), ((81, "down"), (82, "down"), (83, "running")))
def test_resume_killed_at_any_moment_is_gone_on_with(
    redis_url: str,
    database_url: str,
    client: redis.Redis,
    seed: int,
    projector: str,
    tally: FaultTally,
) -> None:
    """Injected: 16,000 entries before the cursor of a lane, and eight times kill -9 of the command.

    That is while it starts, sets the stream aside, or moves entries; a projector beside it or not.
    Judged: run to its end, every entry is folded once.
    """
    chance = random.Random(seed)
    with installation(redis_url, database_url) as running:
        alive = start_ready(running).process
        _add(client, 0, 500)
        until(lambda: _charges(running) == 500, "the lane has a cursor")
        if projector == "down":
            running.kill(alive)
        client.delete(lane_stream(_LANE))
        _add(client, 500, _ENTRIES, ms=1_000_000)
        if projector == "running":
            until(lambda: client.xlen(aside_stream(_LANE)) > 0, "it is set aside")
        killed = sum(_killed_at_random(running, client, chance) for _ in range(_KILLS))
        assert killed
        _add(client, 500 + _ENTRIES, 500)
        began_s = time.monotonic()
        if projector == "down":
            running.start_projector()
        assert 0 == _resume(running).wait(120)
        until(lambda: _charges(running) >= 1000 + _ENTRIES, "all are folded")
        recovered_s = time.monotonic() - began_s
        running.wait_until_folded()

        assert 1000 + _ENTRIES == _charges(running)
        assert 0 == client.exists(aside_stream(_LANE))
        row = FaultRow(runs=1, injected=killed, events=1000 + _ENTRIES)
        tally.add("F5 resume killed", replace(row, recoveries_s=[recovered_s]))


def _add(client: Any, begin: int, entries: int, ms: int | None = None) -> None:
    """Add events to the lane, of a hundred calls; with ids of their own where told."""
    names = (f"call-{number}" for number in range(5_000))
    subjects = [name for name in names if partition_of(name, PARTITIONS_DEFAULT) == _LANE]
    for start in range(begin, begin + entries, _PIPELINE):
        pipeline = client.pipeline(transaction=True)
        for number in range(start, min(start + _PIPELINE, begin + entries)):
            event = call(
                subjects[number % 100], id=str(number), type="call.charged", data={"amount": 1}
            )
            entry_id = "*" if ms is None else f"{ms + number}-0"
            pipeline.xadd(lane_stream(_LANE), {"event": json_bytes(event)}, id=entry_id)
        pipeline.execute()


def _charges(running: Installation) -> int:
    (found,) = column(
        running.database_url, "SELECT coalesce(sum(charges), 0)::int FROM gen_1.cost_tallies"
    )
    return int(found)


def _resume(running: Installation) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "CALLFOLD_REDIS_URL": running.redis_url,
        "CALLFOLD_DATABASE_URL": running.database_url,
    }
    words = (sys.executable, "-m", "services.tooling", "incidents", "resume", str(_LANE))
    return subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL)


def _killed_at_random(running: Installation, client: Any, chance: random.Random) -> bool:
    """Begin, and kill it at some moment; False where it was done before."""
    process = _resume(running)
    if chance.random() < 0.3:
        time.sleep(chance.uniform(0.3, 1.5))  # it may not have begun to move anything
    else:
        before = client.xlen(aside_stream(_LANE)) or _ENTRIES
        fewer = before - chance.randrange(1, 2_500)
        while process.poll() is None and not 0 < client.xlen(aside_stream(_LANE)) < fewer:
            time.sleep(0.001)
    process.kill()
    return process.wait() < 0
