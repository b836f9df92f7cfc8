"""Events for the tests of the reference model: valid by the contract, on one Saturday."""

from __future__ import annotations

from datetime import datetime
from itertools import count
from typing import Any

from tests.reference_model import ReferenceModel
from tests.reference_model.times import parse_instant

ORGANIZATION = "acme"
EXECUTION = "spring"

_IDS = count(1)


def event(
    type_: str,
    subject: str,
    clock: str = "10:00:00",
    data: dict[str, Any] | None = None,
    *,
    execution_id: str | None = EXECUTION,
    source: str = "/dialer",
    id_: str | None = None,
    organization_id: str = ORGANIZATION,
) -> dict[str, Any]:
    """Build one event; `clock` is a UTC time of day, `execution_id=None` leaves it out."""
    envelope = {
        "specversion": "1.0",
        "id": id_ or f"id-{next(_IDS):04d}",
        "source": source,
        "type": type_,
        "subject": subject,
        "time": f"2025-12-20T{clock}Z",
        "organizationid": organization_id,
        "data": data or {},
    }
    return envelope if execution_id is None else {**envelope, "executionid": execution_id}


def scheduled(clock: str = "08:00:00", **data: object) -> dict[str, Any]:
    """Build the `execution.scheduled` of the tests' execution."""
    return event("execution.scheduled", EXECUTION, clock, {"programId": "program", **data})


def published(
    nodes: list[dict[str, Any]],
    edges: list[tuple[str, str]] | None = None,
    *,
    clock: str = "07:00:00",
    version: int = 1,
    **data: object,
) -> dict[str, Any]:
    """Build the `flow.published` of the flow `menu`; edges are pairs of node ids."""
    listed = [
        {"id": f"edge-{number}", "source": source, "target": target}
        for number, (source, target) in enumerate(edges or [])
    ]
    payload = {"name": "Menu", "version": version, "nodes": nodes, "edges": listed, **data}
    return event("flow.published", "menu", clock, payload, execution_id=None)


def entered(
    subject: str, step_id: str, node_id: str, clock: str = "10:00:00", **data: object
) -> dict[str, Any]:
    """Build a `node.entered`."""
    return event("node.entered", subject, clock, {"stepId": step_id, "nodeId": node_id, **data})


def exited(
    subject: str, step_id: str, node_id: str, clock: str = "10:00:00", **data: object
) -> dict[str, Any]:
    """Build a `node.exited`."""
    return event("node.exited", subject, clock, {"stepId": step_id, "nodeId": node_id, **data})


def pressed(
    subject: str, step_id: str, digits: str, clock: str = "10:00:00", node_id: str = "keys"
) -> dict[str, Any]:
    """Build a `dtmf.received`."""
    payload = {"stepId": step_id, "nodeId": node_id, "digits": digits}
    return event("dtmf.received", subject, clock, payload)


def charged(subject: str, amount: object, **data: object) -> dict[str, Any]:
    """Build a `call.charged`."""
    return event("call.charged", subject, "10:30:00", {"amount": amount, **data})


def at(text: str) -> datetime:
    """Read an instant."""
    return parse_instant(text)


def report_of(*events: dict[str, Any], now: str = "2025-12-20T12:00:00Z") -> dict[str, Any]:
    """Give the main report of the tests' execution, which has to exist."""
    return known(ReferenceModel(events).report(ORGANIZATION, EXECUTION, at(now)))


def calls_of(*events: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the call history of the tests' execution, which has to exist."""
    history = known(ReferenceModel(events).calls(ORGANIZATION, EXECUTION, limit=100))
    return list(history["data"])


def node_stats_of(*events: dict[str, Any]) -> dict[str, Any]:
    """Give the node statistics of the tests' execution, which has to exist."""
    return known(ReferenceModel(events).node_stats(ORGANIZATION, EXECUTION))


def billing_of(*events: dict[str, Any]) -> dict[str, Any]:
    """Give the billing report of the tests' execution, which has to exist."""
    return known(ReferenceModel(events).billing(ORGANIZATION, EXECUTION))


def campaign_items_of(*events: dict[str, Any], **asked: Any) -> list[dict[str, Any]]:
    """Give the items of the campaign `program`, which has to exist."""
    body = known(ReferenceModel(events).campaign_executions(ORGANIZATION, "program", **asked))
    return list(body["executions"])


def call_of(*events: dict[str, Any]) -> dict[str, Any]:
    """Give the call `x`, which has to exist."""
    return known(ReferenceModel(events).call_execution(ORGANIZATION, "x"))


def workflow_of(*events: dict[str, Any]) -> dict[str, Any]:
    """Give the data of the attempt `x` of the flow `menu`, which has to exist."""
    body = known(ReferenceModel(events).workflow_execution(ORGANIZATION, "menu", "x"))
    return dict(body["data"])


def known(body: dict[str, Any] | None) -> dict[str, Any]:
    """Refuse a 404."""
    assert body is not None
    return body
