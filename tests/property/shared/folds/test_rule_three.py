"""Competing facts follow rule 3 of events.md, whatever ties, in every register of every state."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.property.event_strategies.events import competitions
from tests.property.folded_states import as_bytes, folded, from_bytes, spoken
from tests.property.laws import tried
from tests.property.shared.folds.attempt_registers import ATTEMPT_REGISTERS
from tests.property.shared.folds.registers import SUBJECT_REGISTERS, Register

REGISTERS = (*SUBJECT_REGISTERS, *ATTEMPT_REGISTERS)


@pytest.mark.parametrize(
    "register", REGISTERS, ids=[f"{register.kind} {register.name}" for register in REGISTERS]
)
@tried(50)
@given(data=st.data())
def test_a_register_holds_what_rule_three_says(register: Register, data: st.DataObject) -> None:
    """The winner of each fact is the one that the rule names, with all that it says, in any order.

    Nothing of the losers stays behind either: the bytes are the same.
    """
    events = data.draw(competitions(register.types))
    raw = as_bytes(folded(register.kind, events))
    reordered = data.draw(st.permutations(events))
    assert raw == as_bytes(folded(register.kind, reordered))
    assert register.expected(events) == spoken(register.actual(from_bytes(register.kind, raw)))
