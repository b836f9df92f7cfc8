"""Payloads that break the contract: shapes, closed lists, integers, keys, instants, amounts."""

from collections.abc import Iterator
from typing import Any, Final

from shared.contracts.park_reasons import ParkReason
from tests.contract.wire import BadEntry, changed, json_bytes, saying, structured


def _ended(**data: object) -> dict[str, Any]:
    return saying("call.ended", **data)


def _scheduled(**data: object) -> dict[str, Any]:
    event = saying("execution.scheduled", **{"programId": "program-1", **data})
    return {**event, "subject": "exec-1"}


_INITIATED: dict[str, Any] = {"from": "+331", "to": "+332"}
_EDGE = {"id": "e1", "source": "a", "target": "b"}
_FLOW: dict[str, Any] = {"name": "f", "version": 1, "nodes": [], "edges": []}
_WALL: dict[str, Any] = {"hour": 9, "minute": 0}
_STEP = {"stepId": "s", "nodeId": "n"}
#: What is wrong → the event, and what the detail must name.
_SHAPES: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "data: null": (changed(data=None), "$.data"),
    "data: a list": (changed(data=[]), "$.data"),
    "data: text": (changed(data="words"), "$.data"),
    "negative duration": (_ended(durationMs=-1), "$.data.durationMs"),
    "duration with a fraction": (_ended(durationMs=1.5), "$.data.durationMs"),
    "duration as 1.0": (_ended(durationMs=1.0), "$.data.durationMs"),
    "duration as text": (_ended(durationMs="1"), "$.data.durationMs"),
    "duration as a bool": (_ended(durationMs=True), "$.data.durationMs"),
    "duration beyond 2^53": (_ended(durationMs=2**53 + 1), "$.data.durationMs"),
    "duration beyond 64 bits": (_ended(durationMs=2**64), "$.data.durationMs"),
    "hangup code below -2^53": (_ended(hangupCode=-(2**53) - 1), "$.data.hangupCode"),
    "SIP code below 0": (_ended(sipCode=-1), "$.data.sipCode"),
    "outcome: a number": (_ended(outcome=1), "$.data.outcome"),
    "final: text": (_ended(final="true"), "$.data.final"),
    "answeredBy of nobody": (saying("call.answered", answeredBy="cat"), "$.data.answeredBy"),
    "no answeredBy": (saying("call.amd_completed"), "answeredBy"),
    "direction": (saying("call.initiated", **_INITIATED, direction="up"), "$.data.direction"),
    "no from": (saying("call.initiated", to="+332"), "from"),
    "attempt 0": (saying("call.initiated", **_INITIATED, attempt=0), "$.data.attempt"),
    "context: a list": (saying("call.initiated", **_INITIATED, context=[]), "context"),
    "variables: text": (saying("call.initiated", **_INITIATED, variables="x"), "variables"),
    "key of 129": (saying("call.initiated", **_INITIATED, flowId="x" * 129), "$.data.flowId"),
    "key of 258 bytes": (
        saying("call.initiated", **_INITIATED, flowId="€" * 86),
        "$.data.flowId",
    ),
    "key with a line": (saying("node.entered", **{**_STEP, "nodeId": "a\nb"}), "$.data.nodeId"),
    "empty key": (saying("node.entered", **{**_STEP, "nodeId": ""}), "$.data.nodeId"),
    "no stepId": (saying("dtmf.received", nodeId="n", digits="1"), "stepId"),
    "digits: a number": (saying("dtmf.received", **_STEP, digits=1), "$.data.digits"),
    "no value": (saying("variable.set", name="x"), "value"),
    "value: null": (saying("variable.set", name="x", value=None), "value"),
    "extractedData: a list": (saying("call.analyzed", extractedData=[]), "extractedData"),
    "no amount": (saying("call.charged"), "amount"),
    "reason of a pause": (
        {**saying("execution.paused", reason="lunch"), "subject": "exec-1"},
        "$.data.reason",
    ),
    "unknown zone": (_scheduled(timezone="Mars/Olympus"), "timezone"),
    "naive start": (_scheduled(scheduledStartAt="2026-03-02T09:00:00"), "scheduledStartAt"),
    "retry at a naive instant": (
        saying("contact.retry_scheduled", at="2026-03-02T09:00:00"),
        "`at`",
    ),
    "retry of another kind": (_scheduled(retryStrategy={"type": "never"}), "retryStrategy"),
    "retry without a delay": (
        _scheduled(retryStrategy={"type": "fixed_delay", "maxRetries": 1}),
        "delayMinutes",
    ),
    "retry at a naive time": (
        _scheduled(retryStrategy={"type": "scheduled", "retryDates": ["2026-03-02T09:00:00"]}),
        "retryStrategy",
    ),
    "window at 25 o'clock": (
        _scheduled(
            pauseWindows={"monday": [{"startAt": {"hour": 25, "minute": 0}, "endAt": _WALL}]}
        ),
        "$.data.pauseWindows.monday[0].startAt.hour",
    ),
    "window without an end": (
        _scheduled(pauseWindows={"advanced": [{"startAt": "2026-03-02T09:00:00Z"}]}),
        "endAt",
    ),
    "flow version 0": (saying("flow.published", **{**_FLOW, "version": 0}), "$.data.version"),
    "nodes: null": (saying("flow.published", **{**_FLOW, "nodes": None}), "$.data.nodes"),
    "node without a type": (
        saying("flow.published", **{**_FLOW, "nodes": [{"id": "a"}]}),
        "$.data.nodes[0]",
    ),
    "edge of another kind": (
        saying("flow.published", **{**_FLOW, "edges": [{**_EDGE, "type": "maybe"}]}),
        "$.data.edges[0].type",
    ),
    "type of an attribute": (
        saying("attribute.defined", displayName="City", type="colour"),
        "$.data.type",
    ),
    "attributes: a list": (saying("contact.updated", attributes=[]), "$.data.attributes"),
    "attribute name of 129": (
        saying("contact.updated", attributes={"x" * 129: 1}),
        "$.data.attributes",
    ),
    "no smsId": (saying("sms.sent"), "smsId"),
}

#: JSON texts that are no amount, each as `call.charged`'s.
BAD_AMOUNTS: Final = (
    "1e400", "-1e400", "1e12", "1000000000000", '"1000000000000"', "-1000000000000.5",
    "0.0000000001", '"0.0000000001"', "1e-10", "1.0000000001", "1e-9999", '"1_000"', '"1e3"',
    '""', '" 1"', '"+1"', '".5"', '"5."', '"1,5"', '"NaN"', '"Infinity"', '"0x10"', '"\uff11"',
    "true", "null", "{}", "[1]", '"$1"',
)  # fmt: skip


def bad_payloads() -> Iterator[BadEntry]:
    """Entries whose envelope is good and whose payload is not."""
    for name, (event, where) in _SHAPES.items():
        yield BadEntry(name, structured(event), ParkReason.WRONG_SHAPE, where)
    for text in BAD_AMOUNTS:
        raw = json_bytes(saying("call.charged", amount="@")).replace(b'"@"', text.encode())
        yield BadEntry(f"amount {text}", structured(raw), ParkReason.WRONG_SHAPE, "`amount`")
    leg: dict[str, Any] = {"status": "completed", "from": "+331", "to": "+332", "cost": "cheap"}
    entry = structured(saying("call.transferred", **leg))
    yield BadEntry("cost in words", entry, ParkReason.WRONG_SHAPE, "`cost`")
