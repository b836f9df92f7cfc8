"""F2, F11, F12: connections that are slow, and reset again and again in the midst of anything."""

import random
import time
from dataclasses import replace

import pytest

from tests.faults.judging import judge, recovery_s
from tests.faults.lease_watch import wait_for_owners
from tests.faults.proxy import TcpProxy
from tests.faults.tally import FaultTally
from tests.faults.traffic import Traffic
from tests.installation import installation
from tests.whole_system import messy_events

_TURNS = 10
#: Of each piece that goes through, in either direction: from the same host to far away.
_DELAYS_S = (0.0, 0.003, 0.03)
#: Some renewals over the slowest ones, each of a few round trips.
_LEASE_MS = "4000"
_CUTS_MOST, _BETWEEN_CUTS_S = 4, 0.7
_PATIENCE_S = 120.0


@pytest.mark.faults
@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", (1, 2, 3))
def test_connections_that_are_slow_and_cut_lose_and_double_nothing(
    redis_url: str, database_url: str, tally: FaultTally, seed: int
) -> None:
    """Publisher and two projectors reach both servers by proxies that delay, and reset, at random.

    Commits, renewals, reads and XADDs are cut wherever they are; all goes on over new connections.
    """
    chance = random.Random(seed)
    recoveries_s, cuts = [], 0
    with (
        TcpProxy(redis_url) as to_redis,
        TcpProxy(database_url) as to_database,
        installation(redis_url, database_url) as running,
    ):
        traffic = Traffic(to_redis.url, messy_events(seed, contacts=200), 500, 25, seed)
        for _ in range(2):
            running.start_projector(
                redis_url=to_redis.url, database_url=to_database.url, lease_ms=_LEASE_MS
            )
        wait_for_owners(running, 2)
        with traffic.flowing():
            for _ in range(_TURNS):
                for proxy in (to_redis, to_database):
                    proxy.delay_s = chance.choice(_DELAYS_S)
                for _ in range(chance.randint(1, _CUTS_MOST)):
                    time.sleep(chance.uniform(0, _BETWEEN_CUTS_S))
                    chance.choice((to_redis, to_database)).cut()
                    cuts += 1
                recoveries_s.append(recovery_s(running, _PATIENCE_S))
            assert not traffic.over, "nothing moves any more: the test needs more events"
            to_redis.delay_s = to_database.delay_s = 0.0
        running.start_read_api()
        row = judge(running, traffic.acknowledged)
    row = replace(row, injected=cuts, recoveries_s=recoveries_s)
    tally.add("F2, F12 connections slow and cut", row)
