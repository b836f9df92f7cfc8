"""F9 and F10: the disk of a server fills up in the midst of traffic, and has room again later."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]
import psycopg
import pytest

from services.tooling.embedded import EmbeddedServers
from services.tooling.embedded.redis_server import Fsync
from services.tooling.traffic import to_json
from shared.delivery.publisher import Publisher
from shared.errors import PublishError
from shared.storage.api_keys import create_api_key
from tests.faults.judging import judge, recovery_s
from tests.faults.own_redis import own_redis
from tests.faults.small_disk import SmallDisk, small_disk
from tests.faults.tally import FaultTally
from tests.faults.traffic import Traffic
from tests.installation import CERTIFICATES, Installation, free_port, installation, until
from tests.servers import embedded_servers
from tests.whole_system import messy_events

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]
_SEEDS = (1, 2, 3)
#: Where PostgreSQL keeps its tables, and its log: without the latter it ends.
_TABLES, _WAL = "base", "pg_wal"
_DISK_MIB = {_TABLES: 100, _WAL: 64}
#: How long the disk stays full at least.
_FULL_S = 3.0
#: Resident memory of a projector at most (performance.md).
_RESIDENT_BYTES_MAX = 400 * 1024 * 1024


@contextlib.contextmanager
def database_on_small_disk(path: Path, part: str) -> Iterator[tuple[EmbeddedServers, SmallDisk]]:
    """Embedded servers, of which a part of PostgreSQL's files lies on a disk of its own."""
    with embedded_servers(path) as servers:
        servers.postgres.stop()
        with small_disk(path / "postgres" / "data" / part, _DISK_MIB[part]) as disk:
            servers.postgres.restart()
            yield servers, disk
            servers.stop()


@pytest.mark.parametrize("seed", _SEEDS)
@pytest.mark.parametrize("part", (_TABLES, _WAL))
def test_full_database_disk_is_waited_for_and_nothing_is_lost(
    tmp_path: Path, tally: FaultTally, part: str, seed: int
) -> None:
    """The disk of tables, or of the log, fills up and grows later; without a log the server ends.

    Archived entries are trimmed at once (`stream_keep_ms=0`), so what were trimmed without being
    archived would be missing at the end. Judged meanwhile: readiness says why, memory is bounded.
    """
    events = messy_events(seed, contacts=60)
    traffic = Traffic("", events, seed=seed)
    with (
        database_on_small_disk(tmp_path, part) as (servers, disk),
        installation(servers.redis_url, servers.database_url) as running,
    ):
        ports = [free_port() for _ in range(2)]
        projectors = [running.start_projector(probe_port=str(p), stream_keep_ms="0") for p in ports]
        running.start_read_api()
        traffic.redis_url = servers.redis_url
        with traffic.flowing():
            until(lambda: len(traffic.acknowledged) > len(events) // 4, "traffic flows")
            said = "No space left on device" if part == _TABLES else "connection"

            def noticed() -> bool:
                _fill(disk)
                if part == _WAL:
                    _write_much(running.database_url)
                return all(said in _readiness(p) for p in ports)

            until(noticed, said)
            until(lambda: _fill(disk) and traffic.over, "all is published")
        time.sleep(_FULL_S)
        resident_bytes = [psutil.Process(p.pid).memory_info().rss for p in projectors]
        disk.grow(2 * _DISK_MIB[part])
        if not servers.postgres.running:
            servers.postgres.restart()
        recovery = recovery_s(running)
        row = judge(running, traffic.acknowledged)
    assert max(resident_bytes) < _RESIDENT_BYTES_MAX
    tally.add(f"F9 disk full: {part}", replace(row, injected=1, recoveries_s=[recovery]))


def _fill(disk: SmallDisk) -> bool:
    """Fill the disk, again where the server gave some of it back."""
    disk.fill()
    return True


def _write_much(database_url: str) -> None:
    """Fill PostgreSQL's log: some of its files were made while there was room."""
    with (
        contextlib.suppress(psycopg.OperationalError),
        psycopg.connect(database_url, connect_timeout=3, autocommit=True) as connection,
    ):
        connection.execute(
            "SELECT count(pg_logical_emit_message(false, 'test', repeat('x', 1000000)))"
            " FROM generate_series(1, 200)"
        )


def _readiness(port: int) -> str:
    answer = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=10, verify=CERTIFICATES)
    return "" if answer.status_code == httpx.codes.OK else answer.text


@pytest.mark.parametrize("seed", _SEEDS)
@pytest.mark.parametrize("fsync", ("everysec", "always"))
def test_full_redis_disk_refuses_publishers_and_claims_nothing(
    tmp_path: Path, database_url: str, tally: FaultTally, fsync: Fsync, seed: int
) -> None:
    """The disk of the append-only file fills up: publishers are told so, reports go on.

    With `appendfsync always` Redis ends itself then, and an operator starts it again. What was
    acknowledged before, between and after is what is folded in the end.
    """
    events = messy_events(seed, contacts=60)
    folder = tmp_path / "valkey"
    folder.mkdir()
    with (
        small_disk(folder, 64) as disk,
        own_redis(tmp_path, fsync) as server,
        installation(server.url, database_url) as running,
    ):
        for _ in range(2):
            running.start_projector(stream_keep_ms="0")
        running.start_read_api()
        running.start_ingest()
        traffic = Traffic(server.url, events, seed=seed)
        with traffic.flowing():
            until(lambda: len(traffic.acknowledged) > len(events) // 4, "traffic flows")
            until(lambda: _fill(disk) and traffic.refused > 0, "publishers are refused")
            assert ("MISCONF" in _refusal(server.url, events[-1])) == server.running
            _assert_ingest_claims_nothing(running, events[-1])
            assert httpx.get(f"{running.read_api_url}/readyz", timeout=10).is_success
            time.sleep(_FULL_S)
            acknowledged = len(traffic.acknowledged)
            assert acknowledged < len(events)
            disk.free()
            if not server.running:
                server.restart()
            until(lambda: len(traffic.acknowledged) > acknowledged, "traffic flows again")
        recovery = recovery_s(running)
        row = judge(running, traffic.acknowledged)
    tally.add(f"F10 disk full: {fsync}", replace(row, injected=1, recoveries_s=[recovery]))


def _refusal(redis_url: str, event: dict[str, Any]) -> str:
    """What a publisher is told; its event comes again with the traffic, and counts once."""
    publisher = Publisher(redis_url, patience_s=0)
    publisher.publish(event)
    with pytest.raises(PublishError) as refused:
        publisher.flush()
    return str(refused.value)


def _assert_ingest_claims_nothing(running: Installation, event: dict[str, Any]) -> None:
    key = create_api_key(running.database_url, event["organizationid"], ("publish",), "disk full")
    answer = httpx.post(
        f"{running.ingest_url}/v1/events",
        headers={"x-api-key": key, "content-type": "application/cloudevents+json"},
        content=to_json(event),
        timeout=20,
        verify=CERTIFICATES,
    )
    assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert answer.headers["retry-after"]
