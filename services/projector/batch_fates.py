"""What becomes of each batch, and what the next one learns from it; the engine's other half."""

from collections.abc import Callable, Iterable

import structlog

from services.projector.bisection import Bisection
from services.projector.health import Health
from services.projector.lease_keeper import LeaseKeeper
from services.projector.suspects import Suspects
from shared.contracts.stream_names import INBOX_LANE
from shared.errors import FencedError, StaleStateError
from shared.projections.folding import FoldFailedError
from shared.projections.write_set import WriteSet

_log = structlog.get_logger()


class BatchFates:
    """Tells bisection, suspects, keeper and probes of every batch, so that none is forgotten."""

    def __init__(
        self,
        bisection: Bisection,
        suspects: Suspects,
        keeper: LeaseKeeper,
        health: Health,
        monotonic_s: Callable[[], float],
    ) -> None:
        """All parts are the engine's."""
        self._bisection = bisection
        self._suspects = suspects
        self._keeper = keeper
        self._health = health
        self._monotonic_s = monotonic_s

    def submitted(self, writes: WriteSet) -> None:
        """A batch is on its way."""
        self._bisection.submitted(writes)
        self._suspects.submitted(writes)
        self._health.uncommitted_since_s = self._monotonic_s()

    def passed(self) -> None:
        """It is committed."""
        self._health.uncommitted_since_s = None
        self._health.trouble.pop("database", None)
        self._keeper.survived(self._suspects.succeeded())
        self._bisection.succeeded()

    def explained(self, error: Exception) -> bool:
        """It failed; returns whether for a reason of its own, not because the server is away."""
        self._health.uncommitted_since_s = None
        if isinstance(error, FencedError):
            self._keeper.doubt(error.lanes)  # at another epoch they may be ours still
        if isinstance(error, FencedError | StaleStateError):
            _log.warning("batch rolled back", error=str(error))
            return True
        if self._bisection.refused(error):
            _log.warning("batch refused, bisecting", error=repr(error))
            self._open_breaker(self._keeper.held(), error)
            return True
        return False

    def fold_failed(self, error: FoldFailedError, held: Iterable[int]) -> None:
        """It was never closed: our own code failed. Opens the breaker where that happens often."""
        _log.error("fold failed", lane=error.lane, error=str(error), exc_info=error)
        self._bisection.condemn_fold(error)
        # A lane that follows the log is not held by the engine yet.
        self._open_breaker({*held, error.lane}, error)

    def _open_breaker(self, held: Iterable[int], error: Exception) -> None:
        # The inbox folds nothing; of the others, those that fold still.
        lanes = {*held} - {INBOX_LANE} - self._keeper.archive_only()
        if lanes and self._bisection.breaker_due():
            self._keeper.open_breaker(lanes, str(error))
            self._bisection.forgive_folds()
            _log.critical("breaker open: archiving without folding", lanes=sorted(lanes))
