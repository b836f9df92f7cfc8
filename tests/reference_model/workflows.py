"""Workflow executions: one of them with its steps, and the list of a workflow (reports.md)."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any

from tests.reference_model.attempts import CALL, LONE_SMS, Attempt, newest_first
from tests.reference_model.event_set import earliest_at, select
from tests.reference_model.flows import Flow, Node, NodeTypes, version_in_use
from tests.reference_model.organizations import Organization
from tests.reference_model.steps import Step
from tests.reference_model.times import format_seconds, parse_instant

_EDGE_KEYS = ("id", "type", "source", "target", "value")


def workflow_execution(
    organization: Organization, workflow_id: str, attempt_id: str
) -> dict[str, Any] | None:
    """Body of one; None where there is no such call or run of that flow."""
    attempt = organization.attempts.get(attempt_id)
    if attempt is None or not _belongs(organization, attempt, workflow_id):
        return None
    return {
        "success": True,
        "data": {**_summary(organization, attempt), "steps": _steps(organization, attempt)},
    }


def workflow_page(
    organization: Organization,
    workflow_id: str,
    *,
    offset: int,
    limit: int,
    contact_id: str | None = None,
    status: str | None = None,
    start: str | None = None,
    end: str | None = None,
) -> dict[str, Any] | None:
    """Body of the list of a workflow, newest first; None where nothing names the flow.

    Args:
        start: Only those that start at this instant or later.
        end: Only those that start at this instant or before.
    """
    attempts = _attempts(organization, workflow_id)
    if attempts is None:
        return None
    wanted = [
        attempt
        for attempt in attempts
        if contact_id in (None, attempt.contact_id)
        and status in (None, workflow_status(attempt))
        and (start is None or attempt.started_at >= parse_instant(start))
        and (end is None or attempt.started_at <= parse_instant(end))
    ]
    shown = wanted[offset : offset + limit]
    return {
        "success": True,
        "pagination": {
            "totalCount": len(wanted),
            "limit": limit,
            "offset": offset,
            "hasNext": offset + limit < len(wanted),
        },
        "data": [_summary(organization, attempt) for attempt in shown],
    }


@lru_cache(maxsize=8)
def _attempts(organization: Organization, workflow_id: str) -> list[Attempt] | None:
    """Calls and runs of a flow, newest first; kept, since page after page is asked for."""
    published = organization.events.of(organization.id, "flow", workflow_id)
    if not published and workflow_id not in organization.named("flowId"):
        return None
    attempts = [
        attempt
        for attempt in organization.attempts.values()
        if _belongs(organization, attempt, workflow_id)
    ]
    return newest_first(attempts)


def workflow_status(attempt: Attempt) -> str:
    """`active` until its end, then by flow outcome, without one by the call's outcome."""
    if not select(attempt.events, "call.ended" if attempt.kind == CALL else "run.ended"):
        return "active"
    outcome = attempt.outcome if attempt.flow_outcome is None else attempt.flow_outcome
    if outcome in ("completed", "cancelled"):
        return outcome
    return "completed" if attempt.flow_outcome == "user_hangup" else "failed"


def _belongs(organization: Organization, attempt: Attempt, workflow_id: str) -> bool:
    if attempt.kind == LONE_SMS:
        return False
    flow_id: str | None = organization.of_attempt(attempt, "flowId")
    return flow_id == workflow_id


def published_flow(organization: Organization, attempt: Attempt) -> Flow | None:
    """The published flow that the attempt walks."""
    version, started_at = _version_said(organization, attempt)
    flow_id = organization.of_attempt(attempt, "flowId")
    published = organization.events.of(organization.id, "flow", flow_id)
    return version_in_use(published, version, started_at)


def _version_said(
    organization: Organization, attempt: Attempt
) -> tuple[int | None, datetime | None]:
    """The version that is said, and the start that decides where none is.

    The execution's version is one of the execution's flow: it says nothing of another flow, nor
    does the execution's start.
    """
    own: int | None = attempt.said("flowVersion")
    execution = organization.execution_of(attempt)
    scheduled = execution.scheduled if execution else {}
    walks_it = attempt.said("flowId") in (None, scheduled.get("flowId"))
    if execution is None or not scheduled or not walks_it:
        return own, attempt.started_at
    return (scheduled.get("flowVersion") if own is None else own), execution.started_at


def _summary(organization: Organization, attempt: Attempt) -> dict[str, Any]:
    flow = published_flow(organization, attempt)
    version = flow["version"] if flow else _version_said(organization, attempt)[0]
    number = None if version is None else str(version)
    ended_at = attempt.ended_at
    if attempt.kind != CALL:
        ended_at = earliest_at(select(attempt.events, "run.ended"))
    return {
        "id": attempt.id,
        "status": workflow_status(attempt),
        "version": {
            "id": flow.get("versionId", number) if flow else number,
            "name": (flow["name"] or None) if flow else None,
        },
        "start": format_seconds(attempt.started_at),
        "end": format_seconds(ended_at),
    }


def _steps(organization: Organization, attempt: Attempt) -> list[dict[str, Any]]:
    flow = published_flow(organization, attempt)
    execution = organization.execution_of(attempt)
    types = NodeTypes(flow, execution.steps if execution else attempt.steps)
    nodes: dict[str, Node] = {}
    for node in flow["nodes"] if flow else []:
        nodes.setdefault(node["id"], node)
    return [_step(step, types, nodes.get(step.node_id, {}), flow) for step in attempt.steps]


def _step(step: Step, types: NodeTypes, node: Node, flow: Flow | None) -> dict[str, Any]:
    own_type = types[step.node_id]
    body = {
        "id": step.id,
        "start": format_seconds(step.started_at),
        "end": format_seconds(step.ended_at),
        "node": {
            "id": step.node_id,
            "type": node.get(
                "definition", {"id": own_type, "type": own_type, "label": node.get("label")}
            ),
            "context": step.exit.get("context"),
        },
    }
    edge = _edge(step, flow)
    return body if edge is None else {**body, "edge": edge}


def _edge(step: Step, flow: Flow | None) -> dict[str, Any] | None:
    """The published edge with the step's `edgeId`, else the first that leaves by its output."""
    edges = flow["edges"] if flow else []
    named = [edge for edge in edges if edge["id"] == step.exit.get("edgeId")]
    leaving = [
        edge
        for edge in edges
        if "output" in step.exit
        and edge["source"] == step.node_id
        and edge.get("value") == step.exit["output"]
    ]
    for edge in named + leaving:
        return {key: edge.get(key) for key in _EDGE_KEYS} | {"type": edge.get("type", "standard")}
    return None
