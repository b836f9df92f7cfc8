"""What the core of a projector asks of the world: streams, the store, leases, time and threads.

The core is the engine, the lease keeper, the commit thread and bisection. `shift.py` gives them
Redis, PostgreSQL and this machine; `tests/simulation` a seeded world in memory. Trouble is told by
the clients' own errors: `redis.RedisError` and `psycopg.Error`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any, Protocol

from services.projector.watchdog import end_later
from shared.clock import monotonic_s
from shared.contracts.entries import ArchivedEntry, Entry
from shared.folds.journal import Position
from shared.projections.state_cache import Kept, SubjectKey
from shared.projections.write_set import Forward, WriteSet
from shared.storage.lanes import Cursor, Held
from shared.storage.parking import Scope


class Streams(Protocol):
    """How the engine reads lanes; `InRangeReader` is it."""

    def read(
        self, cursors: Mapping[int, Position], block_ms: int | None
    ) -> tuple[dict[int, list[Entry]], bool]:
        """Entries behind each lane's cursor, and whether more wait than were asked for."""

    def server_ms(self) -> int:
        """The clock that entry ids are made of."""

    def close(self) -> None:
        """Drop the connection; what is asked next makes a new one."""


class Store(Protocol):
    """What the engine reads of the database; `LaneStore` is it."""

    def look(self, lanes: Mapping[int, int]) -> Mapping[int, Position]:
        """Declare what the streams of lanes held at these epochs have lost.

        Returns: the newest entry of each stream that is as it should be.
        """

    def cursors(self, lanes: Iterable[int]) -> dict[int, Cursor]:
        """Where lanes stand in the log and in the generation."""

    def say_at_hand(
        self,
        suspects: Mapping[int, int],
        at_hand: Collection[int],
        cleared: Mapping[int, int],
    ) -> None:
        """Say of which suspected lanes, held at these epochs, something is at hand from now on."""

    def entries(self, lane: int, after: Position) -> Iterator[list[ArchivedEntry]]:
        """What the log holds of a lane behind a position."""

    def load(self, keys: Iterable[SubjectKey]) -> Mapping[SubjectKey, Kept]:
        """Subjects as they are committed by now; unknown ones are left out."""

    def close(self) -> None:
        """Drop the connections; what is asked next makes new ones."""


class Batches(Protocol):
    """Where the commit thread writes; `BatchWriter` is it."""

    def forward(self, forwards: Sequence[Forward]) -> None:
        """Add entries to the streams that they belong to."""

    def commit(self, writes: WriteSet, epochs: Mapping[int, int]) -> list[Scope]:
        """Write a batch, all or nothing; returns the sources that it took over their quota."""

    def disconnect(self) -> None:
        """Drop the connection; the next batch makes a new one."""


class LeaseTable(Protocol):
    """The leases of one projector; `shared.storage.lanes.Lanes` is it, and explains each."""

    def beat(self) -> int: ...

    def leave(self) -> None: ...

    def live_generation(self) -> int | None: ...

    def renew(self) -> Held: ...

    def take(self, lanes_max: int, generation: int) -> dict[int, int]: ...

    def release(self, lanes: list[int]) -> None: ...

    def still_alive(self) -> None: ...

    def survived(self, lanes: list[int]) -> None: ...

    def open_breaker(self, lanes: list[int], reason: str) -> None: ...

    def vouch(self, vouched: dict[int, int]) -> None: ...


def _thread(target: Callable[[], None], name: str) -> Thread:
    return Thread(target=target, name=name, daemon=True)


@dataclass(frozen=True, slots=True)
class Runtime:
    """Time and threads: whoever waits, waits for one of these."""

    monotonic_s: Callable[[], float] = monotonic_s
    event: Callable[[], Event] = Event
    queue: Callable[[], SimpleQueue[Any]] = SimpleQueue
    thread: Callable[[Callable[[], None], str], Thread] = _thread
    #: Ends the process so many seconds later, unless it is told 0 before.
    end_later: Callable[[float], None] = end_later


@dataclass(frozen=True, slots=True)
class Outside:
    """All that an engine touches beside its own process' threads."""

    streams: Streams
    store: Store
    runtime: Runtime
