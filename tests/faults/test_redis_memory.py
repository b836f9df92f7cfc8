"""F7: Redis' memory is used up; publishers insist, the projector makes room and all goes on."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.judging import judge, recovery_s
from tests.faults.own_redis import bound_memory, own_redis
from tests.faults.tally import FaultTally
from tests.faults.traffic import Traffic
from tests.installation import installation, until
from tests.whole_system import messy_events

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
