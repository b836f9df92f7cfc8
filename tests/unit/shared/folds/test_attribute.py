"""A defined attribute (events.md, Reference data)."""

from tests.unit.shared.folds.given import decoded, state_of


def test_a_deletion_at_the_instant_of_the_definition_wins() -> None:
    """`attribute.deleted` stands after `attribute.defined`; it says no key at all."""
    deleted = decoded("attribute.deleted", source="/a", execution_id=None)
    defined = decoded("attribute.defined", source="/z", displayName="Age", execution_id=None)
    assert {} == state_of(deleted, defined).latest[4] == state_of(defined, deleted).latest[4]


def test_a_later_definition_brings_an_attribute_back() -> None:
    """Definitions and deletions compete; null keys are absent."""
    state = state_of(
        decoded("attribute.defined", "10:00:01", displayName="Age", position=None),
        decoded("attribute.deleted", "10:00:00", execution_id=None),
    )
    assert {"displayName": "Age"} == state.latest[4]
    assert ["spring"] == state.executions
