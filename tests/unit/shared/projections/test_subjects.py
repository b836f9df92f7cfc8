"""What kinds other than attempts add to the tallies."""

from shared.projections.contributions import NOTHING, Contribution
from shared.projections.subjects import PROJECT
from tests.unit.shared.folds.given import TEN_US, decoded, state_of


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
        enrolled=[
            ("spring", "contact-1", 4, TEN_US, TEN_US),
            ("summer", "contact-1", 3, TEN_US + 1_000_000, TEN_US),
        ],
    )
    assert ((None, None, "1", None), expected) == PROJECT["contact"]("contact-1", state)


def test_an_empty_name_of_a_contact_is_none() -> None:
    """reports.md, Common rules; what was removed is unknown as well."""
    state = state_of(
        decoded("contact.updated", firstName="", lastName="Ito", email="a@b.example"),
        decoded("contact.updated", "10:00:01", email=None),
    )
    assert PROJECT["contact"]("contact-1", state)[0] == (None, "Ito", None, None)


def test_an_execution_does_not_mention_itself() -> None:
    """Its own row says that it exists."""
    state = state_of(decoded("execution.started", subject="spring", execution_id="spring"))
    expected = (None, None, None, None, "running", TEN_US, TEN_US)
    assert (expected, NOTHING) == PROJECT["execution"]("spring", state)


def test_an_execution_keeps_what_its_plan_says_it_is_part_of() -> None:
    """Attempts that do not say it themselves are listed by it."""
    plan = decoded(
        "execution.scheduled", subject="spring", programId="p", flowId="f", agentId="a", batchId="b"
    )
    expected = ("p", "f", "a", "b", "scheduled", TEN_US, TEN_US)
    assert PROJECT["execution"]("spring", state_of(plan))[0] == expected


def test_reference_data_mentions_executions_that_it_names() -> None:
    """An execution exists once any event names it (reports.md, Status)."""
    named = state_of(decoded("attribute.deleted", execution_id="spring"))
    unnamed = state_of(decoded("attribute.deleted", execution_id=None))
    assert ((), Contribution(mentions=["spring"])) == PROJECT["attribute"]("city", named)
    assert ((), NOTHING) == PROJECT["attribute"]("city", unnamed)
