"""An execution with four calls, three contacts, three attributes and a node of each type."""

from itertools import pairwise
from typing import Any, Final
from urllib.parse import quote

from tests.integration.services.read_api.flow_events import (
    EXECUTION,
    ended,
    event,
    initiated,
    published,
    step,
)

PATH: Final = f"/program-execution/{quote(EXECUTION, safe='')}"

_TYPES: Final = (
    ("answer", "answer", None),
    ("dial", "dial", "Dial"),
    ("ask", "dtmf", "=Menu"),
    ("voice", "record", "Voice"),
    ("text", "sms", "Text"),
    ("note", "update_contact", ""),
    ("set", "set_variable", "Set"),
    ("agent", "connect_agent", "Agent"),
    ("bye", "hangup", "Bye"),
)
_NODE_HEADER: Final = (
    *("Dial: Result", "=Menu: Input", "=Menu: Branch", "Voice: Result", "Voice: Recording ID"),
    *("Voice: Transcription", "Text: Status", "Text: Message", "Text: Parts", "note: Attribute"),
    *("note: Current Value", "Set: Value"),
)
HEADER: Final = [
    *("Call ID", "Contact ID", "First Name", "Last Name", "Phone", "Email", "From", "To"),
    *("Direction", "Attempt", "Status", "Outcome", "Flow Outcome", "Started At", "Answered At"),
    *("Ended At", "Duration (ms)", "Total Cost", "=Balance", "City", "later"),
    *_NODE_HEADER,
]
_CALLED: Final = ("+212500000001", "+212612345678", "outbound")
_TIMES: Final = ("2026-03-02T09:00:00.123Z", "2026-03-02T09:00:05.000Z", "2026-03-02T09:01:05.999Z")

#: By last name, nulls last; then by attempt; then by call id.
ROWS: Final[list[list[Any]]] = [
    [
        *("c1", "ann", "Ann", "Aa", "+212600000001", "a@x.example", *_CALLED, 1),
        *("completed", "completed", "completed", *_TIMES, 60999, "-0.500000001"),
        *("-12.5", '="x"', None),
        *("onAnswer", "-#", "branch_2", "onComplete", "rec-2", "bonjour, ça va ?\nété"),
        *("delivered", "@you\r\nÀ bientôt", 2, "balance", "-12.5", "true"),
    ],
    [
        *("c2", "ann", "Ann", "Aa", "+212600000001", "a@x.example", *_CALLED, 2),
        *("busy", "busy", None, "2026-03-02T09:10:00.000Z", None, "2026-03-02T09:10:01.000Z"),
        *(None, None, "-12.5", '="x"', None),
        *("onBusy", None, None, None, None, None, None, None, None, "balance", "-12.5", None),
    ],
    [
        *("c0", None, None, None, None, None, *_CALLED, 1),
        *("ongoing", None, None, "2026-03-02T09:30:00.000Z", None, None, None, None),
        *(None, None, None),
        *([None] * 9),
        *("balance", None, None),
    ],
    [
        *("c3", "bob", "Bob", None, None, None, *_CALLED, 1),
        *("ongoing", None, None, "2026-03-02T09:20:00.000Z", None, None, None, None),
        *(None, None, None),
        *(None, "12", None, *([None] * 3), "queued", "Hi", None, "balance", None, None),
    ],
]


def events() -> list[dict[str, Any]]:
    """All events, in no order that matters."""
    return [*_reference(), *_contacts(), *_first_call(), *_other_calls()]


def _reference() -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = [
        {"id": node_id, "type": type_} | ({} if label is None else {"label": label})
        for node_id, type_, label in _TYPES
    ]
    nodes[5]["config"] = {"attributeName": "balance"}
    nodes[6]["config"] = {"variable": "agreed"}
    edges = [
        {"id": f"e{number}", "source": source[0], "target": target[0]}
        for number, (source, target) in enumerate(pairwise(_TYPES))
    ]
    definitions: list[tuple[str, dict[str, Any]]] = [
        ("city", {"displayName": "City", "position": 2}),
        ("balance", {"displayName": "=Balance", "type": "number", "position": 1}),
        ("later", {"displayName": ""}),
        ("gone", {"displayName": "Gone", "position": 0}),
    ]
    return [
        published(nodes, edges, "07:00:00", startNodeId="answer"),
        event("execution.scheduled", EXECUTION, "08:00:00", {"programId": "p", "flowId": "menu"}),
        event("execution.started", EXECUTION, "08:30:00"),
        event("execution.completed", EXECUTION, "12:00:00"),
        *(_apart("attribute.defined", name, "07:00:00", data) for name, data in definitions),
        _apart("attribute.deleted", "gone", "07:30:00", {}),
    ]


