"""F12: connections on which nothing is answered any more, though every byte is acknowledged.

No kernel notices: neither keepalives nor TCP_USER_TIMEOUT end such a wait. Every process says in
its readiness what is wrong, and works on once new connections are taken; the old ones stay silent
for ever, and their sessions stay open on the server. Others reach the servers all the time.
"""

import time
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from tests.faults.judging import judge, recovery_s
from tests.faults.lease_watch import wait_for_owners
from tests.faults.proxy import BEGUN, BOTH, COMMITS, COMMITTED, TcpProxy
from tests.faults.tally import FaultRow, FaultTally
from tests.faults.traffic import Traffic
from tests.installation import Installation, free_port, installation, until
from tests.whole_system import messy_events

#: The longest bound is 45 s (`shared.storage.connection.ANSWER_S`), on a machine that is not busy.
_PATIENCE_S = 120.0
_LEASE_MS = "4000"
#: By then the last of a projector's connections was given up, each after the other.
_SILENCE_SEEN_S = 60.0
#: The keeper has a new connection after 10 s, and misses the engine after 15 s.
_HELD_UP_MOST_S = 25.0


@pytest.mark.faults
@pytest.mark.timeout(500)
@pytest.mark.parametrize(
    "deaf", (BOTH, frozenset({"client"}), frozenset({"server"})), ids=("both", "client", "server")
)
def test_database_that_falls_silent_for_a_projector_costs_it_its_lanes_for_a_while(
    redis_url: str, database_url: str, tally: FaultTally, deaf: frozenset[str]
) -> None:
    """Both ways or one: another projector folds all; nothing of the silent one comes in later."""
    traffic = Traffic(redis_url, messy_events(len(deaf), contacts=150), 300, 30)
    with TcpProxy(database_url) as proxy, installation(redis_url, database_url) as running:
        running.start_projector(lease_ms=_LEASE_MS)
        projector = _start(running, "services.projector", "probe_port", database_url=proxy.url)
        read_api = _start(running, "services.read_api", "read_api_port", database_url=proxy.url)
        with traffic.flowing():
            proxy.silence(deaf)
            began_s = time.monotonic()
            folded_s = recovery_s(running, _PATIENCE_S)
            _wait_for(projector, httpx.codes.SERVICE_UNAVAILABLE, "no answer")
            _wait_for(read_api, httpx.codes.SERVICE_UNAVAILABLE, "does not answer")
            noticed_s = time.monotonic() - began_s
            proxy.heal()
            back_s = [_wait_for(url, httpx.codes.OK, "ok") for url in (read_api, projector)]
        running.start_read_api()
        row = judge(running, traffic.acknowledged)
    tally.add("F12 silent PostgreSQL", replace(row, injected=1, recoveries_s=[folded_s]))
    tally.add("F12 silent: all notice", FaultRow(recoveries_s=[noticed_s]))
    tally.add("F12 silent: again ready", FaultRow(recoveries_s=back_s))


@pytest.mark.faults
@pytest.mark.timeout(500)
def test_commits_that_get_no_answer_at_all_hold_up_their_lanes_for_a_bounded_time(
    redis_url: str, database_url: str, tally: FaultTally
) -> None:
    """Only the connection that commits falls silent: of one after BEGIN, of one after COMMIT.

    Their leases are renewed, so nobody takes the lanes; and on the server the first transaction
    stays open, with its locks, until its own projector ends it.
    """
    traffic = Traffic(redis_url, messy_events(5, contacts=100), 300, 30)
    with (
        TcpProxy(database_url) as one,
        TcpProxy(database_url) as other,
        installation(redis_url, database_url) as running,
    ):
        probes = [
            _start(running, "services.projector", "probe_port", database_url=proxy.url)
            for proxy in (one, other)
        ]
        with traffic.flowing():
            for proxy, reply in ((one, BEGUN), (other, COMMITTED)):
                proxy.lose_answers(1, reply, client=COMMITS, instead=_say_nothing)
            until(lambda: one.lost == other.lost == 1, "both wait for an answer")
            folded_s = recovery_s(running, _PATIENCE_S)
            for url in probes:
                _wait_for(url, httpx.codes.OK, "ok")
        running.start_read_api()
        row = judge(running, traffic.acknowledged)
    tally.add("F12 silent commit", replace(row, injected=2, recoveries_s=[folded_s]))


