"""Batches adapt: one event alone is visible at once, a flood goes in few, memory stays bounded."""

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from shared.limits import PARTITIONS_DEFAULT
from shared.storage.schema import migrate
from tests.contract.wire import structured
from tests.installation import Installation, installation
from tests.integration.services.projector.lanes_at_hand import (
    add,
    call,
    calls,
    column,
    metric,
    publish,
    start_ready,
    stream_of,
)

_LARGE_BYTES = 900 * 1024
_MEMORY_BYTES_MAX = 400 * 1024 * 1024
_OK = 'callfold_commits_total{result="ok"}'


@pytest.fixture
def running(redis_url: str, database_url: str) -> Iterator[Installation]:
    """An installation whose projectors a test starts."""
    migrate(database_url, PARTITIONS_DEFAULT)
    with installation(redis_url, database_url) as started:
        yield started


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """A client of the installation's Redis."""
    with redis.Redis.from_url(redis_url) as connected:
        yield connected


def test_event_alone_is_visible_at_once(running: Installation, client: redis.Redis) -> None:
    """Nothing waits for a batch to fill: the usual time is some ten milliseconds."""
    projector = start_ready(running)
    waited_s: list[float] = []
    with psycopg.connect(running.database_url, autocommit=True) as connection:
        for number in range(15):
            time.sleep(0.05)
            subject = f"alone-{number}"
            started_s = time.monotonic()
            publish(client, [call(subject)])
            while not connection.execute(
                "SELECT 1 FROM gen_1.attempts WHERE attempt_id = %s", (subject,)
            ).fetchall():
                assert time.monotonic() - started_s < 10
            waited_s.append(time.monotonic() - started_s)

    assert sorted(waited_s)[7] < 1, waited_s
    assert 15 == metric(projector.probes_url, _OK)


def test_flood_is_committed_in_few_batches(running: Installation, client: redis.Redis) -> None:
    """20,000 waiting events of 200 calls are a handful of transactions, and one row a call."""
    for begin in range(0, 20_000, 2_000):
        publish(
            client,
            (
                call(f"flood-{n % 200}", id=str(n), type="call.ringing")
                for n in range(begin, begin + 2_000)
            ),
        )
    projector = start_ready(running)
    running.wait_until_folded()

    assert 200 == len(calls(running.database_url, "flood-"))
    assert [20_000] == column(running.database_url, "SELECT sum(events) FROM callfold.log_segments")
    assert metric(projector.probes_url, _OK) <= 40
    assert 20_000 == metric(projector.probes_url, "callfold_entries_total")


def test_batch_is_never_larger_than_told(running: Installation, client: redis.Redis) -> None:
    """An operator can bound transactions; order within a lane stays."""
    publish(client, (call(f"bound-{n % 30}", id=str(n)) for n in range(1_000)))
    start_ready(running, batch_events_max="64")
    running.wait_until_folded()

    largest = column(running.database_url, "SELECT max(events) FROM callfold.log_segments")[0]
    assert largest <= 64
    assert [1_000] == column(running.database_url, "SELECT sum(events) FROM callfold.log_segments")


@pytest.mark.slow
@pytest.mark.parametrize("key", ("note", pytest.param("transcript", marks=pytest.mark.faults)))
def test_flood_of_large_events_stays_within_the_memory(
    running: Installation, client: redis.Redis, key: str
) -> None:
    """400 events of 900 KiB wait; read-ahead and batches are bounded in bytes, not in events."""
    event_type = "call.ringing" if key == "note" else "call.transcribed"
    for number in range(400):
        subject = f"large-{number % 32}"
        data = {key: f"{number} ".ljust(_LARGE_BYTES, "x")}
        event = call(subject, id=str(number), type=event_type, data=data)
        add(client, stream_of(subject), [structured(event)])
    projector = start_ready(running)
    running.wait_until_folded(patience_s=50)

    assert 32 == len(calls(running.database_url, "large-"))
    assert [400] == column(running.database_url, "SELECT sum(events) FROM callfold.log_segments")
    assert _peak_bytes(projector.process.pid) < _MEMORY_BYTES_MAX


def _peak_bytes(pid: int) -> int:
    """The most memory that a process ever had in use."""
    status = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
    return next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line) * 1024
