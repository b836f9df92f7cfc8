"""The runs of the whole-system test and the crash test, on whatever servers a test gives them."""

import random
import time
from collections import Counter
from typing import Any

from shared.storage.connection import connect
from shared.storage.sequences import look_for_gaps, sequence_gaps
from tests.installation import Installation
from tests.seed_documents import ORGANIZATION as SEEDS
from tests.seed_documents.served import EVENTS, differences_from_examples
from tests.whole_system import (
    assert_conserved,
    assert_equals_model,
    assert_exports_equal_model,
    assert_interfaces_equal_model,
    messy_events,
    odd_and_messy_events,
    publish,
    reference,
)

KILLS = 8


def messy_campaigns_through_three_projectors(running: Installation, contacts: int = 45) -> None:
    """Assert that every answer equals the model, and the vendors' examples; nothing is lost."""
    events = [*odd_and_messy_events(seed=1, contacts=contacts), *EVENTS]
    for _ in range(3):
        running.start_projector()
    publish(running.publishing_url, events, seed=1)
    running.start_read_api()
    running.wait_until_folded()

    model = reference(events)
    assert_equals_model(running, model)
    assert_interfaces_equal_model(running, model)
    assert_exports_equal_model(running, model)
    assert [] == list(differences_from_examples(running.read_api_url, running.key(SEEDS)))
    assert_conserved(running, events)
    _assert_no_number_missing(running, events)


def _assert_no_number_missing(running: Installation, events: list[dict[str, Any]]) -> None:
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


def projectors_killed_again_and_again(
    running: Installation, projectors: int, contacts: int = 250
) -> list[dict[str, Any]]:
    """Kill one of the projectors eight times at random moments; one more joins meanwhile.

    Returns: what was published, for the judgement; the read API runs.
    """
    chance = random.Random(projectors)
    events = messy_events(seed=projectors, contacts=contacts)
    slices = [events[index :: KILLS + 1] for index in range(KILLS + 1)]
    alive = [running.start_projector() for _ in range(projectors)]
    for index, part in enumerate(slices):
        publish(running.publishing_url, part, seed=index)
        if index == KILLS:
            break
        time.sleep(chance.uniform(0.0, 1.2))
        victim = alive.pop(chance.randrange(len(alive)))
        running.kill(victim)
        alive.append(running.start_projector())
        if index == KILLS // 2:
            alive.append(running.start_projector())  # one joins meanwhile
    running.start_read_api()
    return [event for part in slices for event in part]
