"""Finds the one event that the database refuses, or that kills the process, so that it is parked.

Batches shrink by halves while they fail and grow again by doubling once they pass, so that all
around the bad event is committed as usual (architecture.md, point 10).
"""

from collections import deque

import psycopg
import redis
from psycopg import errors

from shared.clock import monotonic_s
from shared.contracts.park_reasons import ParkReason
from shared.folds.journal import Position
from shared.projections.folding import FoldFailedError
from shared.projections.write_set import WriteSet

#: Deaths without a commit after which the batch is suspected; each further one divides it by 16.
_DEATHS_SUSPECT = 2
_DEATHS_SHIFT_BITS = 4
#: By now the batch was a single event, twice.
_DEATHS_CONDEMN = 7
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
_SERVER_ERRORS = (psycopg.Error, redis.RedisError, OSError)


class Bisection:
    """How large a batch may be, and which entries are condemned to be parked."""

    def __init__(self, events_max: int) -> None:
        """`events_max` bounds a batch when nothing is wrong."""
        self._usual_max = events_max
        self.events_max = events_max
        #: (lane, ms, seq) → why.
        self.condemned: dict[tuple[int, int, int], tuple[ParkReason, str]] = {}
        self._deadly: set[int] = set()
        #: Lane → deaths known at its last take-up, and those that a commit has outlived since.
        self._deaths: dict[int, int] = {}
        self._outlived: dict[int, int] = {}
        self._faults_s: deque[float] = deque(maxlen=FAULTS_A_MINUTE)
        self._submitted: list[tuple[int, int, int]] = []
        self._events = 0

    def taken_up(self, lane: int, unclean_deaths: int) -> None:
        """A lane begins anew; deaths of its owners without a commit make its batches small.

        The table forgets deaths a moment after the commit that outlived them; here they count once.
        """
        self._deaths[lane] = unclean_deaths
        if unclean_deaths < self._outlived.get(lane, 0):
            del self._outlived[lane]
        if unclean_deaths == self._outlived.get(lane, 0):
            return
        if unclean_deaths >= _DEATHS_CONDEMN:
            self._deadly.add(lane)
        if unclean_deaths >= _DEATHS_SUSPECT:
            shift = _DEATHS_SHIFT_BITS * (unclean_deaths - _DEATHS_SUSPECT + 1)
            self.events_max = max(1, min(self.events_max, self._usual_max >> shift))

    def judge(self, lane: int, first: Position) -> None:
        """Condemn the next entry of a lane whose owners died with nothing but it at hand."""
        if lane in self._deadly:
            self._deadly.discard(lane)
            words = "the process died twice with only this event at hand"
            self.condemned[lane, *first] = (ParkReason.CRASHED, words)

    def spared(self, lane: int) -> None:
        """A lane has nothing to read, so nothing in it kills."""
        self._deadly.discard(lane)

    def condemn_fold(self, failure: FoldFailedError) -> None:
        """Our own code failed on this entry: park it."""
        self._faults_s.append(monotonic_s())
        detail = f"{type(failure.__cause__).__name__}: {failure.__cause__}"
        self.condemned[failure.lane, *failure.position] = (ParkReason.FOLD_FAILED, detail)

    def breaker_due(self) -> bool:
        """Whether our own code fails so often that the release, not an event, must be bad."""
        faults_s = self._faults_s
        return len(faults_s) == FAULTS_A_MINUTE and monotonic_s() - faults_s[0] < _MINUTE_S

    def submitted(self, writes: WriteSet) -> None:
        """A batch is on its way."""
        self._events = writes.events
        self._submitted = [(lane, *write.new) for lane, write in writes.lanes.items()]

    def refused(self, error: Exception) -> bool:
        """Whether the batch failed because of its data; the next one is smaller then.

        What is neither a server's error nor the network's comes from writing the data out.
        """
        if isinstance(error, _SERVER_ERRORS) and not isinstance(error, _REFUSALS):
            return False
        if self._events == 1:
            reason = (ParkReason.DATABASE_REFUSED, str(error).strip().split("\n")[0])
            self.condemned[self._submitted[0]] = reason
        self.events_max = max(1, self._events // 2)
        return True

    def succeeded(self) -> None:
        """A batch went through: grow back, and forget who was condemned in it."""
        self.events_max = min(self.events_max * 2, self._usual_max)
        passed = {lane: (ms, seq) for lane, ms, seq in self._submitted}
        self._outlived.update({lane: self._deaths.get(lane, 0) for lane in passed})
        for key in [k for k in self.condemned if k[1:] <= passed.get(k[0], (-1, -1))]:
            del self.condemned[key]
