"""What an attempt remembers (events.md, section 3 and rule 3)."""

from itertools import permutations
from typing import Any

import pytest

from shared.contracts.envelope import Event
from shared.contracts.event_types import Kind
from shared.folds.states import FOLDS, encode_state
from tests.unit.shared.folds.given import TEN_US, decoded, state_of


def test_the_later_end_wins_though_the_earlier_gives_the_time() -> None:
    """Of `call.ended` the winner gives everything but the time."""
    state = state_of(
        decoded("call.ended", "10:00:09", outcome="busy", sipCode=486),
        decoded("call.ended", "10:00:02", outcome="completed", durationMs=5),
    )
    assert {"outcome": "busy", "sipCode": 486} == state.ended[4]
    assert TEN_US + 2_000_000 == state.ended_us


@pytest.mark.parametrize(
    ("winner", "loser"),
    (
        ({"source": "/b", "id_": "1"}, {"source": "/a", "id_": "2"}),
        ({"source": "/a", "id_": "2"}, {"source": "/a", "id_": "10"}),
        ({"source": "/\U0001f4de", "id_": "1"}, {"source": "/\ue000", "id_": "1"}),
    ),
    ids=("source before id", "id as text", "code points"),
)
def test_ends_of_one_instant_are_ranked_by_source_then_id(
    winner: dict[str, Any], loser: dict[str, Any]
) -> None:
    """The greater (source, id) wins, by code point."""
    rivals = [decoded("call.ended", error="won", **winner), decoded("call.ended", **loser)]
    assert {"error": "won"} == state_of(*rivals).ended[4]
    assert {"error": "won"} == state_of(*reversed(rivals)).ended[4]


def test_at_one_instant_detection_outranks_the_answer() -> None:
    """`call.amd_completed` stands after `call.answered`, so it wins a tie whatever its source."""
    state = state_of(
        decoded("call.amd_completed", answeredBy="machine", source="/a"),
        decoded("call.answered", answeredBy="human", source="/z"),
    )
    assert "machine" == state.answered_by[4]


def test_an_answer_that_says_nobody_does_not_compete() -> None:
    """Only events that say `answeredBy` compete for it; null is not said (rule 4)."""
    state = state_of(
        decoded("call.amd_completed", "10:00:01", answeredBy="machine"),
        decoded("call.answered", "10:00:05", answeredBy=None),
    )
    assert "machine" == state.answered_by[4]
    assert TEN_US + 5_000_000 == state.answered_us


def test_initiated_is_merged_key_by_key() -> None:
    """Each key stays with its own winner; events that say nothing any more are dropped."""
    state = state_of(
        decoded("call.initiated", "10:00:01", **{"from": "1", "to": "2", "agenda": "old"}),
        decoded("call.initiated", "10:00:02", **{"from": "3", "to": "4", "contactId": "ann"}),
        decoded("call.initiated", "10:00:03", **{"from": "5", "to": "6", "contactId": None}),
    )
    merged = [(fact[0] - TEN_US, fact[4]) for fact in state.initiated]
    assert [
        (3_000_000, {"from": "5", "to": "6"}),
        (2_000_000, {"contactId": "ann"}),
        (1_000_000, {"agenda": "old"}),
    ] == merged


def test_a_charge_is_summed_exactly_beyond_64_bits() -> None:
    """Money is exact (rule 6): number or text, up to 10^12 with 9 decimals."""
    state = state_of(
        decoded("call.charged", amount="999999999999.999999999", durationMs=7),
        decoded("call.charged", amount="999999999999.999999999"),
        decoded("call.charged", amount="-0.000000001", component="llm"),
    )
    assert ("1999999999999999999998", 2, "7", 1) == state.charges["\n\n"]
    assert ("-1", 1, "0", 0) == state.charges["\n\nllm"]


def test_milliseconds_of_many_charges_outgrow_64_bits_without_harm() -> None:
    """A duration may be 2^53, so a thousand of them pass what msgpack holds as an integer."""
    longest = [decoded("call.charged", amount=0, durationMs=2**53) for _ in range(2_100)]
    state = state_of(*longest)
    assert str(2_100 * 2**53) == state.charges["\n\n"][2]
    assert state == FOLDS[Kind.ATTEMPT].decode(encode_state(state))


