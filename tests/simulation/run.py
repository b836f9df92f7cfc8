"""One run: projectors fold, publishers send, faults strike; then all heals and is judged."""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple
from unittest.mock import patch

import structlog

from shared.projections import folding
from shared.settings import Settings
from tests.simulation.oracle import judge
from tests.simulation.plan import Plan
from tests.simulation.projector import SimulatedProjector
from tests.simulation.scheduler import Lives, SimulatedThread, SimulationStuckError
from tests.simulation.traffic import Traffic
from tests.simulation.world import World

_STEP_S = 0.1
_RESTART_S = 1.0
_PROJECTORS_MAX = 5
#: So long, in simulated seconds, a world may take to come to rest once nothing strikes any more.
_PATIENCE_S = 300
_TRIM_SHARE = 0.05
_REST_STEPS = 5
#: An operator releases lanes that often: faults of the last minute would open the breaker again.
_RELEASE_S = 65.0
#: So long at the end, until no thread of a process is left.
_UNWIND_S = 60.0


class _Silent(structlog.BoundLoggerBase):
    """The core warns of every fault; here there are thousands."""

    def __getattr__(self, _level: str) -> Callable[..., None]:
        return lambda *_said, **_details: None


class RunFailedError(AssertionError):
    """A run that failed, and how to have it again."""


class Outcome(NamedTuple):
    """What a run did."""

    events: int
    switches: int
    simulated_s: float
    faults: Counter[str]


def simulate(seed: int, events: int) -> Outcome:
    """Run a seed for about so many events.

    Raises:
        RunFailedError: something was lost, doubled, wrongly parked, or did not come to rest.
    """
    run = Run(Plan.of(seed, events))
    logging = structlog.get_config()
    structlog.configure(wrapper_class=_Silent)
    try:
        with patch.dict(folding._EVOLVE, run.world.evolves()):
            return run.go()
    except Exception as error:
        again = f"python -m tests.simulation --seed {seed} --events-per-run {events}"
        raise RunFailedError(f"{error!r}\nseed {seed}; again: {again}\n{run.world.plan}") from error
    finally:
        structlog.configure(**logging)


