"""The core under a seeded scheduler: some hundred thousand events, and every seed that failed."""

import pytest

from tests.simulation.many_runs import simulate_until
from tests.simulation.regressions import REGRESSIONS, Regression
from tests.simulation.run import simulate

_EVENTS = 100_000


@pytest.mark.timeout(300)
def test_core_under_every_fault_loses_nothing_and_doubles_nothing() -> None:
    """100,000 events in runs of all sizes; a seed that fails prints how to have it again."""
    totals = simulate_until(_EVENTS, first_seed=0)
    assert [] == totals.missing(), totals


@pytest.mark.parametrize("failed", REGRESSIONS, ids=lambda failed: f"{failed.seed} {failed.was}")
def test_seed_that_failed_once_passes(failed: Regression) -> None:
    """What was wrong then is in its name."""
    simulate(failed.seed, failed.events_per_run)


def test_same_seed_is_the_same_run() -> None:
    """Else a seed would be of no use."""
    assert simulate(7, 400) == simulate(7, 400)
