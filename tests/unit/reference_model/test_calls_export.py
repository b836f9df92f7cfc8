"""The calls export: its columns, its rows and their order."""

from __future__ import annotations

from typing import Any

from tests.reference_model import ReferenceModel
from tests.reference_model.calls_export import FIXED_COLUMNS
from tests.unit.reference_model.given import (
    EXECUTION,
    ORGANIZATION,
    entered,
    event,
    exited,
    pressed,
    published,
    scheduled,
)

NODES: list[dict[str, Any]] = [
    {"id": "keys", "type": "dtmf", "label": "Menu"},
    {"id": "bye", "type": "hangup"},
    {"id": "agent", "type": "connect_agent"},
    {"id": "tape", "type": "record", "label": ""},
    {"id": "text", "type": "sms"},
    {"id": "note", "type": "update_contact", "config": {"attributeName": "day"}},
    {"id": "say", "type": "say"},
]


def export_of(*events: dict[str, Any]) -> tuple[list[Any], list[list[Any]]]:
    """Header and rows of the tests' execution."""
    found = ReferenceModel(events).calls_export(ORGANIZATION, EXECUTION)
    assert found is not None
    header, *rows = found["Calls"]
    return header, rows


def attribute(name: str, clock: str = "01:00:00", **data: object) -> dict[str, Any]:
    """Define an attribute."""
    payload = {"displayName": name.upper(), **data}
    return event("attribute.defined", name, clock, payload, execution_id=None)


def call(subject: str, contact_id: str, **data: object) -> dict[str, Any]:
    """Dial a contact."""
    return event(
        "call.initiated", subject, data={"from": "1", "to": "2", "contactId": contact_id, **data}
    )


def test_columns_are_fixed_then_attributes_then_nodes() -> None:
    """Attributes by position then name without the deleted; nodes in graph order by type."""
    header, rows = export_of(
        scheduled(flowId="menu"),
        published(NODES),
        attribute("b"),
        attribute("a"),
        attribute("z", position=1),
        attribute("gone"),
        event("attribute.deleted", "gone", "02:00:00", execution_id=None),
    )

    assert rows == []
    assert header[:18] == list(FIXED_COLUMNS)
    assert header[18:] == [
        *("Z", "A", "B"),
        *("Menu: Input", "Menu: Branch"),
        *("tape: Result", "tape: Recording ID", "tape: Transcription"),
        *("text: Status", "text: Message", "text: Parts"),
        *("note: Attribute", "note: Current Value"),
        "say: Result",
    ]


def test_rows_come_by_last_name_attempt_and_id() -> None:
    """A call of a nameless contact comes last; runs have no row."""
    _, rows = export_of(
        event("contact.updated", "k1", data={"lastName": "b"}),
        event("contact.updated", "k2", data={"lastName": "Z"}),
        call("1", "k1", attempt=2),
        call("2", "k1"),
        call("3", "k3"),
        call("5", "k2"),
        call("4", "k2"),
        entered("run", "s", "n"),
    )

    assert [row[0] for row in rows] == ["4", "5", "2", "1", "3"]


def test_row_holds_what_is_known() -> None:
    """Times to the millisecond; empty where unknown."""
    _, (row,) = export_of(
        attribute("day"),
        event(
            "contact.updated",
            "k1",
            data={"firstName": "Ann", "phone": "+7", "attributes": {"day": "Monday"}},
        ),
        call("x", "k1"),
        event("call.answered", "x", "10:00:05.1239"),
        event("call.ended", "x", "10:00:09", {"outcome": "no_credits"}),
    )

    assert row == [
        *("x", "k1", "Ann", None, "+7", None, "1", "2", "outbound", 1),
        *("failed", "no_credits", None),
        *("2025-12-20T10:00:00.000Z", "2025-12-20T10:00:05.123Z", "2025-12-20T10:00:09.000Z"),
        *(3876, None, "Monday"),
    ]


def test_last_step_of_a_node_wins() -> None:
    """Its input, its recording, its message, each with what became of it."""
    sms = {"smsId": "m", "stepId": "t", "nodeId": "text", "from": "1", "to": "2", "body": "hi"}
    recorded = {"recordingId": "r", "nodeId": "tape", "stepId": "p"}
    _, (row,) = export_of(
        scheduled(flowId="menu"),
        published(NODES),
        event("contact.updated", "k1", data={"attributes": {"day": "Monday"}}),
        call("x", "k1"),
        pressed("x", "s1", "1", "10:00:01"),
        pressed("x", "s2", "2", "10:00:02"),
        exited("x", "s2", "keys", "10:00:03", output="branch_2"),
        entered("x", "p", "tape", "10:00:04"),
        event("call.recorded", "x", "10:00:05", recorded),
        event("call.recording_transcribed", "x", "10:00:06", {"recordingId": "r", "text": "Hm"}),
        entered("x", "t", "text", "10:00:07"),
        event("sms.requested", "x", "10:00:08", {**sms, "parts": 2}),
        event("sms.sent", "x", "10:00:09", {"smsId": "m"}),
        entered("x", "n", "note", "10:00:10"),
    )

    assert row[18:] == [
        *("2", "branch_2"),
        *(None, "r", "Hm"),
        *("sent", "hi", 2),
        *("day", "Monday"),
        None,
    ]
