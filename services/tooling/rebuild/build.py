"""One rebuild: folds a generation from the log, compares it with the live one, and switches to it.

Used by `callfold rebuild`. The live generation goes on all the while; only `switch` holds its
commits up, for less than `SWITCH_BARRIER_MS`.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from threading import Event, Thread
from time import monotonic, sleep
from typing import Self

import psycopg

from services.tooling.rebuild.parallel_fold import fold_in_parallel
from shared.contracts.stream_names import INBOX_LANE
from shared.errors import CallfoldError, FencedError, GenerationError, StaleStateError
from shared.folds.states import FOLD_VERSION
from shared.limits import REBUILD_BATCH_EVENTS, REBUILD_BATCH_SUBJECTS, SWITCH_BARRIER_MS
from shared.projections.state_cache import SubjectKey
from shared.storage.comparing import compare
from shared.storage.comparison import Comparison
from shared.storage.connection import connect
from shared.storage.following import LogFollower, live_positions
from shared.storage.generation_schemas import index_generation
from shared.storage.generations import Generation, partitions_of
from shared.storage.rebuilding import analyze, begin_snapshot, still_there, waiting_events
from shared.storage.schema import engine_of
from shared.storage.switching import BarrierError, Switch, switch_to
from shared.storage.table_contents import Side

#: Fewer events than these are folded by one process: starting others takes longer.
_FEW_EVENTS = 20_000
_CACHE_BYTES = 64 * 1024 * 1024
#: A barrier is tried once less than this was folded since the last look.
_NEAR_EVENTS = 2_000
_SWITCH_PATIENCE_S = 60.0
_PAUSE_S = 0.3


class Build:
    """A generation on its way to be live."""

    def __init__(
        self, database_url: str, control: psycopg.Connection, generation: int, processes: int
    ) -> None:
        """`control` is in autocommit; its session holds the lock against other commands."""
        self._database_url = database_url
        self._control = control
        self._generation = generation
        self._processes = processes
        self._partitions = partitions_of(control)
        self._lanes = range(INBOX_LANE, self._partitions)
        self._open = ExitStack()
        self._follower: LogFollower | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._open.close()

    def waiting(self) -> int:
        """Events of the log that are not folded into the generation, about."""
        return sum(waiting_events(self._control, self._generation).values())

    def fold(self, folded: Callable[[int], None]) -> None:
        """Fold the log up to where live is, by all processes, then lay indexes.

        `folded` is told of events folded since the last call; it may raise to stop.
        """

        def fold_and_look(events: int) -> None:
            folded(events)
            still_there(self._control)  # with its session, the lock is ours

        waiting = waiting_events(self._control, self._generation)
        before = None
        # What only waits while a breaker is open, or comes as fast as it is folded, ends it too.
        while (left := sum(waiting.values())) > _FEW_EVENTS and (not before or left < before / 2):
            fold_in_parallel(
                self._database_url,
                self._generation,
                self._partitions,
                waiting,
                self._processes,
                fold_and_look,
            )
            waiting, before = waiting_events(self._control, self._generation), left
        for events in self._following().follow(self._lanes):
            folded(events)
        engine = engine_of(self._database_url)
        with engine.begin() as connection:
            index_generation(connection, self._generation)
        engine.dispose()
        analyze(self._control, self._generation)

    def compare(
        self,
        live: Generation,
        explained: set[SubjectKey],
        examples_max: int,
    ) -> Comparison:
        """Compare with the live generation at equal positions, each in its own snapshot."""
        with (
            connect(self._database_url, "rebuild compares, live") as old,
            connect(self._database_url, "rebuild compares") as new,
        ):
            begin_snapshot(old)
            for _events in self._following().follow_to(live_positions(old)):
                pass  # so far and no further; live goes on meanwhile
            begin_snapshot(new)
            with self._going_on():
                return compare(
                    Side(old, live.number),
                    Side(new, self._generation),
                    same_rules=live.fold_version == FOLD_VERSION,
                    explained=explained,
                    examples_max=examples_max,
                )

    def switch(self, *, foreign: bool = False, behind: bool = False) -> Switch:
        """Catch up and make the generation live.

        Args:
            foreign: it is of another fold version, so projectors of that release must follow it.
            behind: switch wherever it stands.

        Raises:
            GenerationError: live traffic left no moment for it.
        """
        catch_up = _leave_it if foreign or behind else self._catch_up
        deadline_s = monotonic() + _SWITCH_PATIENCE_S
        while True:
            while catch_up() > _NEAR_EVENTS and monotonic() < deadline_s:
                pass
            try:
                return switch_to(self._control, self._generation, catch_up, behind=behind)
            except BarrierError as error:
                if monotonic() > deadline_s:
                    raise GenerationError(
                        f"could not switch within {SWITCH_BARRIER_MS} ms, tried for"
                        f" {_SWITCH_PATIENCE_S:.0f} s: {error}; {self._what_helps(foreign=foreign)}"
                    ) from error
                sleep(_PAUSE_S)

    @contextmanager
    def _going_on(self) -> Iterator[None]:
        """Follow live while the block looks at snapshots: a long comparison leaves nothing over."""
        done = Event()

        def follow() -> None:
            with suppress(psycopg.Error, CallfoldError):  # whoever follows next meets it again
                while not done.wait(_PAUSE_S):
                    self._catch_up()

        following = Thread(target=follow, name="going-on")
        following.start()
        try:
            yield
        finally:
            done.set()
            following.join()

    def _what_helps(self, *, foreign: bool) -> str:
        if foreign:
            return (
                f"generation {self._generation} is of another release, whose projectors must run"
                " to follow it; with --behind it is made live first, and they follow then"
            )
        return f"run `callfold switch {self._generation}` when there is less traffic"

    def _catch_up(self) -> int:
        try:
            return sum(self._following().follow(self._lanes))
        except (FencedError, StaleStateError):
            return 1  # a projector follows it as well, and was faster

    def _following(self) -> LogFollower:
        if self._follower is None:
            reading = self._open.enter_context(connect(self._database_url, "rebuild reads"))
            writing = self._open.enter_context(connect(self._database_url, "rebuild writes"))
            self._follower = LogFollower(
                reading,
                writing,
                self._partitions,
                self._generation,
                batch_events=REBUILD_BATCH_EVENTS,
                batch_subjects=REBUILD_BATCH_SUBJECTS,
                cache_bytes=_CACHE_BYTES,
            )
        return self._follower


def _leave_it() -> int:
    return 0
