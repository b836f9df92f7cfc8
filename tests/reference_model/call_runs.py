"""What seed-systems.md, 1.13, says of a call report: `GET /call-report/call/{callId}`.

The page names keys and leaves much of their content open, so only what follows from the contract
is here; a comparison looks at these keys alone.
"""

from __future__ import annotations

from typing import Any

from tests.reference_model.attempts import CALL, Attempt
from tests.reference_model.event_set import earliest_at, select
from tests.reference_model.flows import NodeTypes
from tests.reference_model.organizations import Organization
from tests.reference_model.times import format_instant
from tests.reference_model.workflows import published_flow


def call_run(organization: Organization, call_id: str) -> dict[str, Any] | None:
    """The keys that are settled; None for what is no call."""
    call = organization.attempts.get(call_id)
    if call is None or call.kind != CALL:
        return None
    body: dict[str, Any] = {
        "callId": call.id,
        "attempt": call.number,
        "programId": organization.of_attempt(call, "programId"),
        "programExecutionId": call.execution_id,
        "contactId": call.contact_id,
        "call": _call(call),
        "outcome": call.outcome,
    }
    path = _path(organization, call)
    if path:
        body["flowExecution"] = {"executionPath": path, "nodeExecutionCount": len(path)}
    if call.cost > 0:
        body["billing"] = {"totalCost": call.cost}
    return {key: value for key, value in body.items() if value is not None}


def _call(call: Attempt) -> dict[str, Any]:
    instants = {
        "createdAt": call.started_at,
        "answeredAt": earliest_at(select(call.events, "call.answered")),
        "terminatedAt": call.ended_at,
    }
    body: dict[str, Any] = {
        "direction": call.direction,
        "from": call.from_number,
        "to": call.to_number,
        **{key: format_instant(at) for key, at in instants.items() if at is not None},
        "durationMs": call.duration_ms,
    }
    return {key: value for key, value in body.items() if value is not None}


def _path(organization: Organization, call: Attempt) -> list[dict[str, Any]]:
    """Its steps in order of start, each under its node's type."""
    flow = published_flow(organization, call)
    execution = organization.execution_of(call)
    types = NodeTypes(flow, execution.steps if execution else call.steps)
    path = []
    for step in call.steps:
        entry = {
            "nodeId": step.node_id,
            "nodeType": types[step.node_id],
            "outputPath": step.exit.get("output"),
            "timestamp": format_instant(step.started_at),
        }
        path.append({key: value for key, value in entry.items() if value is not None})
    return path
