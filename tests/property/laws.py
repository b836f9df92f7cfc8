"""How hard a law is tried: settings of Hypothesis, the same for every law."""

from hypothesis import HealthCheck, settings


def tried(examples: int) -> settings:
    """Try a law on so many examples; a slow machine is no failure."""
    return settings(
        max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
