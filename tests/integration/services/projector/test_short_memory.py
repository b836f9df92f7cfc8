"""Redis short of memory: archived entries go before their time, the oldest first, and no others."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from services.projector import stream_keeper
from services.projector.app import Projector
from services.tooling.embedded import DataDirectory, EmbeddedRedis
from shared.contracts.stream_names import lane_stream, partition_of
from shared.limits import PARTITIONS_DEFAULT
from shared.storage.connection import connect
from shared.storage.incidents import all_incidents
from tests.contract.wire import json_bytes
from tests.installation import Installation, until
from tests.integration.services.projector.lanes_at_hand import call, column
from tests.integration.services.projector.projector_threads import projector_threads

_ENTRIES = 2_000
_NOTE = "x" * 2_000
#: So long ago was the first entry.
_SPAN_MS = 3_000_000
_DAY_MS = 86_400_000
_ROUND_S = 0.1
_SUBJECT = "call-1"
_STREAM = lane_stream(partition_of(_SUBJECT, PARTITIONS_DEFAULT))


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    """A Redis of this test's own, whose memory it may bound."""
    with (
        DataDirectory.claim(tmp_path / "data") as directory,
        EmbeddedRedis(directory).start() as server,
    ):
        yield server


@pytest.fixture
def client(own_redis: EmbeddedRedis) -> Iterator[redis.Redis]:
    """A client of that Redis."""
    with redis.Redis.from_url(own_redis.url, decode_responses=True) as connected:
        yield connected


@pytest.fixture
def installed(
    own_redis: EmbeddedRedis, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Installation:
    """Looks at the servers; the stream keeper looks ten times a second."""
    monkeypatch.setattr(stream_keeper, "_EVERY_S", _ROUND_S)
    return Installation(own_redis.url, database_url)


def fill(client: Any, ahead_ms: int = 0) -> int:
    """Add events over the last fifty minutes; returns the first one's milliseconds.

    `ahead_ms`: as far as the clock of their ids is ahead of the one that is there now.
    """
    begin_ms = time.time_ns() // 1_000_000 - _SPAN_MS + ahead_ms
    with client.pipeline(transaction=False) as pipeline:
        for number in range(_ENTRIES):
            event = call(_SUBJECT, id=str(number), type="call.ringing", note=_NOTE)
            entry_id = f"{begin_ms + number * (_SPAN_MS // _ENTRIES)}-0"
            pipeline.xadd(_STREAM, {"event": json_bytes(event)}, id=entry_id)
        pipeline.execute()
    return begin_ms


def bound_memory(client: Any, *, spare_bytes: int) -> None:
    """Let half of the bound be what is used now and so much more; less, where it is negative."""
    used_bytes = int(client.info("memory")["used_memory"])
    client.config_set("maxmemory", (used_bytes + spare_bytes) * 2)


def trimmed_early(projector: Projector) -> float:
    """The metric."""
    found = projector.metrics.registry.get_sample_value("callfold_entries_trimmed_early_total")
    return found or 0


def rounds() -> None:
    """Let the keeper look a few times more."""
    time.sleep(8 * _ROUND_S)


def test_oldest_archived_entries_go_until_memory_suffices(
    installed: Installation, client: Any
) -> None:
    """No more than that: the younger ones stay for a database that is restored."""
    begin_ms = fill(client)
    with projector_threads(installed.redis_url, installed.database_url) as projector:
        installed.wait_until_folded()
        bound_memory(client, spare_bytes=1_000_000)
        rounds()
        assert _ENTRIES == client.xlen(_STREAM)

        bound_memory(client, spare_bytes=-1_000_000)
        until(lambda: client.xlen(_STREAM) < _ENTRIES, "old entries go", 20)
        rounds()
        left = client.xlen(_STREAM)
        oldest_ms = int(client.xinfo_stream(_STREAM)["first-entry"][0].partition("-")[0])

        assert _ENTRIES * 0.4 < left < _ENTRIES * 0.85
        assert begin_ms + _SPAN_MS * 0.15 < oldest_ms
        assert _ENTRIES - left == trimmed_early(projector)


def test_entries_from_before_a_clock_leapt_back_go_when_memory_is_short(
    installed: Installation, client: Any
) -> None:
    """Their ids say tomorrow; ids never go back, so those of the whole day would pile up."""
    fill(client, ahead_ms=_DAY_MS)
    with projector_threads(installed.redis_url, installed.database_url) as projector:
        installed.wait_until_folded()
        bound_memory(client, spare_bytes=-1_000_000)
        until(lambda: client.xlen(_STREAM) < _ENTRIES, "archived entries go", 20)
        assert trimmed_early(projector) > 0


def test_entries_that_are_not_archived_stay_however_short_memory_is(
    installed: Installation, client: Any
) -> None:
    """Nor is the cursor's own entry dropped, and none of it is an incident."""
    fill(client)
    with projector_threads(installed.redis_url, installed.database_url) as projector:
        installed.wait_until_folded()
        client.config_set("maxmemory", 64_000_000)
        with connect(installed.database_url, "test") as blocking, blocking.transaction():
            blocking.execute("LOCK TABLE gen_1.attempts IN SHARE MODE")
            (cursor,) = column(
                installed.database_url,
                "SELECT ms || '-' || seq FROM callfold.lanes ORDER BY ms DESC LIMIT 1",
            )
            for number in range(500):
                event = call(_SUBJECT, id=f"late-{number}", type="call.ringing", note=_NOTE)
                client.xadd(_STREAM, {"event": json_bytes(event)})
            bound_memory(client, spare_bytes=-2 * _ENTRIES * len(_NOTE) // 3)
            until(lambda: trimmed_early(projector) > 0, "archived entries go", 20)
            rounds()
            ids = [entry_id for entry_id, _ in client.xrange(_STREAM)]
            assert cursor in ids
            assert 500 == len(ids) - 1 - ids.index(cursor)
            client.config_set("maxmemory", 0)
        installed.wait_until_folded()

    with connect(installed.database_url, "test") as connection:
        assert [] == all_incidents(connection)
