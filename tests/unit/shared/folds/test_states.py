"""States as bytes."""

from shared.contracts.event_types import Kind
from shared.folds.states import FOLDS, encode_state
from tests.unit.shared.folds.given import decoded, state_of


def test_equal_sets_of_events_give_equal_bytes() -> None:
    """Keys are written in order, though they came in any."""
    first = decoded("variable.set", name="a", value={"z": 1})
    second = decoded("variable.set", name="b", value=2)
    assert encode_state(state_of(first, second)) == encode_state(state_of(second, first))


def test_a_state_comes_back_from_its_bytes() -> None:
    """What is handed through is still bytes, what was null still null."""
    state = state_of(
        decoded("node.exited", stepId="s", nodeId="a", context={"k": 1}),
        decoded("call.ended", final=False, error=None),
    )
    assert state == FOLDS[Kind.ATTEMPT].decode(encode_state(state))
