"""F6: a publisher trims what nobody has read; it is counted, alarmed, and closed by a resend."""

import random
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.contracts.stream_names import INBOX_LANE, lane_stream
from shared.delivery.connection import redis_client
from shared.limits import PARTITIONS_DEFAULT
from tests.faults.judging import judge, recovery_s
from tests.faults.losses import (
    assert_losses_declared,
    declared_gaps,
    listed,
    not_archived,
    open_kinds,
)
from tests.faults.own_redis import own_redis
from tests.faults.tally import FaultTally
from tests.faults.traffic import Traffic
from tests.installation import Installation, free_port, installation, until
from tests.integration.services.projector.lanes_at_hand import metric
from tests.whole_system import ORGANIZATIONS, messy_events, publish

_LANES = (INBOX_LANE, *range(PARTITIONS_DEFAULT))
#: Removes entries of a stream; returns how many.
_Rogue = Callable[[Any, str, random.Random], int]


def _xtrim(client: Any, stream: str, chance: random.Random) -> int:
    return int(client.xtrim(stream, maxlen=chance.randrange(60), approximate=False))


def _maxlen(client: Any, stream: str, chance: random.Random) -> int:
    """At XADD, as a careless publisher does; the entry itself is no event of anybody."""
    keep, before = chance.randrange(1, 60), int(client.xlen(stream))
    entry_id = client.xadd(stream, {"x": "x"}, maxlen=keep, approximate=False)
    client.xdel(stream, entry_id)
    return before - int(client.xlen(stream)) + 1


def _xdel(client: Any, stream: str, chance: random.Random) -> int:
    found = [entry_id for entry_id, _ in client.xrange(stream)]
    some = chance.sample(found, len(found) // 3)
    return int(client.xdel(stream, *some)) if some else 0


@pytest.mark.faults
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("seed", "rogue", "projector"),
    (
        (61, _xtrim, "paused"),
        (62, _maxlen, "paused"),
        (63, _xdel, "paused"),
        (64, _xtrim, "running"),
    ),
)
def test_entries_trimmed_unread_are_counted_and_closed_by_a_resend(
    database_url: str,
    tmp_path: Path,
    seed: int,
    rogue: _Rogue,
    projector: str,
    tally: FaultTally,
) -> None:
    """Injected: XTRIM, MAXLEN at XADD, or XDEL on every stream, mostly of what nobody has read.

    Judged: the incidents' counts are what was removed unread, to the entry, where the projector is
    paused; the gaps name what the log lacks, wherever it is. Metrics, readiness and the reports'
    header tell it; published again, the gaps close and the incidents say so.
    """
    chance = random.Random(seed)
    events = messy_events(seed, contacts=60)
    half, port = len(events) // 2, free_port()
    with (
        own_redis(tmp_path / "data") as server,
        installation(server.url, database_url) as running,
        redis_client(server.url) as client,
    ):
        alive = running.start_projector(probe_port=str(port))
        running.start_read_api()
        with Traffic(server.url, events[:half], seed=seed).flowing() as before:
            pass
        running.wait_until_folded()
        read = {lane: client.xlen(lane_stream(lane)) for lane in _LANES}
        if projector == "paused":
            alive.send_signal(signal.SIGSTOP)
            # Else Redis would still answer the read that it waits in, and that is not lost.
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        removed = 0
        traffic = Traffic(server.url, events[half:], rate_per_s=20_000, seed=seed)
        with traffic.flowing():
            while not traffic.over:
                time.sleep(0.1)
                if projector == "running":
                    removed += sum(rogue(client, lane_stream(lane), chance) for lane in _LANES)
        unread = {lane: client.xlen(lane_stream(lane)) - read[lane] for lane in _LANES}
        if projector == "paused":
            removed = _trimmed_unread(client, rogue, chance, read, unread)
            alive.send_signal(signal.SIGCONT)
        assert removed
        recovered = recovery_s(running)
        published = before.acknowledged + traffic.acknowledged
        until(lambda: {"trimmed", "sequence_gap"} <= _told(running), "it is declared", 40)
        if projector == "paused":
            until(lambda: removed == _counted_lost(running), "all are counted", 40)
            assert removed == metric(f"http://127.0.0.1:{port}", "callfold_entries_lost_total")
        assert_losses_declared(running, published)
        until(lambda: _header(running) > 0, "reports tell of it", 40)

        publish(server.url, published, seed)
        row = judge(running, published)
        assert not not_archived(running, published)
        assert 0 == assert_losses_declared(running, published)
        assert {"trimmed"} == open_kinds(running)
        assert all(incident["complete"] for incident in listed(running))
        answer = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5)
        assert (200, "ok") == (answer.status_code, answer.text)
        tally.add("F6 trimmed by others", replace(row, injected=removed, recoveries_s=[recovered]))


def _trimmed_unread(
    client: Any, rogue: _Rogue, chance: random.Random, read: dict[int, int], unread: dict[int, int]
) -> int:
    """Let the rogue loose on every stream; returns how many entries went that nobody had read."""
    removed = 0
    for lane in _LANES:
        stream = lane_stream(lane)
        known = [entry_id for entry_id, _ in client.xrange(stream)]
        assert len(known) == read[lane] + unread[lane]
        added = int(client.xinfo_stream(stream)["entries-added"])
        rogue(client, stream, chance)
        own = int(client.xinfo_stream(stream)["entries-added"]) - added
        left = {entry_id for entry_id, _ in client.xrange(stream)}
        removed += own + len(set(known[read[lane] :]) - left)
    return removed


def _told(running: Installation) -> set[str]:
    """Kinds of open incidents; gaps are looked for as after two minutes."""
    with_gaps = open_kinds(running)
    if "sequence_gap" in with_gaps:
        return with_gaps
    declared_gaps(running)
    return open_kinds(running)


def _counted_lost(running: Installation) -> int:
    return sum(i["entriesLost"] for i in listed(running) if i["kind"] == "trimmed")


def _header(running: Installation) -> int:
    """Open incidents as a report tells them."""
    organization_id = ORGANIZATIONS[0]
    answer = httpx.get(
        f"{running.read_api_url}/program-execution/execution%200/report",
        headers={"x-api-key": running.key(organization_id)},
        timeout=10,
    )
    return int(answer.headers.get("X-Callfold-Incidents", 0))
