"""What contributions add up to, written down plainly: the tallies that they must leave."""

import json
from collections.abc import Mapping
from typing import Any

from shared.projections.state_cache import SubjectKey
from tests.property.folded_database import Tallies, add, without_zeros

#: Per tally the list of a contribution, and how many of its items are key.
_LISTS = {
    "node_tallies": ("nodes", 2),
    "digit_tallies": ("digits", 2),
    "cost_tallies": ("costs", 3),
}


def sum_of_contributions(contributions: Mapping[SubjectKey, bytes]) -> Tallies:
    """Sum contributions as the database holds them, tally by tally and key by key."""
    sums: dict[str, dict[tuple[Any, ...], list[int]]] = {}

    def count(tally: str, key: tuple[Any, ...], numbers: list[int]) -> None:
        add(sums.setdefault(tally, {}), key, numbers)

    for (_kind, organization_id, _subject), raw in contributions.items():
        said = json.loads(raw)
        execution_id = said.get("execution_id")
        for mentioned in said.get("mentions", []):
            count("execution_mentions", (organization_id, mentioned), [1])
        if "attempt" in said:
            *key, flow_completed, durations, duration_ms, billable, cost = said["attempt"]
            numbers = [1, flow_completed, durations, duration_ms, billable, cost]
            count("attempt_tallies", (organization_id, execution_id, *key), numbers)
        if "item" in said:
            program_id, status = said["item"]
            count("item_tallies", (organization_id, execution_id or "", program_id, status), [1])
        for mentioned, status in said.get("enrolments", []):
            count("contact_tallies", (organization_id, mentioned, status), [1])
        for mentioned, contact_id, *numbers in said.get("enrolled", []):
            count("enrolments", (organization_id, mentioned, contact_id), [1, *numbers])
            if numbers[0] == 6:
                count("skipped_contacts", (organization_id, mentioned, contact_id), [1, numbers[1]])
        for tally, (name, key_length) in _LISTS.items():
            for item in said.get(name, []):
                numbers = item[key_length:] or [1]
                count(tally, (organization_id, execution_id, *item[:key_length]), numbers)
    return without_zeros(sums)
