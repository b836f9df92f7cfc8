"""The recomputation and the reference model: two readings of one contract that must agree."""

from hypothesis import given
from hypothesis import strategies as st

from tests.property.event_strategies.events import RawEvent, event_sets
from tests.property.laws import tried
from tests.recomputed_figures import differences_to_model
from tests.reference_model.times import parse_instant

NOW = "2025-12-20T10:00:59.999Z"


@tried(4)
@given(sets=st.lists(event_sets(size_max=25), min_size=1, max_size=8))
def test_every_figure_equals_the_reference_model(sets: list[list[RawEvent]]) -> None:
    """Each set has organizations of its own, so that many are computed at once."""
    events = [
        {**event, "organizationid": f"{number}/{event['organizationid']}"}
        for number, of_set in enumerate(sets)
        for event in of_set
    ]

    found, _ = differences_to_model(events, parse_instant(NOW))

    assert [] == found
