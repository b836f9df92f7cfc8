"""F13: projectors that stand still beyond their lease, within a commit too, and then wake up."""

import random
import signal
import time
from dataclasses import replace
from pathlib import Path

import httpx
import psycopg
import pytest

from shared.storage.commits import AT_ONCE_EVENTS_MAX
from tests.faults.crash_points import settings_of
from tests.faults.judging import judge, recovery_s
from tests.faults.lease_watch import lanes_of, wait_for_owners, wait_for_takeover
from tests.faults.tally import FaultTally
from tests.faults.traffic import Traffic
from tests.installation import Installation, installation, until
from tests.whole_system import messy_events

_PATIENCE_S = 120.0
_ROUNDS = 6
_LEASE_S = 1.5
#: Where a projector stands still, and up to how many events its batches go in one pipeline. In a
#: pipeline and in a COPY the server waits for the rest without counting the transaction as idle.
_PLACES = (
    ("after the fence", AT_ONCE_EVENTS_MAX),
    ("after the fence", 0),
    ("before COMMIT", AT_ONCE_EVENTS_MAX),
    ("before COMMIT", 0),
    ("within the log's COPY", 0),
    ("after the cursors moved", AT_ONCE_EVENTS_MAX),
)


@pytest.mark.faults
@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", (1, 2, 3))
def test_projectors_stopped_beyond_their_lease_write_nothing_more_of_it(
    redis_url: str, database_url: str, tally: FaultTally, seed: int
) -> None:
    """SIGSTOP at any moment of live traffic, SIGCONT after two leases; it works on afterwards."""
    chance = random.Random(seed)
    traffic = Traffic(redis_url, messy_events(seed, contacts=200), 500, 50, seed)
    recoveries_s = []
    with installation(redis_url, database_url) as running:
        projectors = [running.start_projector() for _ in range(2)]
        wait_for_owners(running, 2)
        with traffic.flowing():
            for _ in range(_ROUNDS):
                time.sleep(chance.uniform(0.1, 1.0))
                zombie = chance.choice(projectors)
                zombie.send_signal(signal.SIGSTOP)
                time.sleep(2 * _LEASE_S)
                recoveries_s.append(recovery_s(running))
                zombie.send_signal(signal.SIGCONT)
                wait_for_owners(running, 2)
        running.start_read_api()
        row = judge(running, traffic.acknowledged)
    tally.add("F13 zombies", replace(row, injected=_ROUNDS, recoveries_s=recoveries_s))


@pytest.mark.faults
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", (1, 2, 3))
def test_projectors_stopped_within_a_commit_hold_no_lane_for_long(
    redis_url: str, database_url: str, tmp_path: Path, tally: FaultTally, seed: int
) -> None:
    """Each stands still at a named place; others fold its lanes, and of its batch is nothing in."""
    chance = random.Random(seed)
    traffic = Traffic(redis_url, messy_events(seed, contacts=200), 60, 6, seed)
    recoveries_s = []
    with installation(redis_url, database_url) as running:
        running.start_projector()
        with traffic.flowing():
            for number, (place, at_once) in enumerate(_PLACES):
                note = tmp_path / str(number)
                passage = chance.randint(1, 4)
                settings = settings_of(place, passage, note, signal.SIGSTOP, at_once)
                zombie = running.start("tests.faults.armed_projector", **settings)
                until(note.exists, f"a projector stands still {place}", _PATIENCE_S)
                assert not traffic.over, "nothing moves any more: the test needs more events"
                lost, began_s = lanes_of(running, zombie.pid), time.monotonic()
                wait_for_takeover(running, lost)
                freed_s = time.monotonic() - began_s
                recoveries_s.append(freed_s + recovery_s(running))
                zombie.send_signal(signal.SIGCONT)
                _wait_for_failed_commit(f"http://127.0.0.1:{settings['probe_port']}")
                wait_for_owners(running, 2)
                running.kill(zombie)
                # What stands still so often with the same entry at hand would be parked, rightly.
                until(lambda: _accused(running) == 0, "no lane is suspected", _PATIENCE_S)
        running.start_read_api()
        row = judge(running, traffic.acknowledged)
    row = replace(row, injected=len(_PLACES), recoveries_s=recoveries_s)
    tally.add("F13 stopped within a commit", row)


def _accused(running: Installation) -> int:
    """How many lanes' owners died, or stood still, without a commit since."""
    with psycopg.connect(running.database_url) as connection:
        return connection.execute("SELECT 1 FROM callfold.leases WHERE unclean_deaths > 0").rowcount


def _wait_for_failed_commit(probes_url: str) -> None:
    """Wait until a projector counts a batch that did not get in, by whatever error."""

    def failed() -> bool:
        lines = httpx.get(f"{probes_url}/metrics", timeout=10).text.splitlines()
        results = [line for line in lines if line.startswith("callfold_commits_total{")]
        return any('result="ok"' not in line for line in results)

    until(failed, "its commit failed", _PATIENCE_S)
