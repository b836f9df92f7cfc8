"""F11: the network between a projector and a server is gone, for real kernels, one way or both.

`test_half_open.py` does the same by a proxy, where the machine has no network namespaces.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.judging import judge, recovery_s
from tests.faults.lease_watch import lanes_of, wait_for_owners, wait_for_takeover
from tests.faults.proxy import BOTH
from tests.faults.tally import FaultTally
from tests.faults.traffic import Traffic
from tests.faults.two_hosts import TwoHosts, servers_on_both, two_hosts
from tests.installation import Installation, installation
from tests.whole_system import messy_events

_LEASE_S = 4
#: Which wires are cut, who is deaf then, and for how long at least. The kernels give connections up
#: after 15 s; before, what was sent arrives after all, as from a zombie.
_CUTS = (
    (("database",), BOTH, 2 * _LEASE_S),
    (("database",), frozenset({"client"}), 2 * _LEASE_S),
    (("database",), frozenset({"server"}), 20.0),
    (("redis",), BOTH, 2 * _LEASE_S),
    (("redis",), frozenset({"client"}), 2 * _LEASE_S),
    (("database", "redis"), BOTH, 20.0),
)


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_projector_that_the_network_cuts_off_is_relieved_and_fenced(
    tmp_path: Path, tally: FaultTally
) -> None:
    """Beyond two leases another one folds its lanes at later epochs; healed, it has its share."""
    traffic = Traffic("", messy_events(11, contacts=200), 150, 15)
    recoveries_s = []
    with (
        two_hosts() as hosts,
        servers_on_both(tmp_path / "data", hosts) as servers,
        installation(servers.redis_url, servers.database_url) as running,
    ):
        traffic.redis_url = servers.redis_url
        running.start_projector(lease_ms=str(1000 * _LEASE_S))
        pid = _start_there(running, hosts)
        with traffic.flowing():
            for names, deaf, cut_s in _CUTS:
                recoveries_s.append(_cut(running, hosts, pid, names, deaf, cut_s))
        running.start_read_api()
        row = judge(running, traffic.acknowledged)
    tally.add("F11 partitions", replace(row, injected=len(_CUTS), recoveries_s=recoveries_s))


def _start_there(running: Installation, hosts: TwoHosts) -> int:
    """Start a projector on the other host; returns its process id."""
    with hosts.there():
        process = running.start_projector(
            lease_ms=str(1000 * _LEASE_S),
            redis_url=running.redis_url.replace("127.0.0.1", hosts.redis.here),
            database_url=running.database_url.replace("127.0.0.1", hosts.database.here),
        )
    return process.pid


def _cut(
    running: Installation,
    hosts: TwoHosts,
    pid: int,
    names: Sequence[str],
    deaf: frozenset[str],
    cut_s: float,
) -> float:
    """One partition; seconds until all that came meanwhile was folded by the other projector."""
    wait_for_owners(running, 2)
    lost = lanes_of(running, pid)
    began_s = time.monotonic()
    for name in names:
        getattr(hosts, name).cut(deaf)
    wait_for_takeover(running, lost)
    recovery_s(running)
    folded_s = time.monotonic() - began_s
    time.sleep(max(0.0, cut_s - folded_s))
    for name in names:
        getattr(hosts, name).heal()
    wait_for_owners(running, 2)
    return folded_s
