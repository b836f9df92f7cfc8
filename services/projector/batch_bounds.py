"""When a batch is large enough, or old enough, to be committed; used by the engine."""

from services.projector.bisection import Bisection
from shared.limits import BATCH_SUBJECTS_MAX
from shared.projections.folding import Folding
from shared.settings import Settings

#: Who is further behind than this catches up: larger batches, which nobody waits for.
_BEHIND_MS = 2_000
_CATCH_UP_AGE_FACTOR = 8


class BatchBounds:
    """The bounds of the batch that is being folded."""

    def __init__(self, settings: Settings, folding: Folding, bisection: Bisection) -> None:
        """All parts are the engine's."""
        self._settings = settings
        self._folding = folding
        self._bisection = bisection
        #: Age of what was read lately, by Redis' clock.
        self.behind_ms = 0
        #: When the first entry of the batch was read.
        self.began_s = 0.0

    def full(self) -> bool:
        """Whether nothing more should be read for it."""
        return (
            self._folding.events >= self._bisection.events_max
            or self._folding.subjects >= BATCH_SUBJECTS_MAX
            or self._folding.bytes_held >= self._settings.batch_bytes_max
        )

    def ready(self, now_s: float, *, more: bool) -> bool:
        """Whether it should go: full, old, or nothing more waits to join it."""
        age_ms = (now_s - self.began_s) * 1000
        age_max_ms = self._settings.batch_age_ms
        if self.behind_ms > _BEHIND_MS:
            age_max_ms *= _CATCH_UP_AGE_FACTOR
        return not more or self.full() or age_ms >= age_max_ms
