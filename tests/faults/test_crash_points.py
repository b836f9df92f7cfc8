"""F1: projectors that die by SIGKILL at named places in their code lose and double nothing."""

import random
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from shared.storage.commits import AT_ONCE_EVENTS_MAX
from shared.storage.connection import connect
from shared.storage.lanes import Lanes, close_breaker
from tests.faults.crash_points import CRASH_POINTS, owner_of, settings_of
from tests.faults.judging import judge, recovery_s
from tests.faults.lease_watch import wait_for_owner, wait_for_owners
from tests.faults.proxy import COMMITS, COMMITTED, TcpProxy
from tests.faults.tally import FaultTally
from tests.faults.traffic import Traffic
from tests.installation import Installation, installation
from tests.whole_system import messy_events

#: Died there as well, by way of a proxy that keeps the answer.
_UNANSWERED = "after COMMIT was sent, before its answer"
_FOLLOWING = {"while following the log", "after a batch of the log"}
_HANDING_OVER = {
    "before a hand-over",
    "after a hand-over, leases not released",
    "after leases are released",
}
#: These die in the default run, too.
_QUICK = ("after the states", "after COMMIT, before the engine hears", _UNANSWERED)
_PATIENCE_S = 120.0


class Victim(NamedTuple):
    """A projector that will die at a place of the test's choice."""

    point: str
    #: Where it says that it was there.
    note: Path
    process: "subprocess.Popen[bytes]"


class Ground:
    """Projectors under traffic, one of which is a victim at any time."""

    def __init__(self, running: Installation, proxy: TcpProxy, folder: Path, seed: int) -> None:
        self.running = running
        self._proxy = proxy
        self._folder = folder
        self._chance = random.Random(seed)
        self.bystander = running.start_projector()

    def start(self, point: str, passage: int | None = None) -> Victim:
        """A projector joins that will die at this place; by default at a passage by chance."""
        note = self._folder / point
        if point == _UNANSWERED:
            return self._start_unanswered(note)
        passage = passage or self._chance.randint(1, CRASH_POINTS[point].passages)
        at_once = self._chance.choice((0, AT_ONCE_EVENTS_MAX))
        settings = settings_of(point, passage, note, signal.SIGKILL, at_once)
        module = "tests.faults.armed_projector"
        return Victim(point, note, self.running.start(module, stream_keep_ms="0", **settings))

    def wait_for_death(self, victim: Victim) -> None:
        """See to it that the place is reached, and that it was SIGKILL exactly there."""
        if victim.point in _FOLLOWING:
            wait_for_owner(self.running, victim.process.pid)
            self._open_and_close_breaker()
        elif victim.point in _HANDING_OVER:
            wait_for_owner(self.running, victim.process.pid)
            self._join_and_kill()
        code = victim.process.wait(timeout=_PATIENCE_S)
        self.running.processes.remove(victim.process)
        assert code == -signal.SIGKILL, victim.point
        assert victim.note.read_text("utf-8") == victim.point

    def _start_unanswered(self, note: Path) -> Victim:
        def kill() -> None:
            note.write_text(_UNANSWERED, "utf-8")
            process.send_signal(signal.SIGKILL)

        process = self.running.start_projector(database_url=self._proxy.url)
        self._proxy.lose_answers(1, COMMITTED, client=COMMITS, instead=kill)
        return Victim(_UNANSWERED, note, process)

    def _open_and_close_breaker(self) -> None:
        with connect(self.running.database_url, "test") as connection:
            lanes = list(range(16))
            Lanes(connection, "test", 1000).open_breaker(lanes, "a test")
            time.sleep(1)
            close_breaker(connection, lanes)

    def _join_and_kill(self) -> None:
        """One more joins, so that lanes are handed over; then one of the others is killed."""
        joined = self.running.start_projector()
        wait_for_owner(self.running, joined.pid)
        self.running.kill(self.bystander)
        self.bystander = joined


def test_every_named_place_is_in_the_code() -> None:
    """A function that was renamed fails here, instead of never being reached."""
    for point in CRASH_POINTS.values():
        assert callable(getattr(*owner_of(point)))


def test_projectors_killed_within_commits_count_everything_once(
    redis_url: str, database_url: str, tmp_path: Path, tally: FaultTally
) -> None:
    """Three join at once, and each dies at another place of its first batches; one stays."""
    traffic = Traffic(redis_url, messy_events(4, contacts=10), 500, 25)
    with (
        TcpProxy(database_url) as proxy,
        installation(redis_url, database_url) as running,
    ):
        ground = Ground(running, proxy, tmp_path, seed=4)
        victims = [ground.start(point, passage=1) for point in _QUICK]
        wait_for_owners(running, 1 + len(victims))
        with traffic.flowing():
            for victim in victims:
                ground.wait_for_death(victim)
        running.start_read_api()
        row = judge(running, traffic.acknowledged)
    tally.add("F1 crash points", replace(row, injected=len(_QUICK)))


@pytest.mark.faults
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", (1, 2, 3))
def test_projectors_killed_at_every_named_place_count_everything_once(
    redis_url: str, database_url: str, tmp_path: Path, tally: FaultTally, seed: int
) -> None:
    """Each place in turn, at a random passage, under live traffic; others join and are killed."""
    points = [*CRASH_POINTS, _UNANSWERED]
    random.Random(seed).shuffle(points)
    traffic = Traffic(redis_url, messy_events(seed, contacts=400), 100, 10, seed)
    recoveries_s = []
    with (
        TcpProxy(database_url) as proxy,
        installation(redis_url, database_url) as running,
    ):
        ground = Ground(running, proxy, tmp_path, seed)
        with traffic.flowing():
            victim = ground.start(points[0])
            for following in [*points[1:], None]:
                assert not traffic.over, "nothing moves any more: the test needs more events"
                ground.wait_for_death(victim)
                if following is not None:
                    victim = ground.start(following)
                recoveries_s.append(recovery_s(running, _PATIENCE_S))
        running.start_read_api()
        row = judge(running, traffic.acknowledged)
    kills = len(points) + len(_HANDING_OVER)
    tally.add("F1 crash points", replace(row, injected=kills, recoveries_s=recoveries_s))
