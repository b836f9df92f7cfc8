"""A projector's memory with the largest events that can wait, measured of the real process.

The limit is that of performance.md: 400 MB at most, at any moment (VmHWM).
"""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from shared.contracts.stream_names import partition_of, partition_stream
from shared.limits import EVENT_BYTES_MAX, PARTITIONS_DEFAULT
from shared.storage.schema import migrate
from tests.bench.call_events import open_calls
from tests.bench.process_figures import peak_rss_bytes
from tests.faults.large_events import large_events, publish_at_once
from tests.faults.tally import FaultRow, FaultTally
from tests.installation import Installation, installation
from tests.servers import embedded_servers
from tests.whole_system import messy_events, publish

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1_200)]

_LIMIT_BYTES = 400_000_000
_MACHINE_BYTES = 12 * 1024**3
_PATIENCE_S = 900.0
_WAITING, _OPEN_CALLS = 2_000, 100_000
#: Just accepted, and just too large.
_ACCEPTED, _PARKED = EVENT_BYTES_MAX, EVENT_BYTES_MAX + 1


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Installation]:
    """An installation on servers that hold some gigabytes."""
    if os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") < _MACHINE_BYTES:
        pytest.skip("2,000 entries of 1 MiB need a machine with 12 GiB of memory")
    with (
        embedded_servers(tmp_path / "data") as servers,
        installation(servers.redis_url, servers.database_url) as started,
    ):
        migrate(started.database_url, PARTITIONS_DEFAULT)
        yield started


def _open_calls() -> Iterator[tuple[str, bytes]]:
    for call_id, event in open_calls("execution-open", _OPEN_CALLS):
        yield partition_stream(partition_of(call_id, PARTITIONS_DEFAULT)), event


def _rows(running: Installation, question: str) -> int:
    with psycopg.connect(running.database_url) as connection:
        row = connection.execute(question.encode()).fetchone()
    assert row is not None
    return int(row[0])


def _judge(running: Installation, projector: "subprocess.Popen[bytes]", tally: FaultTally) -> None:
    """All is folded by the same process, and it never held more than it may."""
    running.wait_until_folded(_PATIENCE_S)
    peak_bytes = peak_rss_bytes(projector.pid)
    assert projector.poll() is None
    assert peak_bytes < _LIMIT_BYTES, f"{peak_bytes / 1e6:.0f} MB"
    folded = _rows(running, "SELECT sum(entries_read) FROM callfold.lanes")
    tally.add("F14 large entries waiting", FaultRow(1, 1, folded))


@pytest.mark.parametrize("size_bytes", (_ACCEPTED, _PARKED))
@pytest.mark.parametrize("lane", (None, 3))
def test_large_entries_that_wait_do_not_fill_memory(
    running: Installation, tally: FaultTally, size_bytes: int, lane: int | None
) -> None:
    """2,000 of 1 MiB wait, spread over all lanes or in one: each is folded, or parked whole."""
    publish_at_once(running.redis_url, large_events(_WAITING, size_bytes, lane=lane))
    projector = running.start_projector()
    _judge(running, projector, tally)

    calls = _rows(running, "SELECT count(*) FROM gen_1.attempts")
    parked = _rows(
        running, "SELECT count(*) FROM callfold.parked_events WHERE reason = 'too_large'"
    )
    assert (calls, parked) == ((_WAITING, 0) if size_bytes == _ACCEPTED else (0, _WAITING))


def test_large_entries_right_behind_small_ones_do_not_fill_memory(
    running: Installation, tally: FaultTally
) -> None:
    """100,000 calls are open, replies are at their largest, then 2,000 entries of 1 MiB come.

    The projector stands still (SIGSTOP) while all of them are added.
    """
    projector = running.start_projector()
    publish_at_once(running.redis_url, _open_calls())
    running.wait_until_folded(_PATIENCE_S)
    projector.send_signal(signal.SIGSTOP)
    small = messy_events(seed=4, contacts=400)
    publish(running.redis_url, small, seed=4)
    publish_at_once(running.redis_url, large_events(_WAITING, _ACCEPTED))
    projector.send_signal(signal.SIGCONT)
    _judge(running, projector, tally)

    question = "SELECT count(*) FROM gen_1.attempts WHERE attempt_id LIKE 'large-%'"
    assert _rows(running, question) == _WAITING
