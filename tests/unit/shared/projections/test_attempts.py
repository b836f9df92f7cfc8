"""An attempt's row and what it adds to the tallies (reports.md, Call metrics to Billing)."""

from decimal import Decimal
from typing import Any

import pytest

from shared.contracts.envelope import Event
from shared.projections.attempts import AttemptRow, attempt_contribution, attempt_row
from shared.projections.contributions import Contribution
from tests.unit.shared.folds.given import TEN_US, decoded, state_of


def row_of(*events: Event) -> AttemptRow:
    """The row of an attempt with these events."""
    return attempt_row("call-1", state_of(*events))


def contribution_of(*events: Event) -> Contribution:
    """What an attempt with these events adds."""
    state = state_of(*events)
    return attempt_contribution(state, attempt_row("call-1", state))


def answered(answered_by: str | None) -> tuple[str, dict[str, Any]]:
    """An answer, by whom."""
    return ("call.answered", {"answeredBy": answered_by})


def detected(answered_by: str) -> tuple[str, dict[str, Any]]:
    """A verdict of answering-machine detection."""
    return ("call.amd_completed", {"answeredBy": answered_by})


def over(outcome: str | None = None) -> tuple[str, dict[str, Any]]:
    """The end of a call."""
    return ("call.ended", {"outcome": outcome})


@pytest.mark.parametrize(
    ("events", "outcome", "status"),
    (
        ([answered("human")], None, "ongoing"),
        ([over()], "failed", "failed"),
        ([over(), answered(None)], "completed", "completed"),
        ([over(), detected("human")], "failed", "failed"),
        ([over(), answered("machine")], "voicemail", "voicemail"),
        ([over(), detected("machine")], "voicemail", "voicemail"),
        ([over(), answered("machine"), detected("human")], "completed", "completed"),
        ([over("busy"), answered("human")], "busy", "busy"),
        ([over("no_credits")], "no_credits", "failed"),
        ([over("abducted")], "abducted", "failed"),
        ([over("ongoing")], "ongoing", "failed"),
    ),
)
def test_an_outcome_is_as_said_else_derived(
    events: list[tuple[str, dict[str, Any]]], outcome: str | None, status: str
) -> None:
    """Without `outcome`: voicemail by the winning answer, else completed if answered, else failed.

    What the history does not know it shows as failed; the outcome itself stays visible.
    """
    row = row_of(*(decoded(type_, **data) for type_, data in events))
    assert (outcome, status) == (row.outcome, row.status)


@pytest.mark.parametrize(
    ("events", "expected"),
    (
        ([("call.ended", "10:00:09", {"durationMs": 0})], 0),
        ([("call.ended", "10:00:09", {})], None),
        ([("call.ended", "10:00:09.0019999", {}), ("call.answered", "10:00:00.0000001", {})], 9001),
        ([("call.ended", "10:00:09", {}), ("call.answered", "10:00:10", {})], 0),
        ([("call.answered", "10:00:10", {})], None),
        (
            [
                ("call.ended", "10:00:20", {}),
                ("call.ended", "10:00:09", {"durationMs": 5}),
                ("call.answered", "10:00:08", {}),
                ("call.answered", "10:00:04", {}),
            ],
            5000,
        ),
    ),
)
def test_a_duration_is_as_said_else_from_earliest_answer_to_earliest_end(
    events: list[tuple[str, str, dict[str, Any]]], expected: int | None
) -> None:
    """Truncated to milliseconds, 0 if negative; a correction that says none says none."""
    row = row_of(*(decoded(type_, clock, **data) for type_, clock, data in events))
    assert expected == row.duration_ms


def test_a_run_has_no_status_and_no_duration_of_a_call() -> None:
    """A run's flow outcome and end are `run.ended`'s."""
    row = row_of(
        decoded("run.started", flowId="menu", contactId="ann"),
        decoded("run.ended", "10:00:05", outcome="completed"),
        decoded("sms.requested", smsId="m", body="", contactId="bob", **ends("1", "2")),
    )
    assert ("run", "ann", None, None, "completed") == (
        row.kind, row.contact_id, row.status, row.duration_ms, row.flow_outcome
    )  # fmt: skip
    assert TEN_US + 5_000_000 == row.ended_us


def test_a_lone_message_is_known_by_its_winning_request() -> None:
    """`contactId`, `attempt`, `from` and `to` are those of the winning `sms.requested`."""
    row = row_of(
        decoded("sms.requested", "10:00:01", smsId="b", body="", attempt=2, **ends("1", "2")),
        decoded("sms.requested", "10:00:00", smsId="a", body="", contactId="ann", **ends("3", "4")),
        decoded("call.charged", amount="0.5"),
    )
    expected = ("sms", None, 2, "1", "2", None)
    assert expected == (
        row.kind, row.contact_id, row.attempt, row.from_number, row.to_number, row.direction
    )  # fmt: skip
    assert Decimal("0.5") == row.total_cost


