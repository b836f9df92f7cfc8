"""What the generator's traffic has not: attempts on their own, ids of every look, odd endings.

The whole-system test publishes these beside the messy campaigns, the same ids for each
organization, so that whatever crosses over is seen.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

Event = dict[str, Any]

#: A campaign, an agent, a batch and a flow of their own; the execution of the batch is odd too.
PROGRAM_ID, AGENT_ID, BATCH_ID, FLOW_ID = "42", "agent/ü 1", "bätch.1", "flow %2F"
EXECUTION_ID = "odd/execution"
#: Ids that are integers, look like them, or are hard to put into a path.
CALL_IDS = ("7", "007", "999999999999999", "1000000000000000", "a/b%2e.. é", ".", "=1+1", "📞")
_START = datetime(2026, 3, 5, 9, tzinfo=UTC)
_OUTCOMES = ("rejected", "no_credits", "cancelled", "out_of_the_blue", "busy", "voicemail")


class _Publisher:
    """Numbers and stamps the odd events of one organization."""

    def __init__(self, organization_id: str) -> None:
        self.organization_id = organization_id
        self.events: list[Event] = []

    def say(
        self,
        type_: str,
        subject: str,
        data: dict[str, Any] | None = None,
        *,
        at_ms: int = 0,
        execution_id: str | None = EXECUTION_ID,
    ) -> None:
        """Publish one event, some milliseconds after the start."""
        number = len(self.events)
        event: Event = {
            "specversion": "1.0",
            "id": f"odd-{number}",
            "source": "/odd",
            "type": type_,
            "subject": subject,
            "time": (_START + timedelta(milliseconds=at_ms)).isoformat(),
            "organizationid": self.organization_id,
            "sequence": number,
            "data": data or {},
        }
        if execution_id is not None:
            event["executionid"] = execution_id
        self.events.append(event)


def odd_events(organization_id: str) -> list[Event]:
    """All of them, in no particular order of time."""
    publisher = _Publisher(organization_id)
    for part in (_reference_data, _execution, _contacts, _calls, _side_attempts, _whole_call):
        part(publisher)
    return publisher.events


def _reference_data(to: _Publisher) -> None:
    nodes = [
        {"id": "say", "type": "say", "label": "=Hello", "definition": {"icon": None, "n": 1.50}},
        {"id": "keys", "type": "dtmf", "label": ""},
        {"id": "tape", "type": "record"},
        {"id": "text", "type": "sms", "label": 'Text, "now"'},
        {"id": "set", "type": "set_variable", "label": "Set", "config": {"variable": "day"}},
        {"id": "note", "type": "update_contact", "config": {"attributeName": "-odd"}},
    ]
    edges = [
        {"id": "e1", "source": "say", "target": "keys", "value": "onComplete"},
        {"id": "e2", "source": "say", "target": "tape", "value": "onComplete", "type": "failure"},
        {"id": "e3", "source": "keys", "target": "text"},
    ]
    for version, at_ms in ((1, 0), (3, 0), (4, 1_000)):
        data = {"name": f"Flow of {to.organization_id}", "version": version, "nodes": nodes}
        to.say("flow.published", FLOW_ID, {**data, "edges": edges}, at_ms=at_ms, execution_id=None)
    to.say("attribute.defined", "-odd", {"displayName": "=Odd", "position": 0}, execution_id=None)
    to.say("attribute.defined", "unnamed", {"displayName": ""}, execution_id=None)
    to.say("attribute.defined", "gone", {"displayName": "Gone"}, execution_id=None)
    to.say("attribute.deleted", "gone", at_ms=1, execution_id=None)


def _execution(to: _Publisher) -> None:
    data = {"programId": PROGRAM_ID, "agentId": AGENT_ID, "batchId": BATCH_ID, "flowId": FLOW_ID}
    to.say("execution.scheduled", EXECUTION_ID, {**data, "programName": "Odd"}, at_ms=-9_000)
    to.say("execution.started", EXECUTION_ID, at_ms=500)
    to.say("execution.paused", EXECUTION_ID, {"reason": "threshold"}, at_ms=900)
    to.say("execution.scheduled", "never started", {"programId": "idle"}, execution_id=None)


def _contacts(to: _Publisher) -> None:
    """Profiles that are whole, partly empty, or only an enrolment; contacts that were skipped."""
    names = {"1": ("=Ann", "+Lee"), "2": ("", "-Ärm"), "3": ("@Bo", None), "4": (None, None)}
    for contact_id, (first, last) in names.items():
        data = {"firstName": first, "lastName": last, "attributes": {"-odd": "\t=1", "unnamed": 7}}
        to.say("contact.updated", contact_id, data, execution_id=None)
        enrolled = {"name": f"Enrolled {contact_id}", "phone": f"+7{to.organization_id}"}
        to.say("contact.enrolled", contact_id, enrolled)
    for contact_id in ("skipped", "123", "tried", "resumed"):
        to.say("contact.skipped", contact_id, {"reason": to.organization_id}, at_ms=40)
    to.say("contact.enrolled", "skipped", {"name": "Only Enrolled"})
    to.say("contact.skipped", "123", at_ms=41)
    to.say("contact.queued", "resumed", at_ms=42)
    to.say("run.started", "run of tried", {"flowId": FLOW_ID, "contactId": "tried"})


def _calls(to: _Publisher) -> None:
    """One call of each id, most at one instant: the integer decides their order."""
    for number, call_id in enumerate(CALL_IDS):
        data: dict[str, Any] = {"from": to.organization_id, "to": f"+{number}"}
        if number % 2:
            data |= {"contactId": str(number), "attempt": number, "provider": "plivo"}
        to.say("call.initiated", call_id, data, at_ms=number // 6)
        if number < len(_OUTCOMES):
            ended = {"outcome": _OUTCOMES[number], "hangupReason": "line", "durationMs": 500}
            to.say("call.ended", call_id, ended, at_ms=2_000)
    alone: dict[str, Any] = {"from": "1", "to": "2", "contactId": "1"}
    own = {"programId": PROGRAM_ID, "agentId": AGENT_ID, "batchId": BATCH_ID, "flowId": FLOW_ID}
    to.say("call.initiated", "alone", {**alone, **own}, execution_id=None)
    to.say("call.answered", "alone", at_ms=5, execution_id=None)
    to.say("call.ringing", "of nothing", execution_id=None)
    to.say("call.recorded", "queued", {"recordingId": "r"}, execution_id=None)
    elsewhere = {"programId": "elsewhere", "agentId": "other", "batchId": "other", "flowId": "x"}
    to.say("call.initiated", "of another program", {**alone, **elsewhere, "flowVersion": 9})
    to.say("call.initiated", "late", alone, at_ms=3_000)
    to.say("call.initiated", "late and alone", {**alone, **own}, at_ms=3_000, execution_id=None)
    for call_id, final in (("disconnected", False), ("over", True)):
        to.say("call.initiated", call_id, {**alone, "direction": "inbound"}, at_ms=7)
        to.say("call.ended", call_id, {"final": final, "flowOutcome": "user_hangup"}, at_ms=9)


def _side_attempts(to: _Publisher) -> None:
    """Messages in each state, and runs without an execution or a published version."""
    for number, last in enumerate((None, "sms.sent", "sms.delivered", "sms.failed")):
        data = {"smsId": f"m{number}", "from": "CF", "to": "+2", "body": "hi", "contactId": "2"}
        to.say("sms.requested", f"message {number}", {**data, "variables": {"a": None}})
        if last is not None:
            to.say(last, f"message {number}", {"smsId": f"m{number}"}, at_ms=3)
    failed = {"smsId": "m3", "error": f"of {to.organization_id}"}
    to.say("sms.failed", "message 3", failed, at_ms=4)
    to.say("sms.sent", "unasked", {"smsId": "m9"})
    to.say("run.started", "run alone", {"flowId": FLOW_ID}, execution_id=None)
    to.say("run.ended", "run alone", {"outcome": "cancelled"}, at_ms=90, execution_id=None)
    unpublished = {"flowId": FLOW_ID, "flowVersion": 2, "contactId": "1", "programId": PROGRAM_ID}
    to.say("run.started", "run of version 2", unpublished, execution_id=None)
    for place in _steps():
        to.say("node.exited", "run alone", {**place, "output": "onComplete"}, execution_id=None)


def _whole_call(to: _Publisher) -> None:
    """A call of which everything is said, objects of the publisher's own with nulls in them."""
    said = {"deep": {"null": None, "list": [1, None], "amount": 1.50}, "of": to.organization_id}
    initiated = {
        "contactId": "1",
        "attempt": 3,
        "from": "1",
        "to": "2",
        "provider": "twilio",
        "providerCallId": "CA=1",
        "hosted": False,
        "context": said,
        "welcomeMessage": f"Hello from {to.organization_id}",
        "agenda": "",
        "variables": said,
        "flowId": FLOW_ID,
        "flowVersion": 3,
    }
    ended = {
        "outcome": "failed",
        "flowOutcome": "timeout",
        "durationMs": 12_500,
        "hangupBy": "Caller",
        "hangupReason": "reason",
        "hangupCode": -1,
        "error": f"error of {to.organization_id}",
        "retryReason": "@later",
        "final": False,
    }
    leg = {"status": "busy", "from": "3", "to": "4", "durationMs": 1_499, "cost": "0.000000001"}
    sms = {"smsId": "s", "from": "1", "to": "2", "body": "=body", "parts": 2}
    for type_, data, at_ms in (
        ("call.initiated", initiated, 10),
        ("call.ended", ended, 99),
        ("call.finalized", {}, 150),
        ("call.transferred", leg, 50),
        ("call.transferred", {"status": "ringing", "from": "3", "to": "5"}, 51),
        ("call.transcribed", {"transcript": "line 1\nline 2"}, 110),
        ("call.analyzed", {"extractedData": said, "voiceAnalytics": said}, 111),
        ("call.recorded", {"recordingId": "whole", "url": "https://whole"}, 112),
        (
            "call.recorded",
            {"recordingId": "node", "url": "u", "nodeId": "tape", "stepId": "3"},
            113,
        ),
        ("call.recording_transcribed", {"recordingId": "node", "text": "+text"}, 114),
        ("call.charged", {"amount": "-0.1", "component": "llm"}, 115),
        ("call.charged", {"amount": 5, "component": "carrier"}, 115),
        ("call.charged", {"amount": "0.000000001", "component": "antenna"}, 115),
        ("call.charged", {"amount": 7}, 115),
        ("sms.requested", {**sms, "nodeId": "text", "stepId": "4"}, 60),
        ("sms.sent", {"smsId": "s"}, 61),
        ("variable.set", {"name": "day", "value": ["x", None], "nodeId": "set", "stepId": "5"}, 70),
    ):
        to.say(type_, "whole", data, at_ms=at_ms)
    for number, place in enumerate(_steps()):
        to.say("node.entered", "whole", {**place, "nodeType": "own"}, at_ms=20 + number)
        exit_ = {"output": "onComplete", "context": said if number else {}}
        to.say("node.exited", "whole", {**place, **exit_, "edgeId": f"e{number}"}, at_ms=30)
    keys = {"stepId": "2", "nodeId": "keys", "digits": "=12", "branch": "branch_1"}
    to.say("dtmf.received", "whole", keys, at_ms=25)


def _steps() -> Iterator[dict[str, str]]:
    """A step of each published node, one of them visited twice, and one that is unpublished."""
    for number, node in enumerate(("say", "say", "keys", "tape", "text", "set", "note", "hook")):
        yield {"stepId": str(number), "nodeId": node}
