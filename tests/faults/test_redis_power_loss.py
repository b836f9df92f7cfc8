"""F4: the power fails, and Redis comes back as it was a second before: loss, and declared."""

import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.judging import judge, recovery_s
from tests.faults.losses import assert_losses_declared, listed, open_kinds
from tests.faults.own_redis import copy_of_aof, own_redis, restart_from
from tests.faults.tally import FaultTally
from tests.faults.traffic import Traffic
from tests.installation import installation, until
from tests.whole_system import messy_events, publish

_LOST_EVENTS = 800


@pytest.mark.faults
@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", (41, 42))
@pytest.mark.parametrize("projector", ("running", "paused", "down"))
def test_redis_set_back_by_a_second_loses_only_what_is_declared(
    database_url: str, tmp_path: Path, projector: str, seed: int, tally: FaultTally
) -> None:
    """Injected: kill -9, and the append-only file of 800 acknowledged events before.

    The projector runs, is paused or down meanwhile; traffic goes on at once. Judged: what was
    archived stays; each number that the log lacks is declared as a gap, no other; what was read
    beyond the stream is an incident. Then publishers send all again with the same ids: the gaps
    close, the incidents say so, and all equals the model.
    """
    events = messy_events(seed, contacts=70)
    data, copy = tmp_path / "data", tmp_path / "copy"
    with own_redis(data) as server, installation(server.url, database_url) as running:
        alive = running.start_projector()
        running.start_read_api()
        traffic = Traffic(server.url, events, part=100, seed=seed)
        with traffic.flowing():
            until(lambda: len(traffic.acknowledged) > len(events) // 3, "a third is published")
            if projector == "paused":
                alive.send_signal(signal.SIGSTOP)
            elif projector == "down":
                running.kill(alive)
            copy_of_aof(data, copy)
            goal = len(traffic.acknowledged) + _LOST_EVENTS
            until(lambda: len(traffic.acknowledged) > goal, "more is acknowledged")
            restart_from(server, data, copy)
            time.sleep(0.2)  # publishers go on before the projector looks
            if projector == "paused":
                alive.send_signal(signal.SIGCONT)
            elif projector == "down":
                running.start_projector()
            recovered = recovery_s(running)
            until(lambda: traffic.over, "all was published")
        running.wait_until_folded()
        lost = assert_losses_declared(running, traffic.acknowledged)
        if projector == "running":
            until(lambda: "recreated" in open_kinds(running), "it is declared")
        else:
            assert lost > _LOST_EVENTS // 3

        publish(server.url, traffic.acknowledged, seed)
        row = judge(running, traffic.acknowledged)
        assert 0 == assert_losses_declared(running, traffic.acknowledged)
        assert all(i["complete"] for i in listed(running) if i["kind"] == "recreated")
        row = replace(row, injected=1, recoveries_s=[recovered])
        tally.add("F4 redis power loss", row)
