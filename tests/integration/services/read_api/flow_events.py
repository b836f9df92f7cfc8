"""Events of flows and of attempts that run them, and a database that they are folded into."""

from typing import Any

from tests.integration.services.read_api.batches import Batches
from tests.integration.services.read_api.given import ORGANIZATION
from tests.integration.shared.storage.lane_owner import lane_owner

FLOW = "menu"
EXECUTION = "spring/1"


def event(
    type_: str,
    subject: str,
    clock: str,
    data: dict[str, Any] | None = None,
    *,
    execution_id: str | None = EXECUTION,
    organization_id: str = ORGANIZATION,
) -> dict[str, Any]:
    """Build one event at a UTC time of 2026-03-02; ids are given when it is committed."""
    said = {
        "specversion": "1.0",
        "source": "/dialer",
        "type": type_,
        "subject": subject,
        "time": f"2026-03-02T{clock}Z",
        "organizationid": organization_id,
        "data": data or {},
    }
    return said if execution_id is None else {**said, "executionid": execution_id}


def published(
    nodes: list[dict[str, Any]],
    edges: list[dict[str, Any]],
    clock: str,
    version: int = 1,
    flow_id: str = FLOW,
    **data: object,
) -> dict[str, Any]:
    """Build a `flow.published`."""
    payload = {"name": "Menu", "version": version, "nodes": nodes, "edges": edges, **data}
    return event("flow.published", flow_id, clock, payload, execution_id=None)


def initiated(call: str, clock: str, **data: object) -> dict[str, Any]:
    """Build a `call.initiated`."""
    numbers = {"from": "+212500000001", "to": "+212612345678"}
    return event("call.initiated", call, clock, {**numbers, **data})


def ended(call: str, clock: str, **data: object) -> dict[str, Any]:
    """Build a `call.ended`."""
    return event("call.ended", call, clock, data)


def step(
    attempt: str,
    step_id: str,
    node_id: str,
    entered: str,
    exited: str | None = None,
    *,
    node_type: str | None = None,
    execution_id: str | None = EXECUTION,
    **said: object,
) -> list[dict[str, Any]]:
    """Build the events of a step; what is said goes to its exit."""
    names = {"stepId": step_id, "nodeId": node_id}
    typed = names if node_type is None else {**names, "nodeType": node_type}
    events = [event("node.entered", attempt, entered, typed, execution_id=execution_id)]
    if exited is not None:
        left = {**names, **said}
        events.append(event("node.exited", attempt, exited, left, execution_id=execution_id))
    return events


def fold(database_url: str, *events: dict[str, Any]) -> None:
    """Commit events as a projector does, in one batch."""
    with lane_owner(database_url, "tests") as owner:
        Batches(owner).commit(*events)
