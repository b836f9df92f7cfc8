"""A call as a row: which step, recording, message and value each node's cells show."""

from typing import Any

import msgspec

from shared.contracts.reference_events import FlowPublishedData
from shared.folds.states import encode_state
from shared.reports.call_export_columns import Attribute, call_export_columns
from shared.reports.call_export_rows import CallExportRows, Cell, ExportedCall, Number
from tests.unit.shared.folds.given import TEN_US, decoded, state_of

_FIXED = 18
_BLANK: dict[str, Any] = dict.fromkeys(ExportedCall._fields)


def _columns(*nodes: dict[str, Any], attributes: tuple[Attribute, ...] = ()) -> Any:
    payload = {"name": "F", "version": 1, "nodes": list(nodes), "edges": []}
    flow = msgspec.json.decode(msgspec.json.encode(payload), type=FlowPublishedData)
    return call_export_columns(attributes, flow)


def _call(**said: object) -> ExportedCall:
    usual = {"call_id": "c", "attempt": 1, "status": "ongoing", "started_us": TEN_US}
    return ExportedCall(**_BLANK | usual | said)


def _cells(node: dict[str, Any], *events: Any) -> list[Cell]:
    """The cells of the only node, of a call with these events."""
    state = encode_state(state_of(decoded("call.ringing"), *events))
    return CallExportRows(_columns(node)).row(_call(state=state))[_FIXED:]


def _visited(node: str, clock: str, step: str, output: str) -> list[Any]:
    names = {"nodeId": node, "stepId": step}
    return [
        decoded("node.entered", clock, **names),
        decoded("node.exited", clock + ".5", **names, output=output),
    ]


def test_columns_follow_attributes_and_the_graph() -> None:
    """Attributes by position, then name, those without one last; nodes with columns only."""
    attributes = (
        Attribute("b", "Bee", None),
        Attribute("a", "", None),
        Attribute("z", "Zed", 2),
        Attribute("y", "Why", 2),
        Attribute("q", "First", 0),
    )
    nodes = [{"id": name, "type": name} for name in ("answer", "hangup", "webhook")]
    found = _columns(*nodes, {"id": "d", "type": "dial", "label": "Dial"}, attributes=attributes)
    assert ["First", "Why", "Zed", "a", "Bee", "Dial: Result"] == [
        column.header for column in found.columns[_FIXED:]
    ]
    assert ["q", "y", "z", "a", "b"] == found.attributes


def test_without_flow_and_attributes_only_fixed_columns_are_left() -> None:
    """No state needs to be read then."""
    columns = call_export_columns((), None)
    assert (False, False) == (columns.wants_steps, columns.wants_attributes)
    row = CallExportRows(columns).row(_call(answered_us=TEN_US + 1_999, total_cost="-1.5"))
    assert _FIXED == len(row) == len(columns.columns)
    times = ["2025-12-20T10:00:00.000Z", "2025-12-20T10:00:00.001Z", None]
    assert [*times, None, Number("-1.5")] == row[13:]


def test_last_step_of_a_node_wins() -> None:
    """By start, then by step id, however they come."""
    menu = {"id": "menu", "type": "play"}
    first = _visited("menu", "10:00:01", "s9", "one")
    second = _visited("menu", "10:00:02", "s1", "two")
    beside = _visited("menu", "10:00:02", "s2", "three")
    assert ["two"] == _cells(menu, *second, *first)
    assert ["three"] == _cells(menu, *beside, *first, *second)
    assert [None] == _cells(menu, decoded("node.entered", nodeId="menu", stepId="s"))


def test_branch_is_the_output() -> None:
    """The path that was taken, whatever was said with the input."""
    keys = {"id": "keys", "type": "dtmf"}
    names = {"nodeId": "keys", "stepId": "s"}
    pressed = decoded("dtmf.received", "10:00:02", **names, digits="12#", branch="said")
    assert ["12#", None] == _cells(keys, pressed)
    assert ["12#", "taken"] == _cells(keys, pressed, *_visited("keys", "10:00:01", "s", "taken"))
    later = _visited("keys", "10:00:05", "t", "onTimeout")
    assert [None, "onTimeout"] == _cells(keys, pressed, *later)


