"""Seeds that failed once, each with what was wrong; all of them pass for ever."""

from typing import NamedTuple


class Regression(NamedTuple):
    """A run that failed."""

    seed: int
    events_per_run: int
    was: str


REGRESSIONS = (
    Regression(0, 1_000, "a clean end after a lost connection kept the leases"),
    Regression(45, 1_000, "a death was put down to a lane that had been cleared"),
    Regression(14, 1_000, "what the archive parked was folded from the log as well"),
    Regression(1_000_129, 2_000, "the oracle held a dead owner's lease against who ended cleanly"),
)