@pytest.mark.faults
@pytest.mark.timeout(500)
@pytest.mark.parametrize(
    "deaf", (BOTH, frozenset({"client"}), frozenset({"server"})), ids=("both", "client", "server")
)
def test_redis_that_falls_silent_for_a_projector_costs_it_its_lanes_for_a_while(
    redis_url: str, database_url: str, tally: FaultTally, deaf: frozenset[str]
) -> None:
    """It could renew its leases, but reads nothing: who can read takes its lanes and folds all."""
    traffic = Traffic(redis_url, messy_events(len(deaf), contacts=100), 300, 30)
    with TcpProxy(redis_url) as proxy, installation(redis_url, database_url) as running:
        running.start_projector(lease_ms=_LEASE_MS)
        projector = _start(running, "services.projector", "probe_port", redis_url=proxy.url)
        ingest = _start(running, "services.ingest", "ingest_port", redis_url=proxy.url)
        with traffic.flowing():
            proxy.silence(deaf)
            folded_s = recovery_s(running, _PATIENCE_S)
            _wait_for(projector, httpx.codes.SERVICE_UNAVAILABLE, "redis: ")
            _wait_for(ingest, httpx.codes.SERVICE_UNAVAILABLE, "redis: ")
            proxy.heal()
            for url in (ingest, projector):
                _wait_for(url, httpx.codes.OK, "ok")
        running.start_read_api()
        row = judge(running, traffic.acknowledged)
    tally.add("F12 silent Redis", replace(row, injected=1, recoveries_s=[folded_s]))


@pytest.mark.faults
@pytest.mark.timeout(500)
@pytest.mark.parametrize("also_redis", (True, False))
def test_projector_whose_connections_fell_silent_holds_up_nothing_for_long(
    redis_url: str, database_url: str, tally: FaultTally, also_redis: bool
) -> None:
    """For a moment only: its keeper soon has a new connection, its engine still waits on the old.

    It must not take lanes again before the engine moves; judged by how soon all is folded.
    """
    traffic = Traffic(redis_url, messy_events(also_redis, contacts=150), 300, 30)
    with (
        TcpProxy(redis_url) as to_redis,
        TcpProxy(database_url) as to_database,
        installation(redis_url, database_url) as running,
    ):
        running.start_projector(lease_ms=_LEASE_MS)
        urls = {"redis_url": to_redis.url, "database_url": to_database.url}
        projector = _start(running, "services.projector", "probe_port", **urls)
        wait_for_owners(running, 2)
        with traffic.flowing():
            silenced = (to_redis, to_database) if also_redis else (to_database,)
            for proxy in silenced:
                proxy.silence()
            time.sleep(2.5)
            for proxy in silenced:
                proxy.heal()
            slowest_s = max(_recoveries_s(running, _SILENCE_SEEN_S))
            _wait_for(projector, httpx.codes.OK, "ok")
        running.start_read_api()
        row = judge(running, traffic.acknowledged)
    tally.add("F12 silent for a moment", replace(row, injected=1, recoveries_s=[slowest_s]))


def _recoveries_s(running: Installation, for_s: float) -> Iterator[float]:
    """How long it takes, again and again, until what is there is folded."""
    began_s = time.monotonic()
    while time.monotonic() - began_s < for_s:
        yield recovery_s(running, _HELD_UP_MOST_S)


def _say_nothing() -> None:
    """In place of an answer."""


def _start(running: Installation, module: str, port_setting: str, **settings: str) -> str:
    """Start a process and wait until it is ready; returns the URL of its probes."""
    port = str(free_port())
    running.start(module, **{port_setting: port, "lease_ms": _LEASE_MS, **settings})
    url = f"http://127.0.0.1:{port}"
    _wait_for(url, httpx.codes.OK, "ok")
    return url


def _wait_for(url: str, status: int, word: str) -> float:
    """Seconds until readiness answers so, and says the word."""
    began_s = time.monotonic()

    def says() -> bool:
        try:
            answer = httpx.get(f"{url}/readyz", timeout=30)
        except httpx.HTTPError:
            return False
        return answer.status_code == status and word in answer.text

    until(says, f"{url} answers {status} {word!r}", _PATIENCE_S)
    return time.monotonic() - began_s