def test_recording_is_the_latest_of_the_last_step_or_the_node() -> None:
    """One that names an earlier step is not shown; one that names no step is the node's."""
    voice = {"id": "v", "type": "collect_audio"}
    steps = [*_visited("v", "10:00:01", "s1", "x"), *_visited("v", "10:00:05", "s2", "done")]
    early = decoded("call.recorded", "10:00:09", recordingId="early", stepId="s1", nodeId="v")
    own = decoded("call.recorded", "10:00:06", recordingId="own", stepId="s2", nodeId="v")
    text = decoded("call.recording_transcribed", "10:00:07", recordingId="own", text="=words")
    assert ["done", None, None] == _cells(voice, *steps, early)
    assert ["done", "own", "=words"] == _cells(voice, *steps, early, own, text)
    later = decoded("call.recorded", "10:00:08", recordingId="of-node", nodeId="v")
    assert ["done", "of-node", None] == _cells(voice, *steps, own, text, later)
    assert [None, "of-node", None] == _cells(voice, later)


def test_message_has_the_winning_status() -> None:
    """Queued while nothing more is known."""
    text = {"id": "t", "type": "sms"}
    named = {"from": "Shop", "to": "1", "stepId": "s"}
    asked = decoded("sms.requested", "10:00:02", smsId="m", body="Hi", **named)
    steps = _visited("t", "10:00:01", "s", "onComplete")
    assert ["queued", "Hi", None] == _cells(text, *steps, asked)
    failed = decoded("sms.failed", "10:00:03", smsId="m")
    again = decoded("sms.requested", "10:00:04", smsId="n", body="Ho", parts=3, **named)
    assert ["failed", "Hi", None] == _cells(text, *steps, asked, failed)
    assert ["queued", "Ho", 3] == _cells(text, *steps, again, asked, failed)


def test_variable_shows_its_final_value() -> None:
    """By the name in the configuration, else what was set in the node; JSON as text."""
    named = {"id": "s", "type": "set_variable", "config": {"variable": "v"}}
    elsewhere = decoded("variable.set", name="v", value="later", nodeId="other")
    assert ["later"] == _cells(named, elsewhere)
    nameless = {"id": "s", "type": "set_variable"}
    assert [None] == _cells(nameless, elsewhere)
    here = decoded("variable.set", name="w", value={"a": [1, None]}, nodeId="s")
    assert ['{"a":[1,null]}'] == _cells(nameless, elsewhere, here)
    over = decoded("run.ended", "10:00:09", outcome="completed", variables={"w": 1.50, "v": None})
    assert ["1.5"] == _cells(nameless, elsewhere, here, over)
    assert [None] == _cells(named, elsewhere, here, over)


def test_attributes_are_written_as_said() -> None:
    """Text without quotes, numbers and the rest as JSON, null as nothing."""
    said = {"t": '=a"b\\', "n": -5, "f": 0.1, "b": True, "o": {"x": "y"}, "z": None}
    updated = decoded("contact.updated", attributes=said)
    columns = _columns(
        {"id": "u", "type": "update_contact", "config": {"attributeName": "n"}},
        {"id": "w", "type": "update_contact", "config": {"attributeName": ""}},
        attributes=tuple(Attribute(name, name, number) for number, name in enumerate(said)),
    )
    row = CallExportRows(columns).row(_call(contact_state=encode_state(state_of(updated))))
    *cells, name, value, no_name, no_value = row[_FIXED:]
    assert ['=a"b\\', "-5", "0.1", "true", '{"x":"y"}', None] == cells
    assert [str, Number, Number, str, str] == [type(cell) for cell in cells[:5]]
    assert ("n", "-5", None, None) == (name, value, no_name, no_value)
