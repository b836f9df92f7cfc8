"""What kinds other than attempts add to the tallies."""

from shared.projections.contributions import NOTHING, Contribution
from shared.projections.subjects import PROJECT
from tests.unit.shared.folds.given import decoded, state_of


def test_a_contact_adds_its_status_in_each_execution() -> None:
    """Enrolled or not; an execution that only an update names is mentioned, no more."""
    state = state_of(
        decoded("contact.updated", execution_id="winter", phone="1"),
        decoded("contact.retry_scheduled", "10:00:01", execution_id="summer"),
        decoded("contact.calling", "10:00:00", execution_id="summer"),
        decoded("contact.completed", execution_id="spring"),
    )
    expected = Contribution(
        mentions=["spring", "summer", "winter"],
        enrolments=[("spring", "completed"), ("summer", "pendingRetry")],
    )
    assert ((), expected) == PROJECT["contact"](state)


def test_an_execution_does_not_mention_itself() -> None:
    """Its own row says that it exists."""
    state = state_of(decoded("execution.started", subject="spring", execution_id="spring"))
    assert ((), NOTHING) == PROJECT["execution"](state)


def test_reference_data_mentions_executions_that_it_names() -> None:
    """An execution exists once any event names it (reports.md, Status)."""
    named = state_of(decoded("attribute.deleted", execution_id="spring"))
    unnamed = state_of(decoded("attribute.deleted", execution_id=None))
    assert ((), Contribution(mentions=["spring"])) == PROJECT["attribute"](named)
    assert ((), NOTHING) == PROJECT["attribute"](unnamed)
