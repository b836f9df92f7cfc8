"""What one run looks like: sizes, speeds, and how often which fault strikes; all from its seed."""

from dataclasses import dataclass
from random import Random
from typing import Self

#: Share of runs without any fault of one kind: what is never there at the same time hides nothing.
_CALM_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class Plan:
    """One run."""

    seed: int
    partitions: int
    projectors: int
    events: int
    #: For how long publishers are at it, in simulated seconds.
    lasts_s: float
    lease_ms: int
    batch_events_max: int
    batch_age_ms: int
    cache_bytes: int
    read_count: int
    #: Share of the points at which threads really wait, and for how long at most.
    waits_share: float
    waits_s: float
    #: Chances at each point.
    crash: float
    freeze: float
    store_error: float
    streams_error: float
    #: Chances of each commit.
    reply_lost: float
    lands_late: float
    #: Chances of each simulated second.
    outage: float
    second_writer: float
    epochs_raised: float
    leases_taken: float
    joins_or_leaves: float
    #: Events that the database refuses, that our folds fail on, that kill the process.
    refused: int
    failing: int
    deadly: int
    bad_release: bool

    @classmethod
    def of(cls, seed: int, events: int) -> Self:
        """The plan that a seed draws, for about so many events."""
        chance = Random(f"plan {seed}")

        def some(most: float) -> float:
            return 0.0 if chance.random() < _CALM_SHARE else most * chance.random() ** 2

        def few(most: int, share: float) -> int:
            return chance.randint(1, most) if chance.random() < share else 0

        return cls(
            seed=seed,
            partitions=chance.choice((1, 2, 3, 5, 8)),
            projectors=chance.randint(1, 4),
            events=int(events * chance.uniform(0.3, 1.7)),
            lasts_s=chance.uniform(1, 8),
            lease_ms=1_000,
            batch_events_max=chance.choice((20, 300, 3_000, 30_000, 30_000)),
            batch_age_ms=chance.choice((5, 50, 250)),
            cache_bytes=chance.choice((0, 60_000, 80 * 1024 * 1024)),
            read_count=chance.choice((10, 100, 1_000)),
            waits_share=chance.uniform(0.1, 0.7),
            waits_s=chance.choice((0.001, 0.01, 0.05)),
            crash=some(0.01),
            freeze=some(0.01),
            store_error=some(0.02),
            streams_error=some(0.02),
            reply_lost=some(0.2),
            lands_late=some(0.2),
            outage=some(0.3),
            second_writer=some(3),
            epochs_raised=some(0.6),
            leases_taken=some(0.6),
            joins_or_leaves=some(0.8),
            refused=few(2, 0.25),
            failing=few(3, 0.25),
            deadly=few(1, 0.12),
            bad_release=chance.random() < 0.08,
        )
