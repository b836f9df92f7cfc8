"""A messy campaign of two organizations with the same ids, through several projectors."""

from collections import Counter
from typing import Any

import pytest

from shared.storage.connection import connect
from shared.storage.sequences import look_for_gaps, sequence_gaps
from tests.installation import Installation, installation
from tests.seed_documents import ORGANIZATION as SEEDS
from tests.seed_documents.served import EVENTS, differences_from_examples
from tests.whole_system import (
    assert_conserved,
    assert_equals_model,
    assert_exports_equal_model,
    assert_interfaces_equal_model,
    odd_and_messy_events,
    publish,
    reference,
)


@pytest.mark.timeout(180)
def test_messy_campaigns_through_three_projectors_equal_the_model(
    redis_url: str, database_url: str
) -> None:
    """Every answer equals the model, and the vendors' examples; nothing is lost or invented."""
    events = [*odd_and_messy_events(seed=1, contacts=45), *EVENTS]
    with installation(redis_url, database_url) as running:
        for _ in range(3):
            running.start_projector()
        publish(redis_url, events, seed=1)
        running.start_read_api()
        running.wait_until_folded()

        model = reference(events)
        assert_equals_model(running, model)
        assert_interfaces_equal_model(running, model)
        assert_exports_equal_model(running, model)
        assert [] == list(differences_from_examples(running.read_api_url, running.key(SEEDS)))
        assert_conserved(running, events)
        assert_no_number_missing(running, events)


def assert_no_number_missing(running: Installation, events: list[dict[str, Any]]) -> None:
    """The counter of each source has arrived whole, and nothing else is counted."""
    numbers = {(event["organizationid"], event["source"], event["sequence"]) for event in events}
    with connect(running.database_url, "test") as connection:
        assert [0, 0] == [look_for_gaps(connection, 0) for _ in range(2)]
        assert [] == sequence_gaps(connection)
        seen = connection.execute(
            "SELECT organization_id, source, sum(upper(run) - lower(run))::int"
            " FROM callfold.source_sequences, unnest(seen) AS run GROUP BY 1, 2"
        ).fetchall()
    assert Counter(number[:2] for number in numbers) == {tuple(row[:2]): row[2] for row in seen}
