"""The SQL and the reference model on campaigns as they come: duplicated, late, out of order."""

from json import loads

from services.tooling.traffic import to_json
from tests.recomputed_figures import differences_to_model
from tests.reference_model.times import parse_instant
from tests.whole_system import messy_events

NOW = parse_instant("2026-03-03T09:30:00Z")  # one of the executions is still running
SEEDS = range(3)


def test_figures_of_messy_campaigns_equal_the_reference_model() -> None:
    """Four campaigns of each seed, whose organizations and executions share all their ids."""
    events = [
        {**loads(to_json(event)), "organizationid": f"{seed}/{event['organizationid']}"}
        for seed in SEEDS
        for event in messy_events(seed, contacts=12)
    ]

    found, compared = differences_to_model(events, NOW)

    assert [] == found
    assert compared > 1_500
