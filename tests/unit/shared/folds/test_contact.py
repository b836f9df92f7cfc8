"""What a contact remembers (events.md, section 3, Contact)."""

from tests.unit.shared.folds.given import TEN_US, decoded, state_of


def test_a_profile_is_merged_key_by_key_and_null_removes() -> None:
    """A removal competes like any value, so a later event may not bring an older one back."""
    state = state_of(
        decoded("contact.updated", "10:00:02", firstName=None, phone="1"),
        decoded("contact.updated", "10:00:01", firstName="Ann", lastName="Bee", phone="2"),
    )
    kept = {key: fact[4] for key, fact in state.profile.items()}
    assert {"firstName": None, "lastName": "Bee", "phone": "1"} == kept


def test_attributes_are_merged_name_by_name_and_null_for_all_says_nothing() -> None:
    """`null` removes a name, but not all of `attributes`."""
    state = state_of(
        decoded("contact.updated", "10:00:01", attributes={"age": 7, "city": "Ulm"}),
        decoded("contact.updated", "10:00:02", attributes={"age": None}),
        decoded("contact.updated", "10:00:03", attributes=None),
    )
    kept = {name: fact[4] for name, fact in state.attributes.items()}
    assert {"age": None, "city": b'"Ulm"'} == kept


def test_the_higher_rank_is_the_status_at_one_instant() -> None:
    """`contact.failed` stands after `contact.completed`, whatever the sources."""
    state = state_of(
        decoded("contact.failed", execution_id="spring", reason="busy", source="/a"),
        decoded("contact.completed", execution_id="spring", source="/z"),
    )
    assert ("failed", {"reason": "busy"}) == state.enrolments["spring"].status[4:]


def test_each_execution_has_a_status_of_its_own() -> None:
    """What was enrolled stays known when the status moves on."""
    state = state_of(
        decoded("contact.skipped", "10:00:04", execution_id="summer"),
        decoded("contact.queued", "10:00:02", execution_id="spring"),
        decoded("contact.enrolled", "10:00:01", execution_id="spring", name="Ann"),
    )
    spring, summer = state.enrolments["spring"], state.enrolments["summer"]
    assert ("queued", {"name": "Ann"}) == (spring.status[4], spring.enrolled[4])
    assert TEN_US + 1_000_000 == spring.first_us
    assert ("skipped", None) == (summer.status[4], summer.enrolled)
    assert ["spring", "summer"] == state.executions
