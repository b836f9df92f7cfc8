"""F5: Redis comes back empty, or as another server with another clock; no lane idles silently."""

import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis

from services.tooling.embedded import EmbeddedRedis
from shared.contracts.stream_names import INBOX_LANE, lane_stream
from shared.delivery.connection import redis_client
from shared.limits import PARTITIONS_DEFAULT
from tests.faults.judging import judge, recovery_s
from tests.faults.losses import assert_losses_declared, not_archived, open_kinds
from tests.faults.own_redis import copy_of_aof, own_redis, restart_from
from tests.faults.tally import FaultTally
from tests.faults.traffic import Traffic
from tests.installation import installation, until
from tests.whole_system import messy_events, publish

_LANES = (INBOX_LANE, *range(PARTITIONS_DEFAULT))
_HOUR_MS = 3_600_000
#: What empties Redis: the server, its data directory, and an append-only file without a stream.
_Emptied = Callable[[EmbeddedRedis, Path, Path], None]


def _flushed(server: EmbeddedRedis, _data: Path, _empty: Path) -> None:
    with redis_client(server.url) as client:
        client.flushall()


def _deleted(server: EmbeddedRedis, _data: Path, _empty: Path) -> None:
    """One stream after the other, while the others go on."""
    with redis_client(server.url) as client:
        for lane in _LANES:
            client.delete(lane_stream(lane))


def _replaced(server: EmbeddedRedis, data: Path, empty: Path) -> None:
    """By a new server that has never seen anything."""
    restart_from(server, data, empty)


def _put_clock_on(client: redis.Redis, by_ms: int) -> None:
    """Let every stream give ids as a server does whose clock is ahead by so much."""
    seconds, _ = client.time()
    asked: Any = client
    for lane in _LANES:
        asked.execute_command("XGROUP", "CREATE", lane_stream(lane), "any", "0", "MKSTREAM")
        asked.execute_command("XSETID", lane_stream(lane), f"{int(seconds) * 1000 + by_ms}-0")


@pytest.mark.faults
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("seed", "emptied", "clock", "projector"),
    (
        (51, _flushed, "same", "running"),
        (52, _flushed, "behind", "running"),
        (53, _deleted, "behind", "running"),
        (54, _replaced, "same", "paused"),
        (55, _replaced, "behind", "running"),
        (56, _replaced, "corrected", "paused"),
    ),
)  # fmt: skip
def test_redis_that_comes_back_empty_is_declared_and_followed(
    database_url: str,
    tmp_path: Path,
    seed: int,
    emptied: _Emptied,
    clock: str,
    projector: str,
    tally: FaultTally,
) -> None:
    """Injected: FLUSHALL, DEL, or a new server, with its clock as it was, or an hour behind.

    Then all ids lie below the cursor; where the clock is corrected, some below and some above.
    Traffic goes on at once, the projector runs or is paused.

    Judged: all that was acknowledged afterwards is archived without anybody's help; what was lost
    before is declared, number by number. Published again, it closes the gaps, and all equals the
    model.
    """
    events = messy_events(seed, contacts=60)
    third = len(events) // 3
    data, empty = tmp_path / "data", tmp_path / "empty"
    with own_redis(data) as server, installation(server.url, database_url) as running:
        copy_of_aof(data, empty)
        alive = running.start_projector()
        running.start_read_api()
        with redis_client(server.url) as client:
            if clock != "same":
                _put_clock_on(client, _HOUR_MS)
            with Traffic(server.url, events[:third], seed=seed).flowing() as before:
                pass
            until(lambda: len(not_archived(running, events[:third])) < third // 2, "half is in")
            if projector == "paused":
                alive.send_signal(signal.SIGSTOP)
            emptied(server, data, empty)
            traffic = Traffic(server.url, events[third:], rate_per_s=3_000, seed=seed)
            with traffic.flowing():
                if clock == "corrected":
                    until(lambda: len(traffic.acknowledged) > third, "half is published")
                    _put_clock_on(client, _HOUR_MS + 60_000)
                    until(lambda: traffic.over, "all is published")
                alive.send_signal(signal.SIGCONT)
                until(lambda: traffic.over, "all is published")
        recovered = recovery_s(running)
        until(lambda: not not_archived(running, traffic.acknowledged), "all that came is in", 60)
        until(lambda: "recreated" in open_kinds(running), "it is declared", 30)
        published = before.acknowledged + traffic.acknowledged
        assert_losses_declared(running, published)

        publish(server.url, published, seed)
        row = judge(running, published)
        assert 0 == assert_losses_declared(running, published)
        tally.add("F5 redis empty", replace(row, injected=1, recoveries_s=[recovered]))
