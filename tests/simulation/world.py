"""One simulated installation: servers in memory, and the faults that strike who asks them."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
import redis

from services.projector.health import Metrics
from shared.errors import StorageError
from shared.projections import folding
from tests.simulation.memory_store import MemoryStore, Transaction
from tests.simulation.memory_streams import MemoryStreams
from tests.simulation.plan import Plan
from tests.simulation.scheduler import Killed, Lives, Scheduler

#: With so many unclean deaths of a lane nothing else strikes: an innocent event at hand when the
#: process dies again and again for other reasons would be parked, and rightly so.
_DEATHS_CALM = 3


class World:
    """What all simulated threads share."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.scheduler = Scheduler(plan.seed)
        self.chance = self.scheduler.chance
        self.streams = MemoryStreams(self.scheduler, plan.partitions)
        self.store = MemoryStore(self.scheduler, self.streams.lanes)
        self.faults: Counter[str] = Counter()
        self.metrics = Metrics()
        self.healed = False
        self.store_away_until_s = self.streams_away_until_s = 0.0
        #: Ids of events that a fold fails on, always and since a bad release; that kill.
        self.failing: set[str] = set()
        self.failed: set[str] = set()
        self.deadly: set[str] = set()
        self.bad_release = False
        self._strikes = plan.crash + plan.freeze

    def calm(self) -> bool:
        """Whether nothing may strike now."""
        return self.healed or any(
            lease.unclean_deaths >= _DEATHS_CALM for lease in self.store.leases.values()
        )

    def ask_store(self, lives: Lives) -> None:
        """A thread asks PostgreSQL: it may wait, freeze, die, or be refused.

        Raises:
            psycopg.OperationalError: the server is away, or the connection broke.
        """
        self.point(lives)
        if self.store_away_until_s > self.scheduler.now_s:
            raise psycopg.OperationalError("simulated: the database is away")
        if self.strikes("store errors", self.plan.store_error):
            raise psycopg.OperationalError("simulated: the connection is lost")

    def ask_streams(self, lives: Lives) -> None:
        """A thread asks Redis; as `ask_store`, with redis.ConnectionError."""
        self.point(lives)
        if self.streams_away_until_s > self.scheduler.now_s:
            raise redis.ConnectionError("simulated: Redis is away")
        if self.strikes("stream errors", self.plan.streams_error):
            raise redis.ConnectionError("simulated: the connection is lost")

    def point(self, lives: Lives) -> None:
        """A point at which others may run, and at which a process may freeze or die."""
        chance, scheduler = self.chance, self.scheduler
        if chance.random() < self.plan.waits_share:
            scheduler.sleep(chance.random() * self.plan.waits_s)
        if not self._strikes or chance.random() >= self._strikes or self.calm():
            return
        if chance.random() * self._strikes < self.plan.crash:
            self.faults["crashes"] += 1
            self.die(lives)
        longest_s = 3 * self.plan.lease_ms / 1000
        seconds = chance.uniform(0.1, longest_s)
        self.faults["zombies" if seconds > longest_s / 3 else "freezes"] += 1
        lives.frozen_until_s = scheduler.now_s + seconds
        scheduler.sleep(0.0)

    def die(self, lives: Lives) -> None:
        """End the process of the thread that runs.

        Raises:
            Killed: always.
        """
        self.scheduler.kill(lives)
        raise Killed

    def strikes(self, kind: str, share: float) -> bool:
        """Whether a fault happens here; counted."""
        if not share or self.chance.random() >= share or self.calm():
            return False
        self.faults[kind] += 1
        return True

    def later(self, lives: Lives, act: Callable[[], None], within_s: float) -> None:
        """Let something happen by itself, some time within these seconds."""

        def wait() -> None:
            self.scheduler.sleep(self.chance.uniform(0, within_s))
            act()

        self.scheduler.thread(lives, wait, "later").start()

    def leave_to_server(self, transaction: Transaction) -> None:
        """Nobody waits for this transaction any more: it lands, or not, some time later."""
        lands = self.chance.random() < 0.5

        def end() -> None:
            if not lands:
                transaction.abort()
                return
            with suppress(psycopg.Error, StorageError):
                transaction.land()
                self.faults["late landings"] += 1

        self.later(Lives(), end, self.plan.lease_ms / 1000)

    def evolves(self) -> dict[str, Callable[[Any, Any], Any]]:
        """The folds of all kinds, which fail and kill as this world says."""
        return {kind: self._evolve(evolve) for kind, evolve in folding._EVOLVE.items()}

    def _evolve(self, evolve: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        def under_fire(state: Any, event: Any) -> Any:
            if event.id in self.deadly:
                self.faults["deaths by an event"] += 1
                self.die(self.scheduler.current.lives)
            if self.bad_release or event.id in self.failing:
                self.faults["failed folds"] += 1
                self.failed.add(event.id)
                raise ValueError("simulated: our own code fails")
            return evolve(state, event)

        return under_fire
