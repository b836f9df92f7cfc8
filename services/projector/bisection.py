"""Finds the one event that the database refuses, and keeps who is condemned to be parked.

What was refused is tried again by halves, and nothing else meanwhile, so that what arrives in other
lanes never hides the bad event; then batches grow again by doubling, and all around it is committed
as usual (architecture.md, point 10). What kills the process is found by `suspects`.
"""

from collections import deque
from collections.abc import Callable, Mapping

import psycopg
import redis
from psycopg import errors

from shared.clock import monotonic_s
from shared.contracts.entries import Entry
from shared.contracts.park_reasons import ParkReason
from shared.contracts.stream_names import INBOX_LANE
from shared.folds.journal import Position
from shared.projections.folding import FoldFailedError
from shared.projections.write_set import WriteSet

#: Faults of our own code on events that decode that open the breaker (architecture.md, point 10).
FAULTS_A_MINUTE = 50
_MINUTE_S = 60.0
_REFUSALS = (
    psycopg.DataError,
    psycopg.IntegrityError,
    errors.ProgramLimitExceeded,
    errors.StatementTooComplex,
    errors.UntranslatableCharacter,
)
_NONE = (-1, -1)
_SERVER_ERRORS = (psycopg.Error, redis.RedisError, OSError)


class Bisection:
    """How large a batch may be, and which entries are condemned to be parked."""

    def __init__(self, events_max: int, clock: Callable[[], float] = monotonic_s) -> None:
        """`events_max` bounds a batch when nothing is wrong; `clock` counts seconds."""
        self._monotonic_s = clock
        self._usual_max = events_max
        self.events_max = events_max
        #: (lane, ms, seq) → why.
        self.condemned: dict[tuple[int, int, int], tuple[ParkReason, str]] = {}
        self._faults_s: deque[float] = deque(maxlen=FAULTS_A_MINUTE)
        self._submitted: list[tuple[int, int, int]] = []
        self._events = 0
        self._archiving = False
        #: Lane → how far the batch went that was refused last, until that went through.
        self._refused: dict[int, Position] = {}
        #: How many of its events did not go through yet.
        self._left = 0

    @property
    def searching(self) -> bool:
        """Whether the event that was refused is looked for: one batch at a time."""
        return bool(self._refused)

    def choose(self, found: Mapping[int, list[Entry]]) -> Mapping[int, list[Entry]]:
        """Of what was read, what was refused; all where nothing is looked for, or it is gone."""
        if not self._refused or not found:
            return found
        chosen = {
            lane: [entry for entry in found[lane] if (entry.ms, entry.seq) <= through]
            for lane, through in self._refused.items()
            if lane in found
        }
        if not any(chosen.values()):
            self._refused = {}
            return found
        return {lane: entries for lane, entries in chosen.items() if entries}

    def condemn_deadly(self, lane: int, entry: Position) -> None:
        """Owners of this lane died with nothing but this entry at hand: park it."""
        words = "the process died twice with only this event at hand"
        self.condemned[lane, *entry] = (ParkReason.CRASHED, words)

    def condemn_fold(self, failure: FoldFailedError) -> None:
        """Our own code failed on this entry: park it."""
        self._faults_s.append(self._monotonic_s())
        detail = f"{type(failure.__cause__).__name__}: {failure.__cause__}"
        self.condemned[failure.lane, *failure.position] = (ParkReason.FOLD_FAILED, detail)

    def forgive_folds(self) -> None:
        """The release is bad, no event: those that no commit has parked yet are folded later.

        But of the inbox, whose entries are in no log: they would hold it up for ever.
        """
        for entry, (reason, _) in [*self.condemned.items()]:
            if reason is ParkReason.FOLD_FAILED and entry[0] != INBOX_LANE:
                del self.condemned[entry]

    def breaker_due(self) -> bool:
        """Whether our own code fails so often that the release, not an event, must be bad."""
        faults_s = self._faults_s
        return len(faults_s) == FAULTS_A_MINUTE and self._monotonic_s() - faults_s[0] < _MINUTE_S

    def submitted(self, writes: WriteSet) -> None:
        """A batch is on its way."""
        self._events = writes.events
        self._archiving = any(not write.folded for write in writes.lanes.values())
        self._submitted = [(lane, *write.new) for lane, write in writes.lanes.items()]

    def refused(self, error: Exception) -> bool:
        """Whether the batch failed because of its data; the next one is smaller then.

        What is neither a server's error nor the network's is a fault of our own code at writing
        the data out, and counts like one at folding. A lane that only archives parks for none.
        """
        ours = not isinstance(error, _SERVER_ERRORS)
        if self._archiving if ours else not isinstance(error, _REFUSALS):
            return False
        if self._events == 1:
            words = str(error).strip().split("\n")[0]
            reason = (ParkReason.DATABASE_REFUSED, words)
            if ours:
                self._faults_s.append(self._monotonic_s())
                reason = (ParkReason.FOLD_FAILED, f"{type(error).__name__}: {words}")
            self.condemned[self._submitted[0]] = reason
        self._refused = {lane: (ms, seq) for lane, ms, seq in self._submitted}
        self._left = self._events
        self._halve()
        return True

    def _halve(self) -> None:
        self.events_max = max(1, self._left // 2)

    def succeeded(self) -> None:
        """A batch went through: look in the rest or grow back, and forget who was condemned."""
        passed = {lane: (ms, seq) for lane, ms, seq in self._submitted}
        for key in [k for k in self.condemned if k[1:] <= passed.get(k[0], _NONE)]:
            del self.condemned[key]
        self._left -= self._events
        still = {lane: at for lane, at in self._refused.items() if passed.get(lane, _NONE) < at}
        self._refused = still if self._left > 0 else {}
        if self._refused:
            self._halve()
        else:
            self.events_max = min(self.events_max * 2, self._usual_max)
