"""Callfold behind Sentinel: failovers during traffic, and what asynchronous replication loses."""

import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from redis import sentinel

from shared.delivery.connection import redis_client
from shared.storage.connection import connect
from shared.storage.sequences import look_for_gaps
from tests.faults.judging import judge, recovery_s
from tests.faults.tally import FaultTally
from tests.faults.traffic import Traffic
from tests.installation import installation, until
from tests.topologies.valkey_sentinel import SentinelService, sentinel_service
from tests.whole_system import messy_events, publish

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]


@pytest.fixture
def service() -> Iterator[SentinelService]:
    """A service that is this test's own."""
    with tempfile.TemporaryDirectory(prefix="callfold-sentinel-") as folder:
        Path(folder).chmod(0o755)  # Sentinels run as another account, and reopen their files
        with sentinel_service(Path(folder)) as started:
            yield started


def test_demoted_server_is_not_read(
    service: SentinelService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Sentinel that was cut off names a server that is a replica by now: that is an error."""
    replica = service.replicas[0]
    with redis_client(service.url) as client:
        assert client.ping()
    monkeypatch.setattr(
        sentinel.Sentinel, "discover_master", lambda *_: ("127.0.0.1", replica.port)
    )
    with (
        redis_client(service.url) as client,
        pytest.raises(redis.ConnectionError, match="not yet, the primary"),
    ):
        client.ping()


@pytest.mark.parametrize("seed", (1, 2, 3))
def test_what_a_killed_primary_took_with_it_is_declared_and_made_whole_by_resending(
    service: SentinelService, database_url: str, tally: FaultTally, seed: int
) -> None:
    """Half a second of acknowledged entries is on no replica and unread when the primary is killed.

    A kill before that finds replicas and projectors at work. Each number that did not arrive is
    declared as missing, no other; resent with the same ids nothing is.
    """
    traffic = Traffic(service.url, messy_events(seed, contacts=250), rate_per_s=1_500, seed=seed)
    recoveries_s = []
    with installation(service.url, database_url) as running:
        projectors = [running.start_projector() for _ in range(2)]
        running.start_read_api()
        with traffic.flowing():
            for replicas_lack in (False, True):
                time.sleep(1 + seed / 10)
                killed = service.primary
                if replicas_lack:
                    assert not traffic.over, "the test needs more events"
                    with _stopped(projectors):
                        service.cut_replicas_off()
                        time.sleep(0.5)
                        killed.kill()
                else:
                    killed.kill()
                began_s = time.monotonic()
                service.another_than(killed)
                recovery_s(running)
                recoveries_s.append(time.monotonic() - began_s)
                killed.restart()
                until(service.healthy, "the old primary follows the new one")
        running.wait_until_folded()
        lost = _numbers_lost(database_url, traffic.acknowledged)
        assert lost > 0
        assert lost == _numbers_missing(database_url)
        publish(service.url, traffic.acknowledged, seed)
        row = judge(running, traffic.acknowledged)
        assert 0 == _numbers_missing(database_url)
    assert traffic.refused
    tally.add("F3 primary kill -9, Sentinel", replace(row, injected=2, recoveries_s=recoveries_s))


@contextmanager
def _stopped(processes: list[subprocess.Popen[bytes]]) -> Iterator[None]:
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGCONT)


def _numbers_lost(database_url: str, acknowledged: list[dict[str, Any]]) -> int:
    """How many numbers of sources' counters were acknowledged and did not arrive."""
    numbers = {(e["organizationid"], e["source"], e["sequence"]) for e in acknowledged}
    with connect(database_url, "test") as connection:
        (seen,) = connection.execute(
            "SELECT sum(upper(run) - lower(run))::int"
            " FROM callfold.source_sequences, unnest(seen) AS run"
        ).fetchall()
    return len(numbers) - int(seen[0])


def _numbers_missing(database_url: str) -> int:
    """How many are declared."""
    with connect(database_url, "test") as connection:
        return [look_for_gaps(connection, 0) for _ in range(2)][-1]


@pytest.mark.parametrize("seed", (1, 2, 3))
def test_failover_with_publishers_on_both_sides_loses_nothing(
    service: SentinelService, database_url: str, tally: FaultTally, seed: int
) -> None:
    """SENTINEL FAILOVER: the old primary takes entries for ten seconds more, and throws them away.

    Some publishers stay connected to it, others write to the new one at once: two histories of the
    same streams with interleaved ids. The projectors read the old one to its end.
    """
    events = messy_events(seed, contacts=60)
    stays = service.primary
    staying = Traffic(stays.url, events[::2], rate_per_s=1_000, seed=seed)
    moving = Traffic(service.url, events[1::2], rate_per_s=1_000, seed=seed)
    with installation(service.url, database_url) as running:
        for _ in range(2):
            running.start_projector()
        running.start_read_api()
        with staying.flowing(), moving.flowing():
            time.sleep(2)
            service.fail_over()
            began_s = time.monotonic()
            until(lambda: stays.client.role()[0] == b"slave", "the old primary is demoted")
            in_time = staying.over  # else the last instant's entries are lost: resend them
            staying.redis_url = service.url
            recovery_s(running)
            healed_s = time.monotonic() - began_s
        if not in_time:
            publish(service.url, staying.acknowledged, seed)
        row = judge(running, events)
    tally.add("SENTINEL FAILOVER", replace(row, injected=1, recoveries_s=[healed_s]))
