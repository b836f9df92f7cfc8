"""Many runs, one seed after the other, until they had so many events; and what all of them did."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Self

from tests.simulation.run import simulate

#: Events of one run, about.
EVENTS_PER_RUN = 2_000
#: What must have happened in enough runs; else they prove less than they say.
KINDS = (
    "breakers opened",
    "breakers released",
    "CheckViolations",
    "commits",
    "commits given up",
    "conflicts",
    "crashes",
    "deaths by an event",
    "epochs raised",
    "failed folds",
    "FencedErrors",
    "forwards",
    "freezes",
    "half forwards",
    "joins and leaves",
    "late landings",
    "leases taken away",
    "lost acknowledgements",
    "lost lease replies",
    "lost replies",
    "parked",
    "repeated",
    "second writers",
    "StaleStateErrors",
    "starts",
    "store errors",
    "store outages",
    "stream errors",
    "stream outages",
    "zombies",
)


@dataclass
class Totals:
    """What so many runs did."""

    runs: int = 0
    events: int = 0
    switches: int = 0
    simulated_s: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)

    def __iadd__(self, other: Self) -> Self:
        """Add the runs of another process."""
        self.runs += other.runs
        self.events += other.events
        self.switches += other.switches
        self.simulated_s += other.simulated_s
        self.faults += other.faults
        return self

    def missing(self) -> list[str]:
        """Kinds that never happened."""
        return [kind for kind in KINDS if not self.faults[kind]]


def simulate_until(
    events: int,
    first_seed: int,
    stride: int = 1,
    events_per_run: int = EVENTS_PER_RUN,
    tell: Callable[[int], object] = lambda _events: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Totals:
    """Run one seed after the other until they had so many events, or it is stopped.

    Raises:
        RunFailedError: a run failed; it says how to have it again.
    """
    totals = Totals()
    for seed in count(first_seed, stride):
        done = simulate(seed, events_per_run)
        totals += Totals(1, done.events, done.switches, done.simulated_s, done.faults)
        tell(totals.events)
        if totals.events >= events or stopped():
            break
    return totals
