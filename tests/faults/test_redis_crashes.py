"""F3: Redis is killed again and again amid a burst; what it acknowledged is all there."""

import random
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from services.tooling.embedded.redis_server import Fsync
from tests.faults.judging import judge, recovery_s
from tests.faults.losses import assert_losses_declared, open_kinds
from tests.faults.own_redis import own_redis
from tests.faults.tally import FaultTally
from tests.faults.traffic import Traffic
from tests.installation import installation
from tests.integration.services.projector.lanes_at_hand import start_ready
from tests.whole_system import messy_events

_KILLS = 10
_IN_MEMORY = Path("/dev/shm")  # noqa: S108 -- a fresh directory of our own below it


@pytest.mark.faults
@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", (31, 32, 33))
@pytest.mark.parametrize("fsync", ("everysec", "always"))
def test_redis_killed_amid_a_burst_loses_nothing_it_acknowledged(
    database_url: str, fsync: Fsync, seed: int, tally: FaultTally
) -> None:
    """Injected: ten kill -9 at random moments of 4,000 events a second; started again at once.

    Judged: publishers insist, nothing that was acknowledged is lost, no incident is invented.

    `everysec` puts a write off while an fsync is under way, up to two seconds, and what is put off
    dies with the process. So its file lies in memory here: how long a disk takes is not ours.
    """
    chance = random.Random(seed)
    events = messy_events(seed, contacts=120)
    recoveries_s = []
    base = _IN_MEMORY if fsync == "everysec" and _IN_MEMORY.is_dir() else None
    with (
        tempfile.TemporaryDirectory(prefix="callfold-f3-", dir=base) as folder,
        own_redis(Path(folder) / "data", fsync) as server,
        installation(server.url, database_url) as running,
    ):
        start_ready(running)
        running.start_read_api()
        traffic = Traffic(server.url, events, part=100, seed=seed)
        with traffic.flowing():
            for _ in range(_KILLS):
                time.sleep(chance.uniform(0.05, 0.5))
                server.kill()
                server.restart()
                recoveries_s.append(recovery_s(running))
        row = judge(running, traffic.acknowledged)
        assert 0 == assert_losses_declared(running, traffic.acknowledged)
        assert set() == open_kinds(running)
        row = replace(row, injected=_KILLS, recoveries_s=recoveries_s)
        tally.add(f"F3 redis kill -9, {fsync}", row)
