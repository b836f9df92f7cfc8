"""F8: PostgreSQL dies at once and comes back, and single sessions are ended; amid a burst."""

import os
import random
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from services.tooling.embedded import EmbeddedServers
from tests.faults.judging import judge, recovery_s
from tests.faults.tally import FaultTally
from tests.faults.traffic import Traffic
from tests.installation import Installation, installation, until
from tests.servers import embedded_servers
from tests.whole_system import messy_events

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]

_STOPS, _ROUNDS = 6, 4
#: Attempts to connect that a second of absence may cost, of two projectors and a read API.
_ATTEMPTS_A_SECOND = 40
#: Every kind of session that is there while events flow, by its application name.
_SESSIONS = ("engine", "commits", "leases", "streams", "read-api", "report-changes")


@pytest.fixture
def own(tmp_path: Path) -> Iterator[EmbeddedServers]:
    """Servers that this test may kill."""
    with embedded_servers(tmp_path / "data") as servers:
        yield servers


@contextmanager
def folding(own: EmbeddedServers) -> Iterator[Installation]:
    """Two projectors and a read API, none of which may end."""
    with installation(own.redis_url, own.database_url) as running:
        for _ in range(2):
            running.start_projector()
        running.start_read_api()
        yield running
        assert [process.poll() for process in running.processes] == [None] * 3


def _killed(own: EmbeddedServers) -> None:
    own.postgres.kill()


def _stopped_at_once(own: EmbeddedServers) -> None:
    os.kill(own.postgres.pid, signal.SIGQUIT)  # pg_ctl stop -m immediate
    until(lambda: not own.postgres.running, "PostgreSQL is gone")


def _attempts(port: int, lasts_s: float) -> int:
    """Stand in for a server that is away, and count who tries to connect."""
    attempts, end_s = 0, time.monotonic() + lasts_s
    with socket.create_server(("127.0.0.1", port)) as listening:
        while (left_s := end_s - time.monotonic()) > 0:
            listening.settimeout(left_s)
            with suppress(TimeoutError):
                listening.accept()[0].close()
                attempts += 1
    return attempts


def _end_sessions(database_url: str, kind: str) -> int:
    """End all sessions of a kind; returns how many those were."""
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE application_name LIKE %s",
            (f"callfold {kind}%",),
        ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("seed", (81, 82, 83))
@pytest.mark.parametrize(
    ("name", "fell"),
    (("kill -9", _killed), ("stop immediate", _stopped_at_once)),
    ids=("killed", "stopped"),
)
def test_postgres_that_dies_amid_a_burst_costs_no_event(
    own: EmbeddedServers,
    tally: FaultTally,
    seed: int,
    name: str,
    fell: Callable[[EmbeddedServers], None],
) -> None:
    """Six times at random moments; the same processes go on, without a storm of attempts."""
    chance = random.Random(seed)
    recoveries_s, attempts, away_s = [], 0, 0.0
    with folding(own) as running:
        traffic = Traffic(own.redis_url, messy_events(seed, contacts=120), seed=seed)
        with traffic.flowing():
            for _ in range(_STOPS):
                time.sleep(chance.uniform(0.1, 0.8))
                fell(own)
                lasts_s = chance.uniform(0.1, 2.0)
                attempts, away_s = (
                    attempts + _attempts(own.postgres.port, lasts_s),
                    away_s + lasts_s,
                )
                own.postgres.restart()
                recoveries_s.append(recovery_s(running))
        row = judge(running, traffic.acknowledged)
    assert attempts <= _ATTEMPTS_A_SECOND * (away_s + _STOPS), f"{attempts} in {away_s:.1f} s"
    tally.add(f"F8 postgres {name}", replace(row, injected=_STOPS, recoveries_s=recoveries_s))


@pytest.mark.parametrize("seed", (84, 85, 86))
def test_sessions_ended_by_an_administrator_cost_no_event(
    own: EmbeddedServers, tally: FaultTally, seed: int
) -> None:
    """Each kind of session is ended some times; its process goes on with another one."""
    chance = random.Random(seed)
    kinds = chance.sample(_SESSIONS * _ROUNDS, len(_SESSIONS) * _ROUNDS)
    ended = dict.fromkeys(_SESSIONS, 0)
    recoveries_s = []
    with folding(own) as running:
        traffic = Traffic(own.redis_url, messy_events(seed, contacts=120), seed=seed)
        with traffic.flowing():
            for kind in kinds:
                time.sleep(chance.uniform(0.02, 0.2))
                ended[kind] += _end_sessions(own.database_url, kind)
                recoveries_s.append(recovery_s(running))
        row = judge(running, traffic.acknowledged)
    assert min(ended.values()) > 0, ended
    tally.add(
        "F8 sessions ended", replace(row, injected=sum(ended.values()), recoveries_s=recoveries_s)
    )