def _contacts() -> list[dict[str, Any]]:
    ann: dict[str, Any] = {
        "firstName": "Ann",
        "lastName": "Aa",
        "phone": "+212600000001",
        "email": "a@x.example",
        "attributes": {"balance": -12.5, "city": '="x"', "gone": "hidden"},
    }
    return [
        _apart("contact.updated", "ann", "07:00:00", ann | {"attributes": {"city": "old"}}),
        _apart("contact.updated", "ann", "07:10:00", ann),
        _apart("contact.updated", "bob", "07:00:00", {"firstName": "Bob", "lastName": ""}),
    ]


def _apart(type_: str, subject: str, clock: str, data: dict[str, Any]) -> dict[str, Any]:
    return event(type_, subject, clock, data, execution_id=None)


def _first_call() -> list[dict[str, Any]]:
    """A call through every node; twice through the menu and the recording."""
    clock = "09:00:30"
    return [
        initiated("c1", "09:00:00.123999", contactId="ann"),
        event("call.answered", "c1", "09:00:05"),
        *step("c1", "s1", "dial", "09:00:01", "09:00:05", output="onAnswer"),
        *step("c1", "s2", "ask", "09:00:10", "09:00:12", output="branch_1"),
        _dtmf("c1", "s2", "1", branch="branch_1"),
        *step("c1", "s3", "ask", "09:00:20", "09:00:22", output="branch_2"),
        _dtmf("c1", "s3", "-#", branch="branch_9"),
        *step("c1", "s4", "voice", "09:00:24", "09:00:26", output="onNoSpeech"),
        *step("c1", "s5", "voice", "09:00:27", "09:00:29", output="onComplete"),
        event("call.recorded", "c1", clock, {"recordingId": "rec-1", "stepId": "s4"}),
        event("call.recorded", "c1", clock, {"recordingId": "rec-2", "stepId": "s5"}),
        event(
            "call.recording_transcribed",
            "c1",
            "09:00:40",
            {"recordingId": "rec-2", "text": "bonjour, ça va ?\nété"},
        ),
        *step("c1", "s6", "text", "09:00:31", "09:00:32", output="onComplete"),
        _requested("c1", "sms-1", "@you\r\nÀ bientôt", stepId="s6", parts=2),
        event("sms.sent", "c1", "09:00:33", {"smsId": "sms-1"}),
        event("sms.delivered", "c1", "09:00:34", {"smsId": "sms-1"}),
        *step("c1", "s7", "note", "09:00:35", "09:00:36", output="onComplete"),
        event("variable.set", "c1", clock, {"name": "agreed", "value": True, "nodeId": "set"}),
        event("call.charged", "c1", clock, {"amount": "1.25"}),
        event("call.charged", "c1", "09:02:00", {"amount": "-1.750000001"}),
        ended("c1", "09:01:05.9999", flowOutcome="completed"),
    ]


def _other_calls() -> list[dict[str, Any]]:
    return [
        initiated("c2", "09:10:00", contactId="ann", attempt=2),
        *step("c2", "s1", "dial", "09:10:00", "09:10:01", output="onBusy"),
        ended("c2", "09:10:01", outcome="busy"),
        initiated("c3", "09:20:00", contactId="bob"),
        event("node.entered", "c3", "09:20:05", {"stepId": "s1", "nodeId": "ask"}),
        _dtmf("c3", "s1", "12", branch="branch_1"),
        _requested("c3", "sms-2", "Hi", nodeId="text"),
        initiated("c0", "09:30:00"),
        event("run.started", "r1", "09:40:00", {"flowId": "menu"}),
        initiated("elsewhere", "09:00:00") | {"executionid": "autumn"},
    ]


def _dtmf(call: str, step_id: str, digits: str, branch: str) -> dict[str, Any]:
    said = {"stepId": step_id, "nodeId": "ask", "digits": digits, "branch": branch}
    return event("dtmf.received", call, "09:20:10" if call == "c3" else "09:00:21", said)


def _requested(call: str, sms_id: str, body: str, **more: object) -> dict[str, Any]:
    said = {"smsId": sms_id, "from": "Shop", "to": "+212600000001", "body": body, **more}
    return event("sms.requested", call, "09:20:11" if call == "c3" else "09:00:32", said)
