"""A state is a function of the set of its events (events.md, rule 1), and its bytes say it all."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.property.event_strategies.events import TYPES_BY_KIND, competitions
from tests.property.folded_states import as_bytes, folded, from_bytes
from tests.property.laws import tried

of_each_kind = pytest.mark.parametrize("kind", TYPES_BY_KIND)


@of_each_kind
@tried(40)
@given(data=st.data())
def test_events_in_any_order_give_the_same_bytes(kind: str, data: st.DataObject) -> None:
    """Rule 1 of events.md, for one subject of each kind."""
    events = data.draw(competitions(TYPES_BY_KIND[kind], size_max=8))
    reordered = data.draw(st.permutations(events))
    assert as_bytes(folded(kind, events)) == as_bytes(folded(kind, reordered))


@of_each_kind
@tried(40)
@given(data=st.data())
def test_a_fold_continued_from_bytes_equals_one_in_one_go(kind: str, data: st.DataObject) -> None:
    """A state keeps all that later events need, after any of them."""
    events = data.draw(competitions(TYPES_BY_KIND[kind], size_max=8))
    state: Any = None
    for event in events:
        raw = as_bytes(folded(kind, [event], state))
        state = from_bytes(kind, raw)
        assert raw == as_bytes(state)
    assert as_bytes(folded(kind, events)) == as_bytes(state)
