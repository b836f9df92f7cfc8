"""Events of the campaign that the reports of a program execution are printed for."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

from tests.seed_documents import Event, event

EXECUTION_ID = "770e8400-e29b-41d4-a716-446655440003"
PROGRAM = "550e8400-e29b-41d4-a716-446655440000"
FLOW = "03418632-e6da-451e-875f-23b55f938e3e"
AUDIENCE = "550e8400-e29b-41d4-a716-446655440001"
#: The two calls that are printed.
FIRST = "1cbdf482-4dac-41ed-a430-2e311add389d"
MISSED = "eae26ac8-be39-490b-b9ed-a82e7f4048f6"
FIRST_CONTACT = "6fd21c0b-bf05-407e-bcd7-9f9aab7ab91e"
MISSED_CONTACT = "7fd21c0b-bf05-407e-bcd7-9f9aab7ab92f"
POOL = ["+212500000001", "+212500000002"]
STRATEGY = {"type": "fixed_delay", "delayMinutes": 30, "maxRetries": 2}
WINDOWS = {"monday": [{"startAt": {"hour": 12, "minute": 0}, "endAt": {"hour": 14, "minute": 0}}]}
_PLAN = {
    "programId": PROGRAM,
    "flowId": FLOW,
    "flowName": "Holiday Campaign Flow",
    "audienceId": AUDIENCE,
    "didPool": POOL,
    "retryStrategy": STRATEGY,
    "pauseWindows": WINDOWS,
    "scheduledStartAt": "2025-12-20T09:00:00Z",
    "scheduledStopAt": "2025-12-20T18:00:00Z",
}
NODES = [
    {"id": "dial-1", "type": "dial", "label": "Dial Contact"},
    {"id": "play-welcome", "type": "play", "label": "Welcome Message"},
    {"id": "dtmf-menu", "type": "dtmf", "label": "Main Menu"},
    {"id": "play-option1", "type": "play", "label": "Option 1 Info"},
    {"id": "hangup-1", "type": "hangup", "label": "End Call"},
]
#: By the type of the contacts' last event.
_CONTACTS = {
    "contact.enrolled": 40,
    "contact.queued": 2,
    "contact.calling": 1,
    "contact.retry_scheduled": 8,
    "contact.completed": 140,
    "contact.failed": 8,
    "contact.skipped": 1,
}
#: By attempt number the calls of each outcome; those that somebody or something answered first.
_OUTCOMES = {
    1: {"completed": 112, "voicemail": 16, "no_answer": 48, "busy": 13, "rejected": 3, "failed": 8},
    2: {"completed": 28, "voicemail": 4, "no_answer": 12, "busy": 3, "rejected": 1},
}
_FLOW_COMPLETED = {1: 100, 2: 26}
_AVERAGE_MS = {1: 42_000, 2: 38_000}
_ANSWERED = {"completed": "human", "voicemail": "machine"}
#: Of the calls that reached the menu, what was keyed in; the first 16 of them came twice.
_KEYED = ["1"] * 80 + ["2"] * 48 + ["3"] * 24
_CAME_TWICE = 16
_HUNG_UP = 140
_RECORDED = 20
RECORD_MS = 105_263


def _at(seconds: float) -> str:
    """So many seconds after the first call began."""
    moment = datetime(2025, 12, 20, 9, 15, tzinfo=UTC) + timedelta(seconds=seconds)
    return moment.isoformat()


def _of_call(call: str, type_: str, seconds: float, **data: object) -> Event:
    return event(type_, call, _at(seconds), data, executionid=EXECUTION_ID)


def _line(call: str, contact: str, attempt: int, outcome: str, began: float) -> Iterator[Event]:
    """The call itself, whose node `dial-1` runs for 30 seconds."""
    numbers = {"from": POOL[attempt - 1], "to": "+212612345678"}
    if call == MISSED:
        numbers["to"] = "+212698765432"
    said: dict[str, object] = {"contactId": contact, "attempt": attempt, **numbers}
    yield _of_call(call, "call.initiated", began, **said)
    yield _of_call(call, "node.entered", began, stepId="dial", nodeId="dial-1")
    yield _of_call(call, "node.exited", began + 30, stepId="dial", nodeId="dial-1")
    if outcome in _ANSWERED:
        yield _of_call(call, "call.answered", began, answeredBy=_ANSWERED[outcome])


def _walk(call: str, number: int, began: float) -> Iterator[Event]:
    """The way through the flow of the call that was answered as the `number`-th, from 0."""
    nodes = ["play-welcome"]
    if number < len(_KEYED):
        nodes += ["dtmf-menu"] * (2 if number < _CAME_TWICE else 1)
        if _KEYED[number] == "1":
            nodes.append("play-option1")
    if number < _HUNG_UP:
        nodes.append("hangup-1")
    for place, node in enumerate(nodes):
        yield _of_call(call, "node.entered", began + place, stepId=f"{place}", nodeId=node)
        last_menu = node == "dtmf-menu" and nodes[place + 1 : place + 2] != ["dtmf-menu"]
        if last_menu:
            keyed = {"stepId": f"{place}", "nodeId": node, "digits": _KEYED[number]}
            yield _of_call(call, "dtmf.received", began + place, **keyed)


def _charges(call: str, number: int) -> Iterator[Event]:
    """180 credits for dialling, 6 for recording: 45 s of the first call cost 3.375."""
    dialled = {0: "3.375", 1: "2.825"}.get(number, "1.1")
    yield _of_call(call, "call.charged", 3600, amount=dialled, nodeId="dial-1")
    if 2 <= number < 2 + _RECORDED:
        last = number == 1 + _RECORDED
        each = RECORD_MS // _RECORDED
        took = RECORD_MS - each * (_RECORDED - 1) if last else each
        recorded: dict[str, object] = {"amount": "0.3", "nodeType": "record", "durationMs": took}
        yield _of_call(call, "call.charged", 3600, **recorded)


def _calls() -> Iterator[Event]:
    answered, later = 0, 1801.0
    for attempt, outcomes in _OUTCOMES.items():
        completed = _FLOW_COMPLETED[attempt]
        for outcome, calls in outcomes.items():
            for number in range(calls):
                call, contact, began = f"call {attempt} {outcome} {number}", f"{number}", later
                said: dict[str, Any] = {"outcome": outcome}
                if outcome in _ANSWERED:
                    said["durationMs"] = _AVERAGE_MS[attempt]
                    said["flowOutcome"] = "completed" if completed > 0 else "user_hangup"
                    completed -= 1
                took = 60
                if (attempt, outcome, number) == (1, "completed", 0):
                    call, contact, began, took = FIRST, FIRST_CONTACT, 0.0, 45
                    said["durationMs"] = 45_000
                elif (attempt, outcome, number) == (1, "completed", 1):
                    said["durationMs"] = 39_000
                elif (attempt, outcome, number) == (2, "no_answer", 0):
                    call, contact, began, took = MISSED, MISSED_CONTACT, 1800.0, 30
                later += 1
                yield from _line(call, contact, attempt, outcome, began)
                if outcome in _ANSWERED:
                    yield from _walk(call, answered, began)
                    yield from _charges(call, answered)
                    answered += 1
                yield _of_call(call, "call.ended", began + took, **said)


def _contacts() -> Iterator[Event]:
    for type_, contacts in _CONTACTS.items():
        for number in range(contacts):
            yield _of_call(f"{type_} {number}", type_, 0)


EVENTS = list(
    chain(
        (
            event(
                "flow.published",
                FLOW,
                "2025-12-01T00:00:00Z",
                {"name": "Holiday", "version": 1, "nodes": NODES, "edges": []},
            ),
            event("execution.scheduled", EXECUTION_ID, "2025-12-20T08:55:00Z", _PLAN),
            event("execution.started", EXECUTION_ID, "2025-12-20T09:00:05Z"),
        ),
        _contacts(),
        _calls(),
    )
)
