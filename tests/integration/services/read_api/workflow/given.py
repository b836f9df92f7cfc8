"""A flow in two versions, and attempts that ran it in every way that the answers tell apart."""

from collections.abc import Callable
from typing import Any, Final

from tests.http_answers import Answer
from tests.integration.services.read_api.flow_events import (
    EXECUTION,
    FLOW,
    ended,
    event,
    initiated,
    published,
    step,
)

#: What follows `executions`, workflow, account, headers → the answer.
Ask = Callable[..., Answer]

DEFINITION: Final = {"id": "type-7", "group": "input", "min": 1.50, "outputs": [{"path": "é"}]}
_NODES: Final[list[dict[str, Any]]] = [
    {"id": "ask", "type": "dtmf", "label": "Ask", "definition": DEFINITION},
    {"id": "tell", "type": "say", "label": "Tell"},
    {"id": "bye", "type": "hangup"},
]
_EDGES: Final[list[dict[str, Any]]] = [
    {"id": "e1", "source": "ask", "target": "tell", "value": "branch_1"},
    {"id": "e2", "source": "ask", "target": "bye", "value": "onTimeout", "type": "timeout"},
    {"id": "e3", "source": "tell", "target": "ask"},
    {"id": "e4", "source": "ask", "target": "bye", "value": "branch_1"},
    {"id": "e5", "source": "ask", "target": "bye", "value": 7},
]

LOOP: Final = "loop/1 ü"


def _run(run: str, clock: str, end: str | None = None, **data: object) -> list[dict[str, Any]]:
    """A run of the flow that belongs to no execution."""
    started = event("run.started", run, clock, {"flowId": FLOW, **data}, execution_id=None)
    if end is None:
        return [started]
    return [started, event("run.ended", run, "12:00:00", {"outcome": end}, execution_id=None)]


EVENTS: Final = (
    published(_NODES, _EDGES, "08:00:00", versionId="mv-1"),
    published(_NODES[:1], [], "10:00:00", 2, name=""),
    published([], [], "10:00:00", flow_id="unused"),
    event("execution.scheduled", EXECUTION, "08:10:00", {"programId": "p", "flowId": FLOW}),
    event("execution.started", EXECUTION, "09:00:00"),
    # A call that goes round: by the output, by the named edge, by another output, and stays.
    initiated(LOOP, "09:00:00.999999", contactId="anna"),
    *step(LOOP, "s1", "ask", "09:00:02", "09:00:04.9", output="branch_1", context={"key": "1"}),
    *step(LOOP, "s2", "tell", "09:00:05", "09:00:06", output="onComplete", edgeId="e3"),
    *step(LOOP, "s3", "ask", "09:00:07", "09:00:08", output="onTimeout", edgeId="unpublished"),
    *step(LOOP, "s4", "bye", "09:00:09"),
    ended(LOOP, "09:00:10", outcome="completed", flowOutcome="user_hangup"),
    # Steps that began together, at nodes that are not published, with types of their own.
    initiated("odd", "09:10:00", contactId="bo"),
    *step("odd", "b", "extra", "09:10:01", node_type="poll"),
    *step("odd", "a", "extra", "09:10:01", node_type="survey"),
    *step("odd", "c", "extra", "09:10:02", "09:10:03", node_type="survey", output="onTimeout"),
    *step("odd", "d", "mute", "09:10:04", "09:10:05", output="branch_1"),
    event("dtmf.received", "odd", "09:10:06", {"stepId": "e", "nodeId": "ask", "digits": "7"}),
    event("call.transferred", "odd", "09:10:07", {"status": "completed", "from": "+1", "to": "+2"}),
    # How calls end.
    *(initiated(call, "09:20:00") for call in ("busy", "over", "off", "timed out")),
    ended("busy", "09:20:01", outcome="busy"),
    ended("over", "09:20:02", outcome="completed"),
    ended("off", "09:20:03", outcome="cancelled"),
    ended("timed out", "09:20:04", outcome="completed", flowOutcome="timeout"),
    # What belongs to the execution alone, or says another flow, or is nobody's.
    event("call.charged", "charged", "09:30:00", {"amount": 1}),
    initiated("elsewhere", "09:31:00", flowId="other", flowVersion=3),
    event(
        "sms.requested",
        "text",
        "09:32:00",
        {"smsId": "text", "from": "+1", "to": "+2", "body": "Hello"},
    ),
    initiated("second version", "09:33:00", flowId=FLOW, flowVersion=2),
    event(
        "call.initiated",
        "guest",
        "09:34:00",
        {"from": "+1", "to": "+2", "flowId": FLOW, "contactId": "carl"},
        execution_id="of another flow",
    ),
    # Runs without an execution: the version is said, or what was published when they began.
    *_run("said", "08:30:00", "cancelled", flowVersion=2, contactId="anna"),
    *_run("unpublished", "08:31:00", "failed", flowVersion=9),
    *_run("then", "08:32:00", "completed"),
    *_run("later", "11:00:00"),
    *_run("before all", "07:00:00"),
)
