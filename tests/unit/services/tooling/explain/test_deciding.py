"""Which events decide what an attempt adds to a figure (events.md, rule 3)."""

import pytest

from services.tooling.explain.deciding import deciding
from shared.contracts.envelope import Event
from shared.storage.explaining import (
    Attempts,
    Contacts,
    Costs,
    Digits,
    Evidence,
    LoggedEvent,
    Nodes,
    Selection,
)
from tests.unit.shared.folds.given import decoded, state_of

CALL = ("call",)


def decided(selection: Selection, *events: Event) -> list[str]:
    """Ids of the events that decide, of these events of one subject."""
    logged = [LoggedEvent(event, 0, (1, seq)) for seq, event in enumerate(events)]
    evidence = Evidence(state_of(*events), logged)
    return [one.event.id for one in deciding(selection, "exec", evidence)]


def test_attempt_counts_by_what_makes_it_one_and_names_its_execution() -> None:
    """Charges alone make no call where anything else does; the later naming wins."""
    events = (
        decoded("call.charged", "09:00:00", id_="charge", amount=1),
        decoded("call.ringing", "10:00:01", id_="ringing"),
        decoded("call.answered", "10:00:05", id_="answered"),
        decoded("call.initiated", "10:00:00", id_="initiated", **{"from": "1", "to": "2"}),
    )
    assert ["initiated", "answered"] == decided(Attempts("attempts", CALL), *events)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    (("busy", ["ended"]), (None, ["answered", "machine", "ended"])),
)
def test_outcome_not_said_is_decided_by_who_answered(
    outcome: str | None, expected: list[str]
) -> None:
    """The earliest answer, and the winner of those that say who it was."""
    events = (
        decoded("call.answered", "10:00:05", id_="answered", answeredBy="human"),
        decoded("call.answered", "10:00:06", id_="repeated"),
        decoded("call.amd_completed", "10:00:08", id_="machine", answeredBy="machine"),
        decoded("call.ended", "10:00:20", id_="ended", outcome=outcome),
        decoded("call.ended", "10:00:10", id_="corrected", outcome="failed"),
    )
    selection = Attempts("attempts", CALL, ("voicemail", "busy"))
    assert expected == decided(selection, *events)


def test_call_that_goes_on_is_decided_by_its_first_event() -> None:
    """There is no end that could."""
    events = (
        decoded("call.answered", "10:00:05", id_="answered"),
        decoded("call.ringing", "10:00:01", id_="ringing"),
    )
    assert ["ringing"] == decided(Attempts("attempts", CALL, ("ongoing",)), *events)


def test_flow_outcome_is_the_ends_or_else_the_runs() -> None:
    """The call's end speaks for the flow only where it says how that ended."""
    run = decoded("run.ended", "10:00:30", id_="run", outcome="completed")
    silent = decoded("call.ended", "10:00:20", id_="call", outcome="busy")
    telling = decoded("call.ended", "10:00:21", id_="told", flowOutcome="completed")
    selection = Attempts("flow_completed", CALL)
    assert ["run"] == decided(selection, run, silent)
    assert ["told"] == decided(selection, run, silent, telling)


def test_duration_not_said_lies_between_the_earliest_answer_and_end() -> None:
    """The winning end decides that none was said; the earliest end is where it ended."""
    events = (
        decoded("call.answered", "10:00:05", id_="answered"),
        decoded("call.ended", "10:00:10", id_="first"),
        decoded("call.ended", "10:00:20", id_="last"),
    )
    selection = Attempts("duration_ms", CALL)
    assert ["answered", "first", "last"] == decided(selection, *events)
    said = decoded("call.ended", "10:00:30", id_="said", durationMs=5)
    assert ["said"] == decided(selection, *events, said)


def test_steps_are_decided_by_who_names_their_node() -> None:
    """A duration also by the earliest entry and the winning exit; other nodes' steps by nothing."""
    steps = {"stepId": "s1", "nodeId": "menu"}
    events = (
        decoded("node.entered", "10:00:02", id_="again", **steps),
        decoded("node.entered", "10:00:01", id_="entered", **steps),
        decoded("dtmf.received", "10:00:04", id_="keyed", digits="1", **steps),
        decoded("node.exited", "10:00:03", id_="exited", **steps),
        decoded("node.entered", "10:00:05", id_="other", stepId="s2", nodeId="end"),
    )
    assert ["keyed"] == decided(Nodes("steps", ("menu",)), *events)
    assert ["entered", "exited", "keyed"] == decided(Nodes("duration_ms", ("menu",)), *events)


@pytest.mark.parametrize(
    ("selection", "expected"),
    (
        (Digits("menu", ("1",)), ["one"]),
        (Digits("menu", ("other",)), ["long"]),
        (Digits("menu", None, ("1",)), ["long", "two"]),
        (Digits("end"), []),
    ),
)
def test_input_is_decided_by_the_winning_digits(selection: Digits, expected: list[str]) -> None:
    """Long ones are `other`; so is what is not listed."""
    events = [
        decoded("dtmf.received", f"10:00:0{n}", id_=id_, stepId=step, nodeId="menu", digits=digits)
        for n, (id_, step, digits) in enumerate(
            (("lost", "s1", "2"), ("one", "s1", "1"), ("long", "s2", "12345"), ("two", "s3", "2"))
        )
    ]
    assert expected == decided(selection, *events)


def test_costs_are_decided_by_every_charge_of_their_group() -> None:
    """A node type stands for itself; without one node and component do."""
    events = (
        decoded("call.charged", "10:00:01", id_="typed", amount=1, nodeType="say", nodeId="n"),
        decoded("call.charged", "10:00:02", id_="llm", amount=1, component="llm"),
        decoded("call.charged", "10:00:03", id_="plain", amount=-1),
    )
    assert ["typed"] == decided(Costs("cost", (("say", "", ""),)), *events)
    assert ["llm", "plain"] == decided(Costs("cost", (("", "", "llm"), ("", "", ""))), *events)
    assert ["typed", "llm", "plain"] == decided(Attempts("cost", CALL), *events)


def test_contact_is_decided_by_its_winning_status() -> None:
    """In the execution that is asked about."""
    events = (
        decoded("contact.queued", "10:00:02", id_="queued", execution_id="exec"),
        decoded("contact.enrolled", "10:00:01", id_="enrolled", execution_id="exec"),
        decoded("contact.failed", "10:00:09", id_="elsewhere", execution_id="exec-2"),
    )
    assert ["queued"] == decided(Contacts(("queued",)), *events)