def test_a_call_takes_its_contact_from_the_run_where_it_says_none() -> None:
    """`contactId` is `call.initiated`'s, else `run.started`'s; defaults hold in its absence."""
    row = row_of(decoded("run.started", flowId="f", contactId="ann"), decoded("call.ringing"))
    assert ("call", "ann", 1, "outbound") == (
        row.kind, row.contact_id, row.attempt, row.direction
    )  # fmt: skip


def test_charges_alone_are_a_call_that_goes_on() -> None:
    """Sums of 0 were charged all the same, but are not billable."""
    events = [decoded("call.charged", id_="1", amount=2), decoded("call.charged", amount="-2")]
    assert ("call", "ongoing", Decimal(0)) == (
        row_of(*events).kind, row_of(*events).status, row_of(*events).total_cost
    )  # fmt: skip
    assert ("call", 1, "ongoing", 0, 0, 0, 0, 0) == contribution_of(*events).attempt


def test_a_node_is_reached_once_at_the_smallest_of_its_types() -> None:
    """Unique calls are attempts: of one node's rows only the first counts it."""
    contribution = contribution_of(
        *(
            decoded("node.entered", stepId=step_id, nodeId="menu", nodeType=node_type)
            for step_id, node_type in (("1", "say"), ("2", "dtmf"), ("3", None), ("4", "say"))
        ),
        decoded("node.exited", "10:00:01.5", stepId="4", nodeId="menu", nodeType="say"),
        decoded("node.exited", "09:59:59", stepId="1", nodeId="menu", nodeType="say"),
        decoded("node.entered", stepId="5", nodeId="end", nodeType="hangup"),
    )
    assert [
        ("end", "hangup", 1, 1, 0, 0),
        ("menu", "", 1, 1, 0, 0),
        ("menu", "dtmf", 0, 1, 0, 0),
        ("menu", "say", 0, 2, 2, 1500),
    ] == contribution.nodes


@pytest.mark.parametrize(("entered_at", "expected_ms"), (("10:00:02", 3000), (None, 4000)))
def test_a_step_starts_when_it_is_entered_else_with_its_first_event(
    entered_at: str | None, expected_ms: int
) -> None:
    """An early `dtmf.received` starts a step only where no `node.entered` is known."""
    events = [
        decoded("dtmf.received", "10:00:01", stepId="1", nodeId="menu", digits="7"),
        decoded("node.exited", "10:00:05", stepId="1", nodeId="menu"),
    ]
    if entered_at is not None:
        events.append(decoded("node.entered", entered_at, stepId="1", nodeId="menu"))
    assert [("menu", "", 1, 1, 1, expected_ms)] == contribution_of(*events).nodes


def test_digits_count_once_a_step_and_long_ones_are_not_kept() -> None:
    """Inputs of more than 4 characters are account numbers or PINs."""
    presses = (("1", "1"), ("2", "1"), ("3", "1234"), ("4", "12345"), ("5", "other"), ("6", ""))
    contribution = contribution_of(
        *(decoded("dtmf.received", stepId=s, nodeId="menu", digits=keys) for s, keys in presses)
    )
    assert [("menu", "1", 2), ("menu", "1234", 1), ("menu", "other", 2)] == contribution.digits


def test_charges_are_grouped_by_type_else_by_node_and_component() -> None:
    """Billing asks for node and component only where no type is said."""
    contribution = contribution_of(
        decoded("call.charged", amount=1, nodeType="say", nodeId="a", component="llm"),
        decoded("call.charged", amount=2, nodeType="say", durationMs=5),
        decoded("call.charged", amount=3, nodeId="a", component="llm"),
        decoded("call.charged", amount="-0.000000001"),
    )
    assert [
        ("", "", "", 1, -1, 0, 0),
        ("", "a", "llm", 1, 3 * 10**9, 0, 0),
        ("say", "", "", 2, 3 * 10**9, 1, 5),
    ] == contribution.costs
    assert contribution.attempt is not None
    assert (1, 6 * 10**9 - 1) == contribution.attempt[6:]


@pytest.mark.parametrize(
    ("events", "expected"),
    (
        ([over("busy")], (0, 0, 0, 0)),
        ([("call.ended", {"durationMs": 0})], (1, 0, 0, 0)),
        ([("call.charged", {"amount": amount}) for amount in (1, -1)], (0, 0, 0, 0)),
        ([("call.charged", {"amount": -2})], (0, 0, 0, -2 * 10**9)),
    ),
)
def test_a_call_counts_with_its_known_duration_and_what_it_cost(
    events: list[tuple[str, dict[str, Any]]], expected: tuple[int, ...]
) -> None:
    """An unknown duration is not one of 0; what was refunded or more is not billable."""
    contribution = contribution_of(*(decoded(type_, **data) for type_, data in events))
    assert contribution.attempt is not None
    assert expected == contribution.attempt[4:]


def test_an_attempt_of_no_execution_adds_nothing() -> None:
    """It belongs to none, so no report counts it until an event names one."""
    assert Contribution() == contribution_of(decoded("call.ringing", execution_id=None))


def ends(from_: str, to: str) -> dict[str, Any]:
    """The two ends of a message."""
    return {"from": from_, "to": to}
