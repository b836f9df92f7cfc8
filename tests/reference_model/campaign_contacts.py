"""Contacts and progress of a campaign, as far as seed-systems.md, 2.3, 2.4 and 5.1, says it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from tests.reference_model.arithmetic import (
    average_seconds,
    exact_sum,
    percentage,
    whole_seconds,
)
from tests.reference_model.attempts import CALL, RUN, Attempt, newest_first
from tests.reference_model.campaigns import (
    attempt_status,
    campaign_executions,
    contact_of,
    is_campaign,
    pagination,
)
from tests.reference_model.contacts import Enrolment
from tests.reference_model.executions import Execution
from tests.reference_model.integers import integer_of
from tests.reference_model.organizations import Organization
from tests.reference_model.times import format_seconds

_STATUS = {"queued": "pending", "calling": "in_progress", "pendingRetry": "pending"}
#: What became of the last attempt says how a contact failed.
_FAILURES = ("no_answer", "busy", "voicemail")
_ACTIVITY_KEYS = ("execution_id", "contact_phone", "status", "executed_at", "call_id")
_ACTIVITY_ITEMS = 10
#: Stored status of an execution → of a campaign (5.4).
_CAMPAIGN_STATUS = {
    "scheduled": "scheduled",
    "running": "running",
    "paused": "paused",
    "paused_no_credits": "paused",
    "paused_threshold": "paused",
    "completed": "completed",
    "stopped": "completed",
    "cancelled": "cancelled",
}


def campaign_contacts(
    organization: Organization, campaign_id: str, *, page: int, per_page: int, status: str | None
) -> dict[str, Any] | None:
    """One page of the contacts, by id."""
    if not is_campaign(organization, campaign_id):
        return None
    contacts = [
        contact
        for contact in _contacts(organization, campaign_id)
        if status in (None, contact["status"])
    ]
    first = (page - 1) * per_page
    return {
        "contacts": contacts[first : first + per_page],
        "pagination": pagination(len(contacts), page, per_page),
    }


def campaign_progress(organization: Organization, campaign_id: str) -> dict[str, Any] | None:
    """Contacts in four buckets, the rates of these, and the latest items."""
    newest = campaign_executions(
        organization, campaign_id, page=1, per_page=_ACTIVITY_ITEMS, status=None
    )
    if newest is None:
        return None
    statuses = Counter(
        _STATUS.get(enrolment.status, enrolment.status)
        for *_, enrolment in _enrolments(organization, campaign_id)
    )
    total = statuses.total() - statuses["skipped"]
    done = statuses["completed"] + statuses["failed"]
    success_rate = percentage(statuses["completed"], done)
    return {
        "progress": {
            "total_contacts": total,
            "completed": statuses["completed"],
            "failed": statuses["failed"],
            "processing": statuses["in_progress"],
            "pending": statuses["pending"],
            "progress_percentage": percentage(done, total),
            "success_rate": success_rate,
        },
        "metrics": _metrics(organization, campaign_id, statuses["completed"], done, total),
        "recent_activity": [
            {key: item[key] for key in _ACTIVITY_KEYS} for item in newest["executions"]
        ],
    }


def campaign(organization: Organization, campaign_id: str) -> dict[str, Any] | None:
    """What it is: status and times are its latest execution's."""
    progress = campaign_progress(organization, campaign_id)
    if progress is None:
        return None
    own = [
        (execution.first_at, execution.id, execution)
        for execution in organization.executions
        if execution.scheduled.get("programId") == campaign_id
    ]
    latest = max(own)[2] if own else None
    plan = latest.scheduled if latest else {}
    kinds = sorted({attempt.kind for attempt in _attempts(organization, campaign_id)})
    return {
        "id": integer_of(campaign_id),
        "name": plan.get("programName") or None,
        "status": _CAMPAIGN_STATUS.get(str(latest.status)) if latest else None,
        "campaign_type": "mixed" if len(kinds) > 1 else next(iter(kinds), None),
        "assistant_id": plan.get("agentId"),
        "total_contacts": progress["progress"]["total_contacts"],
        "completed_contacts": progress["progress"]["completed"],
        "failed_contacts": progress["progress"]["failed"],
        "created_at": format_seconds(min(own)[0]) if own else None,
        "started_at": format_seconds(latest.started_at) if latest else None,
        "completed_at": format_seconds(latest.ended_at) if latest else None,
        "metrics": progress["metrics"],
    }


def _metrics(
    organization: Organization, campaign_id: str, completed: int, done: int, total: int
) -> dict[str, Any]:
    """Over calls and lone SMS of the campaign, wherever they ran."""
    attempts = _attempts(organization, campaign_id)
    calls = [attempt for attempt in attempts if attempt.kind == CALL]
    duration_ms = sum(call.duration_ms or 0 for call in calls)
    answered = sum(call.history_status == "completed" for call in calls)
    return {
        "total_duration_seconds": whole_seconds(duration_ms),
        "average_duration_seconds": average_seconds(duration_ms, completed),
        "success_rate": percentage(completed, done),
        "answer_rate": percentage(answered, len(calls)),
        "completion_rate": percentage(completed, total),
        "cost_estimate": None,
        "actual_cost": exact_sum(attempt.cost for attempt in attempts),
        "last_updated": None,
    }


def _attempts(organization: Organization, campaign_id: str) -> list[Attempt]:
    return [
        attempt
        for attempt in organization.attempts.values()
        if attempt.kind != RUN and organization.of_attempt(attempt, "programId") == campaign_id
    ]


@lru_cache(maxsize=8)
def _contacts(organization: Organization, campaign_id: str) -> list[dict[str, Any]]:
    """All contacts; kept, since one page after the other is asked for."""
    enrolments = _enrolments(organization, campaign_id)
    by_id = sorted(enrolments, key=lambda found: (found[1], found[0].id))
    return [_contact(organization, *found) for found in by_id]


def _enrolments(
    organization: Organization, campaign_id: str
) -> Iterator[tuple[Execution, str, Enrolment]]:
    for execution in organization.executions:
        if execution.scheduled.get("programId") == campaign_id:
            for contact_id, enrolment in execution.enrolments.items():
                yield execution, contact_id, enrolment


def _contact(
    organization: Organization, execution: Execution, contact_id: str, enrolment: Enrolment
) -> dict[str, Any]:
    tries = _tries(organization, execution, contact_id)
    status = _STATUS.get(enrolment.status, enrolment.status)
    if status == "failed" and tries and attempt_status(tries[0]) in _FAILURES:
        status = attempt_status(tries[0])
    return {
        "id": integer_of(contact_id),
        "phone_number": contact_of(organization, execution, contact_id)[1],
        "contact_data": {
            "company": None,
            "source": None,
            "variable_values": enrolment.enrolled.get("variables", {}),
            "custom_fields": organization.profile(contact_id)["attributes"],
        },
        "status": status,
        "attempts": len(tries),
        "created_at": format_seconds(enrolment.first_at),
        "last_attempt_at": format_seconds(tries[0].started_at) if tries else None,
    }


def _tries(organization: Organization, execution: Execution, contact_id: str) -> list[Attempt]:
    """The campaign's calls and lone SMS to the contact in the execution, newest first."""
    campaign_id = execution.scheduled["programId"]
    return newest_first(
        attempt
        for attempt in execution.attempts_by_contact.get(contact_id, [])
        if attempt.kind != RUN and organization.of_attempt(attempt, "programId") == campaign_id
    )