class Run:
    """The director: whoever comes, goes, or strikes from outside of the projectors."""

    def __init__(self, plan: Plan) -> None:
        self.world = World(plan)
        self._plan = plan
        self._chance = self.world.chance
        self._scheduler = self.world.scheduler
        self._settings = Settings.model_validate(
            {
                "lease_ms": plan.lease_ms,
                "batch_events_max": plan.batch_events_max,
                "batch_age_ms": plan.batch_age_ms,
                "cache_bytes": plan.cache_bytes,
            }
        )
        self._projectors: list[SimulatedProjector] = []
        self._started = 0
        self._restarts_due_s: list[float] = []
        self._bad_release_s = plan.lasts_s / 3 if plan.bad_release else float("inf")

    def go(self) -> Outcome:
        """Run to the end and judge."""
        world, plan = self.world, self._plan
        traffic = Traffic(world)
        self._scheduler.thread(Lives(), traffic.send, "publisher").start()
        for _ in range(plan.projectors):
            self._start()
        try:
            while not traffic.done:
                self._step()
                self._strike()
            self._heal()
            self._end_all()
            judge(world, traffic)
        finally:
            for projector in self._projectors:
                self._scheduler.kill(projector.lives)
            self._scheduler.sleep(_UNWIND_S)
        world.faults += self._traffic_counts(traffic)
        return Outcome(
            sum(world.streams.added.values()),
            self._scheduler.switches,
            self._scheduler.now_s - _UNWIND_S,
            world.faults,
        )

    def _step(self, seconds: float = _STEP_S) -> None:
        """Let the world go on; whoever was killed is started again."""
        self._scheduler.sleep(seconds)
        if self._scheduler.failures:
            raise self._scheduler.failures[0]
        for projector in list(self._projectors):
            if projector.failed:
                raise AssertionError(f"the engine ended by itself: {projector.health.failed}")
            if not projector.alive:
                self._projectors.remove(projector)
                due_s = self._chance.uniform(0, _RESTART_S)
                self._restarts_due_s.append(self._scheduler.now_s + due_s)
        for due_s in list(self._restarts_due_s):
            if due_s <= self._scheduler.now_s:
                self._restarts_due_s.remove(due_s)
                self._start()
        if self._chance.random() < _TRIM_SHARE:
            self._trim()

    def _start(self) -> None:
        self._started += 1
        # Unique for ever, as `Shift` names them.
        projector = SimulatedProjector(self.world, f"projector {self._started}", self._settings)
        self._projectors.append(projector)
        projector.start()
        self._tell()

    def _stop(self, projector: SimulatedProjector) -> SimulatedThread:
        self._projectors.remove(projector)
        stopping = self._scheduler.thread(Lives(), projector.stop, "stopping")
        stopping.start()
        self._tell()
        return stopping

    def _tell(self) -> None:
        """The control channel: not everybody hears."""
        for projector in self._projectors:
            if self._chance.random() < 0.8:
                projector.wake()

    def _trim(self) -> None:
        """As the stream keeper: what is archived may go, the inbox' once its targets are, too."""
        store = self.world.store
        for lane, row in store.lanes.items():
            before = row.position
            if lane < 0:
                before = min(before, (store.archived_through_ms(), 0))
            self.world.streams.trim(lane, before)

    def _happens(self, kind: str, per_second: float) -> bool:
        return self.world.strikes(kind, per_second * _STEP_S)

    def _strike(self) -> None:
        """What may happen to the whole installation in one step."""
        world, plan, chance = self.world, self._plan, self._chance
        now_s = self._scheduler.now_s
        longest_s = 2 * plan.lease_ms / 1000
        if self._happens("store outages", plan.outage):
            world.store_away_until_s = now_s + chance.uniform(0.1, longest_s)
        if self._happens("stream outages", plan.outage):
            world.streams_away_until_s = now_s + chance.uniform(0.1, longest_s)
        if self._happens("second writers", plan.second_writer):
            self._write_beside()
        if self._happens("epochs raised", plan.epochs_raised):
            self._take_leases(away=False)
        if self._happens("leases taken away", plan.leases_taken):
            self._take_leases(away=True)
        if self._projectors and self._happens("joins and leaves", plan.joins_or_leaves):
            if len(self._projectors) < _PROJECTORS_MAX and chance.random() < 0.6:
                self._start()
            else:
                self._stop(chance.choice(self._projectors))
        if now_s > self._bad_release_s:
            world.bad_release = True
            self._bad_release_s = float("inf")
        elif world.bad_release and chance.random() < 0.05:
            world.bad_release = False
            self._close_breakers()

    def _write_beside(self) -> None:
        """A repair replaces rows: the same bytes, another revision."""
        subjects = self.world.store.subjects
        for key in self._chance.sample(list(subjects), min(5, len(subjects))):
            subjects[key] = subjects[key]._replace(revision=subjects[key].revision + 1)

    def _take_leases(self, *, away: bool) -> None:
        """An operator's repair raises epochs; lanes that a commit locks are left alone."""
        for lane, lease in self.world.store.leases.items():
            if not self.world.store.locked[lane] and self._chance.random() < 0.5:
                lease.epoch += 1
                if away:
                    lease.owner, lease.expires_at_s = None, float("-inf")

    def _close_breakers(self) -> None:
        lanes = [p for p, lease in self.world.store.leases.items() if lease.archive_only]
        self.world.faults["breakers released"] += len(lanes)
        self.world.store.archive_only(lanes, None)

    def _heal(self) -> None:
        """O5: nothing strikes any more, and every lane reaches its head."""
        self.world.healed, self.world.bad_release = True, False
        self.world.store_away_until_s = self.world.streams_away_until_s = 0.0
        deadline_s = self._scheduler.now_s + _PATIENCE_S
        resting = 0
        release_s = self._scheduler.now_s
        while resting < _REST_STEPS:  # who thaws late may still forward something twice
            resting = resting + 1 if self._at_rest() else 0
            if self._scheduler.now_s >= release_s:
                self._close_breakers()
                release_s += _RELEASE_S
            self._step()
            if not self._projectors and not self._restarts_due_s:
                self._start()
            if self._scheduler.now_s > deadline_s:
                raise SimulationStuckError("O5: lanes did not reach their heads")

    def _at_rest(self) -> bool:
        store = self.world.store
        thawed = all(one.lives.frozen_until_s < self._scheduler.now_s for one in self._projectors)
        return thawed and all(
            head == store.lanes[lane].position == store.positions.get(lane, (0, 0))
            for lane, head in self.world.streams.heads.items()
        )

    def _end_all(self) -> None:
        """Who ends cleanly gives its leases back; those of the dead are yet to run out."""
        clean = {projector.name for projector in self._projectors if not projector.failed}
        ending = [self._stop(projector) for projector in list(self._projectors)]
        while not all(thread.finished.is_set() for thread in ending):
            self._step()
        left = [lease.owner for lease in self.world.store.leases.values()]
        assert not clean.intersection(left), f"still owners: {left}"

    def _traffic_counts(self, traffic: Traffic) -> Counter[str]:
        store, world = self.world.store, self.world
        return Counter(
            {
                "parked": len(store.parked),
                "conflicts": len(store.conflicts),
                "repeated": sum(world.streams.added.values()) - len(traffic.events),
                "starts": self._started,
            }
        )
