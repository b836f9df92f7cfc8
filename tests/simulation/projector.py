"""One simulated projector: the product's core, put together as `Shift` does, on memory."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import psycopg
import redis

from services.projector.commit_thread import CommitThread
from services.projector.engine import Engine
from services.projector.health import Health
from services.projector.lease_keeper import LeaseKeeper
from services.projector.ports import LeaseTable, Outside, Runtime
from shared.contracts.entries import ArchivedEntry, Entry
from shared.errors import FencedError, StaleStateError
from shared.folds.journal import Position
from shared.projections.state_cache import Kept, SubjectKey
from shared.projections.write_set import Forward, WriteSet
from shared.settings import Settings
from shared.storage.lanes import Cursor, Held
from shared.storage.parking import Scope
from tests.simulation.memory_store import GENERATION, Transaction
from tests.simulation.scheduler import Killed, Lives, SimulatedEvent, SimulatedQueue
from tests.simulation.world import World

#: Entries that the log gives back at a time.
_SEGMENT = 25


class Client:
    """One connection of one process."""

    def __init__(self, world: World, lives: Lives) -> None:
        self._world = world
        self._lives = lives

    def close(self) -> None:
        """Nothing is held."""


class StreamsOf(Client):
    """`ports.Streams`: reads as `LaneReader` does."""

    def read(
        self, cursors: Mapping[int, Position], block_ms: int | None
    ) -> tuple[dict[int, list[Entry]], bool]:
        """XREAD, with or without BLOCK."""
        world = self._world
        world.ask_streams(self._lives)
        count = world.chance.randint(1, world.plan.read_count)
        found = world.streams.read(cursors, count)
        if not found and block_ms is not None:
            world.streams.wait(cursors, block_ms / 1000)
            found = world.streams.read(cursors, count)
        return found, any(len(entries) >= count for entries in found.values())

    def server_ms(self) -> int:
        """TIME."""
        self._world.ask_streams(self._lives)
        return self._world.streams.server_ms()


class StoreOf(Client):
    """`ports.Store`; no stream loses entries here, so `look` finds nothing."""

    def look(self, _lanes: Mapping[int, int], /) -> Mapping[int, Position]:
        """Ask both servers."""
        self._world.ask_store(self._lives)
        self._world.ask_streams(self._lives)
        return dict(self._world.streams.heads)

    def cursors(self, lanes: Iterable[int]) -> dict[int, Cursor]:
        """One statement: all of one moment."""
        self._world.ask_store(self._lives)
        return self._world.store.cursors(lanes)

    def say_at_hand(
        self,
        suspects: Mapping[int, int],
        at_hand: Collection[int],
        cleared: Mapping[int, int],
    ) -> None:
        """One statement."""
        self._world.ask_store(self._lives)
        self._world.store.say_at_hand(suspects, at_hand, cleared)

    def entries(self, lane: int, after: Position) -> Iterator[list[ArchivedEntry]]:
        """A statement each segment."""
        for entries in self._world.store.entries(lane, after, _SEGMENT):
            self._world.ask_store(self._lives)
            yield entries

    def load(self, keys: Iterable[SubjectKey]) -> Mapping[SubjectKey, Kept]:
        """One statement."""
        self._world.ask_store(self._lives)
        return self._world.store.load(keys)


class BatchesOf(Client):
    """`ports.Batches`: a commit is fenced, then lands, then is answered; or not."""

    def __init__(self, world: World, lives: Lives, projector: str) -> None:
        super().__init__(world, lives)
        self._projector = projector
        self._given_up: Transaction | None = None

    def forward(self, forwards: Sequence[Forward]) -> None:
        """XADDs in a pipeline: an error leaves some of them added."""
        world = self._world
        world.ask_streams(self._lives)
        added = len(forwards)
        if lost := world.strikes("half forwards", world.plan.streams_error * 5):
            added = world.chance.randint(0, added)
        for one in forwards[:added]:
            world.streams.add(one.partition, one.fields)
        world.faults["forwards"] += added
        world.point(self._lives)
        if lost:
            raise redis.ConnectionError("simulated: the reply is lost")

    def commit(self, writes: WriteSet, epochs: Mapping[int, int]) -> list[Scope]:
        """As `Committer.commit`, with what may become of its transaction."""
        world = self._world
        world.ask_store(self._lives)
        if self._given_up is not None:  # `connect_commits`
            self._given_up.abort()
            self._given_up = None
        try:
            self._transaction(writes, epochs)
        except (FencedError, StaleStateError, psycopg.errors.CheckViolation) as error:
            world.faults[f"{type(error).__name__}s"] += 1
            raise
        world.faults["commits"] += 1
        if world.strikes("lost replies", world.plan.reply_lost):
            raise psycopg.OperationalError("simulated: committed, and the reply is lost")
        world.point(self._lives)
        return []

    def _transaction(self, writes: WriteSet, epochs: Mapping[int, int]) -> None:
        world = self._world
        transaction = Transaction(world.store, self._projector, writes, epochs)
        try:
            world.ask_store(self._lives)
            if world.strikes("commits given up", world.plan.lands_late):
                raise psycopg.OperationalError("simulated: no answer to the commit")
        except (psycopg.OperationalError, Killed):
            self._given_up = transaction
            world.leave_to_server(transaction)
            raise
        transaction.land()

    def disconnect(self) -> None:
        """The next commit connects anew."""


class LeasesOf(Client):
    """`ports.LeaseTable`: each statement may be done and its reply lost."""

    def __init__(self, world: World, lives: Lives, projector: str) -> None:
        super().__init__(world, lives)
        self._projector = projector
        self._lease_s = world.plan.lease_ms / 1000

    def _lost(self) -> None:
        if self._world.strikes("lost lease replies", self._world.plan.store_error):
            raise psycopg.OperationalError("simulated: the reply is lost")

    def beat(self) -> int:
        self._world.ask_store(self._lives)
        return self._world.store.beat(self._projector, self._lease_s)

    def leave(self) -> None:
        self._world.ask_store(self._lives)
        self._world.store.projectors.pop(self._projector, None)

    def live_generation(self) -> int | None:
        return GENERATION

    def renew(self) -> Held:
        self._world.ask_store(self._lives)
        renewed = self._world.store.renew(self._projector, self._lease_s)
        self._world.point(self._lives)
        return renewed

    def take(self, lanes_max: int, generation: int) -> dict[int, int]:
        assert generation == GENERATION
        self._world.ask_store(self._lives)
        taken = self._world.store.take(self._projector, self._lease_s, lanes_max)
        self._lost()
        return taken

    def release(self, lanes: list[int]) -> None:
        self._world.ask_store(self._lives)
        self._world.store.release(self._projector, lanes)
        self._lost()

    def still_alive(self) -> None:
        self._world.ask_store(self._lives)
        self._world.faults["deaths taken back"] += self._world.store.still_alive(self._projector)
        self._lost()

    def survived(self, lanes: list[int]) -> None:
        self._world.ask_store(self._lives)
        self._world.store.survived(self._projector, lanes)

    def open_breaker(self, lanes: list[int], reason: str) -> None:
        self._world.ask_store(self._lives)
        self._world.store.archive_only(lanes, reason)
        self._world.faults["breakers opened"] += 1
        self._lost()

    def vouch(self, vouched: dict[int, int]) -> None:
        self._world.ask_store(self._lives)
        store, streams = self._world.store, self._world.streams
        for lane, ms in vouched.items():
            behind = streams.holds(lane, store.lanes[lane].position, ms)
            assert not behind, f"lane {lane} was vouched for up to {ms} and holds an entry by then"
        store.vouch(vouched)


class SimulatedProjector:
    """All threads of one process; those that only keep streams and segments are left out."""

    def __init__(self, world: World, name: str, settings: Settings) -> None:
        self._world = world
        self.name = name
        self.lives = Lives()
        self.failed = False
        scheduler, lives = world.scheduler, self.lives
        began_s = world.chance.uniform(0, 1e6)
        runtime = Runtime(
            monotonic_s=lambda: scheduler.now_s + began_s,
            event=lambda: SimulatedEvent(scheduler),
            queue=lambda: SimulatedQueue(scheduler),
            thread=lambda target, name: scheduler.thread(lives, target, name),
            end_later=lambda _seconds: None,
        )
        health, metrics = Health(), world.metrics

        @contextmanager
        def leases() -> Iterator[LeaseTable]:
            world.ask_store(lives)
            yield LeasesOf(world, lives, name)

        lanes = world.plan.partitions + 1
        self._keeper = LeaseKeeper(
            leases, lanes, GENERATION, settings.lease_ms, health, self._switched, runtime
        )
        self._committer = CommitThread(BatchesOf(world, lives, name), metrics, runtime)
        outside = Outside(StreamsOf(world, lives), StoreOf(world, lives), runtime)
        self._engine = Engine(
            settings, world.plan.partitions, outside, self._keeper, self._committer, health, metrics
        )
        self._stopping = runtime.event()
        self._thread = runtime.thread(self._fold, "engine")
        self.health = health

    def start(self) -> None:
        """As `Shift.start`."""
        for part in (self._keeper, self._committer, self._thread):
            part.start()

    def stop(self) -> None:
        """As `Shift.stop`, and from a thread of its own."""
        self._stopping.set()
        self._thread.join(timeout=20)
        self._committer.stop()
        self._keeper.stop()
        self._world.scheduler.kill(self.lives)

    def wake(self) -> None:
        """As the control channel does when a projector comes or goes."""
        self._keeper.wake()

    @property
    def alive(self) -> bool:
        """Whether it was neither killed nor ended."""
        return not self.lives.killed

    def _fold(self) -> None:
        self._engine.run(self._stopping, self._has_failed)

    def _has_failed(self) -> None:
        self.failed = True

    def _switched(self) -> None:
        raise AssertionError("no generation is switched to here")
