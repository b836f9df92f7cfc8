"""Executions themselves: `GET /program-executions` (active ones) and `/program-executions/{id}`.

Names and the meaning of the coarse counters: seed-systems.md, 1.4 and 1.7.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.reference_model.executions import Execution
from tests.reference_model.organizations import Organization
from tests.reference_model.times import format_instant, parse_instant

_OVER = ("completed", "stopped", "cancelled")


def active_executions(organization: Organization, *, page: int, limit: int) -> dict[str, Any]:
    """One page of those that are scheduled, running or paused, the latest made first."""
    active = [each for each in organization.executions if each.status not in (None, *_OVER)]
    active.sort(key=lambda each: each.id)
    active.sort(
        key=lambda each: each.first_at or parse_instant("0001-01-01T00:00:00Z"), reverse=True
    )
    first = (page - 1) * limit
    return {
        "data": [program_execution(each) for each in active[first : first + limit]],
        "meta": {
            "page": page,
            "limit": limit,
            "total": len(active),
            "totalPages": -(-len(active) // limit),
            "hasNextPage": page * limit < len(active),
            "hasPreviousPage": page > 1,
        },
    }


def program_execution(execution: Execution) -> dict[str, Any]:
    """One of them, with its contacts in five coarse buckets."""
    scheduled, statuses = execution.scheduled, Counter(execution.contact_statuses)
    body: dict[str, Any] = {
        "id": execution.id,
        "programId": scheduled.get("programId"),
        "organizationId": execution.organization_id,
        "audienceId": scheduled.get("audienceId"),
        "flowId": scheduled.get("flowId"),
        "status": execution.status,
        "totalContacts": statuses.total(),
        "contactsCompleted": statuses["completed"],
        "contactsFailed": statuses["failed"],
        "contactsPending": statuses["pending"] + statuses["pendingRetry"],
        "contactsInProgress": statuses["queued"] + statuses["calling"],
        "scheduledStartAt": None,
    }
    for key in ("scheduledStartAt", "scheduledStopAt"):
        if key in scheduled:
            body[key] = format_instant(parse_instant(scheduled[key]))
    for key, instant in (
        ("actualStartAt", execution.started_at),
        ("actualEndAt", execution.ended_at),
    ):
        if instant is not None:
            body[key] = format_instant(instant)
    for key, instant in (("createdAt", execution.first_at), ("updatedAt", execution.last_at)):
        body[key] = None if instant is None else format_instant(instant)
    return body
