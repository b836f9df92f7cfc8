"""F7: Redis' memory is used up; publishers insist, the projector makes room and all goes on.

Under another policy than `noeviction` Redis drops whole streams instead: that is declared.
"""

import signal
from dataclasses import replace
from pathlib import Path

import pytest

from shared.delivery.connection import redis_client
from shared.delivery.stream_keeping import evictions
from tests.faults.judging import judge, recovery_s
from tests.faults.losses import assert_losses_declared, listed, not_archived, open_kinds
from tests.faults.own_redis import bound_memory, own_redis
from tests.faults.tally import FaultTally
from tests.faults.traffic import Traffic
from tests.installation import installation, until
from tests.whole_system import messy_events, publish

_SPARE_BYTES = 4 * 1024 * 1024


@pytest.mark.faults
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("seed", "projector"), ((71, "paused"), (72, "down"), (73, "running"), (74, "restarted"))
)
def test_publishers_refused_for_want_of_memory_get_all_in(
    database_url: str, tmp_path: Path, seed: int, projector: str, tally: FaultTally
) -> None:
    """Injected: maxmemory at 4 MiB more than nothing, less than half of what is published.

    Publishers are refused (OOM) while the projector is paused, down, running, or killed and
    started anew in the midst of it. Judged: what it archives makes room by itself, whatever waits
    in the inbox and in wrong partitions; all equals the model.
    """
    events = messy_events(seed, contacts=100)
    with (
        own_redis(tmp_path / "data") as server,
        installation(server.url, database_url) as running,
    ):
        alive = running.start_projector() if projector != "down" else None
        running.start_read_api() if alive else None
        bound_memory(server.url, _SPARE_BYTES)
        if projector == "paused":
            assert alive is not None
            alive.send_signal(signal.SIGSTOP)
        traffic = Traffic(server.url, events, rate_per_s=20_000, part=50, seed=seed)
        with traffic.flowing():
            if projector in {"paused", "down", "restarted"}:
                if projector == "restarted":
                    assert alive is not None
                    running.kill(alive)
                until(lambda: traffic.refused > 20, "publishers are refused")
            if projector == "paused":
                assert alive is not None
                alive.send_signal(signal.SIGCONT)
            elif projector != "running":
                running.start_projector()
            until(lambda: traffic.over, "all was published", 120)
        recovered = recovery_s(running)
        if not running.read_api_url:
            running.start_read_api()
        row = judge(running, traffic.acknowledged)
        tally.add(
            "F7 redis out of memory",
            replace(row, injected=traffic.refused, recoveries_s=[recovered]),
        )


@pytest.mark.faults
@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", (75, 76, 77))
def test_streams_that_redis_evicts_are_declared_and_made_whole_by_resending(
    database_url: str, tmp_path: Path, seed: int, tally: FaultTally
) -> None:
    """Injected: `allkeys-random` while the projector is paused and next to no memory is left.

    What is acknowledged takes the place of streams that nobody has read. Judged: incidents say so
    and what to do; the gaps name each number that was lost; published again, all equals the model.
    """
    events = messy_events(seed, contacts=100)
    third = len(events) // 3
    with (
        own_redis(tmp_path / "data") as server,
        redis_client(server.url) as client,
        installation(server.url, database_url) as running,
    ):
        projector = running.start_projector()
        running.start_read_api()
        publish(server.url, events[:third], seed)
        until(lambda: not not_archived(running, events[:third]), "some is folded")
        projector.send_signal(signal.SIGSTOP)
        client.config_set("maxmemory-policy", "allkeys-random")
        bound_memory(server.url, _SPARE_BYTES // 4)
        traffic = Traffic(server.url, events[third:], rate_per_s=20_000, part=50, seed=seed)
        with traffic.flowing():
            until(lambda: traffic.over, "all is published")
        _, evicted = evictions(client)
        assert evicted
        projector.send_signal(signal.SIGCONT)
        until(lambda: "recreated" in open_kinds(running), "it is declared", 60)
        advice = [i["toDo"] for i in listed(running) if i["kind"] == "recreated"]
        assert any("maxmemory-policy noeviction" in words for words in advice), advice
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 0)
        recovered = recovery_s(running)
        running.wait_until_folded()  # what the inbox moved as well
        lost = assert_losses_declared(running, events)

        publish(server.url, events, seed)
        row = judge(running, events)
        assert 0 == assert_losses_declared(running, events)
        assert lost
        tally.add("F7 streams evicted", replace(row, injected=evicted, recoveries_s=[recovered]))