def test_a_step_has_the_type_of_the_winner_among_those_that_say_one() -> None:
    """Node and type have winners of their own: the last event need not say a type."""
    events = [
        decoded("node.entered", "10:00:01", stepId="s", nodeId="a", nodeType="play"),
        decoded("node.exited", "10:00:03", stepId="s", nodeId="b"),
        decoded("node.entered", "10:00:02", stepId="s", nodeId="a", nodeType="say"),
        decoded("dtmf.received", "10:00:02.5", stepId="s", nodeId="a", digits="1"),
    ]
    for order in (events, events[::-1], events[1:] + events[:1]):
        step = state_of(*order).steps["s"]
        assert ("b", None) == step.named[4:]
        assert "say" == step.typed[4]


def test_a_step_forgets_other_types_once_its_winner_says_one() -> None:
    """Equal sets of events give equal bytes, so what can no longer win is not kept."""
    step = state_of(
        decoded("node.exited", "10:00:01", stepId="s", nodeId="a", nodeType="play"),
        decoded("dtmf.received", "10:00:02", stepId="s", nodeId="a", digits="1"),
        decoded("node.exited", "10:00:03", stepId="s", nodeId="a", nodeType="dtmf"),
    ).steps["s"]
    assert "dtmf" == step.named[5]
    assert step.typed is None


def test_empty_digits_name_a_step_but_are_no_input() -> None:
    """The winner among the inputs that are not empty is the step's."""
    step = state_of(
        decoded("dtmf.received", "10:00:01", stepId="s", nodeId="keys", digits="12", branch="x"),
        decoded("dtmf.received", "10:00:02", stepId="s", nodeId="menu", digits=""),
    ).steps["s"]
    assert ("12", "x") == step.digits[4:]
    assert "menu" == step.named[4]


@pytest.mark.parametrize(
    ("types", "expected"),
    (
        (["call.charged"], (False, False, False)),
        (["call.charged", "sms.sent"], (False, False, True)),
        (["variable.set"], (False, True, False)),
        (["call.ringing", "run.ended", "sms.sent"], (True, True, True)),
    ),
)
def test_types_make_an_attempt_what_it_is(
    types: list[str], expected: tuple[bool, bool, bool]
) -> None:
    """A call by any `call.*` but a charge; a run by runs, nodes, digits, variables; or SMS."""
    state = state_of(*(SAMPLES[type_] for type_ in types))
    assert expected == (state.is_call, state.is_run, state.is_sms)


def test_the_winner_among_all_events_names_the_execution() -> None:
    """An attempt belongs to one execution, but it mentions each that was ever said."""
    events = (
        decoded("call.ringing", "10:00:02", execution_id="summer"),
        decoded("call.ended", "10:00:01", execution_id="autumn"),
        decoded("call.finalized", "10:00:03", execution_id=None),
    )
    for order in permutations(events):
        state = state_of(*order)
        assert "summer" == state.execution[4]
        assert ["autumn", "summer"] == state.executions


def test_the_last_word_on_a_message_is_the_winner_among_three_types() -> None:
    """At one instant `sms.failed` outranks `sms.delivered`."""
    state = state_of(
        decoded("sms.failed", smsId="m", error="unknown subscriber"),
        decoded("sms.delivered", smsId="m", source="/z"),
        decoded("sms.sent", "09:59:59", smsId="m"),
    )
    message = state.messages["m"]
    assert message.requested is None
    assert ("failed", {"smsId": "m", "error": "unknown subscriber"}) == message.status[4:]


SAMPLES: dict[str, Event] = {
    "call.charged": decoded("call.charged", amount=1),
    "call.ringing": decoded("call.ringing"),
    "run.ended": decoded("run.ended", outcome="completed"),
    "variable.set": decoded("variable.set", name="x", value=1),
    "sms.sent": decoded("sms.sent", smsId="m"),
}
