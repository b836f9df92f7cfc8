"""Ends the process when a fold does not come to an end, so that its event can be found.

It works while nothing in Python moves any more: a loop in C code holds the interpreter's lock. The
process leaves traces of all threads and no lease given back, so the death counts (`suspects`).
"""

import faulthandler
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from services.projector.health import Health
from shared.contracts.entries import ArchivedEntry, Entry
from shared.folds.journal import Position
from shared.projections.folding import Condemned, Folding, Load, Taken
from shared.projections.state_cache import Kept, StateCache, SubjectKey
from shared.projections.write_set import WriteSet

#: A batch takes a second; on a machine that swaps, some.
FOLD_PATIENCE_S: Final = 30.0
#: The same of the small batches of suspected lanes.
CAREFUL_PATIENCE_S: Final = 10.0
_STDERR: Final = 2
_NOBODY: Condemned = {}


def end_later(seconds: float) -> None:
    """End the process then, exit code 1, with traces of all threads; 0: not any more."""
    if seconds:
        faulthandler.dump_traceback_later(seconds, exit=True, file=_STDERR)
    else:
        faulthandler.cancel_dump_traceback_later()


class WatchedFolding(Folding):
    """Folds as `Folding` does, within its patience; waiting for the database is not counted."""

    def __init__(
        self,
        partitions: int,
        cache: StateCache,
        load: Load,
        end_later: Callable[[float], None],
        health: Health,
    ) -> None:
        """`end_later` is the function above, or what stands for it in a simulation."""
        super().__init__(partitions, cache, self._load_unwatched)
        self.patience_s = FOLD_PATIENCE_S
        self._load_all = load
        self._end_process_later = end_later
        self._health = health

    def take_lanes(self, taken: Mapping[int, Taken], condemned: Condemned) -> None:
        """See `Folding`."""
        with self._watched():
            super().take_lanes(taken, condemned)

    def archive(
        self, lane: int, old: Position, entries: list[Entry], condemned: Condemned = _NOBODY
    ) -> None:
        """See `Folding`."""
        with self._watched():
            super().archive(lane, old, entries, condemned)

    def follow(
        self, lane: int, old: Position, entries: list[ArchivedEntry], condemned: Condemned
    ) -> None:
        """See `Folding`."""
        with self._watched():
            super().follow(lane, old, entries, condemned)

    def harvest(self) -> WriteSet:
        """See `Folding`."""
        with self._watched():
            return super().harvest()

    def _load_unwatched(self, keys: Iterable[SubjectKey]) -> Mapping[SubjectKey, Kept]:
        self._end_later(0)
        found = self._load_all(keys)
        self._end_later(self.patience_s)
        return found

    def _end_later(self, seconds: float) -> None:
        self._health.folding = seconds > 0
        self._end_process_later(seconds)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        self._end_later(self.patience_s)
        try:
            yield
        finally:
            self._end_later(0)
