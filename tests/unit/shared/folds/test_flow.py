"""Published versions of a flow (events.md, "A node's type")."""

import json

from tests.unit.shared.folds.given import TEN_US, decoded, state_of


def test_a_version_keeps_its_first_instant_and_its_last_content() -> None:
    """The earliest publication decides who uses it; the winner says what it is."""
    state = state_of(
        decoded("flow.published", "10:00:02", name="new", version=7, nodes=[], edges=[]),
        decoded("flow.published", "10:00:01", name="old", version=7, nodes=[], edges=[]),
    )
    version = state.versions["7"]
    assert TEN_US + 1_000_000 == version.published_us
    assert "new" == json.loads(version.published[4])["name"]


def test_a_flow_drops_null_keys_but_not_those_inside_what_is_handed_through() -> None:
    """A key that is null is absent (rule 4); `config` is nobody's business but its reader's."""
    node = {"id": "a", "type": "say", "label": None, "config": {"voice": None}}
    edge = {"id": "e", "source": "a", "target": "b", "value": None}
    state = state_of(decoded("flow.published", name="x", version=1, nodes=[node], edges=[edge]))
    flow = json.loads(state.versions["1"].published[4])
    assert [{"id": "a", "type": "say", "config": {"voice": None}}] == flow["nodes"]
    assert [{"id": "e", "source": "a", "target": "b"}] == flow["edges"]
