"""A messy campaign of two organizations with the same ids, through several projectors."""

from tests.installation import installation
from tests.whole_system import (
    assert_conserved,
    assert_equals_model,
    messy_events,
    publish,
    reference,
)


def test_messy_campaigns_through_three_projectors_equal_the_model(
    redis_url: str, database_url: str
) -> None:
    """Every report equals the model, whatever was duplicated, reordered or misrouted."""
    events = messy_events(seed=1, contacts=150)
    with installation(redis_url, database_url) as running:
        for _ in range(3):
            running.start_projector()
        publish(redis_url, events, seed=1)
        running.start_read_api()
        running.wait_until_folded()

        assert_equals_model(running, reference(events))
        assert_conserved(running, events)
