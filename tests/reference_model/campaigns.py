"""Campaign executions: `GET /api/v1/campaigns/{campaign_id}/executions` (reports.md)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from tests.reference_model.arithmetic import whole_seconds
from tests.reference_model.attempts import CALL, RUN, Attempt
from tests.reference_model.contacts import Enrolment
from tests.reference_model.event_set import select, winner, winning_data
from tests.reference_model.executions import Execution
from tests.reference_model.integers import hashed, integer_of
from tests.reference_model.organizations import Organization
from tests.reference_model.times import format_seconds

_STATUS_OF_OUTCOME = {
    "completed": "completed",
    "voicemail": "voicemail",
    "no_answer": "no_answer",
    "busy": "busy",
    "rejected": "failed",
    "failed": "failed",
    "no_credits": "failed",
    "cancelled": "skipped",
}
_STATUS_OF_SMS = {
    "sms.sent": "in_progress",
    "sms.delivered": "completed",
    "sms.failed": "failed",
}
#: Statuses that are explained by `error_details`.
_EXPLAINED = ("failed", "no_answer", "busy", "skipped")


@dataclass(frozen=True)
class Item:
    """An execution of a campaign, with the exact time that orders it."""

    at: datetime
    body: dict[str, Any]


def campaign_executions(
    organization: Organization, campaign_id: str, *, page: int, per_page: int, status: str | None
) -> dict[str, Any] | None:
    """One page of the items, newest first; None where nothing names the campaign."""
    if not is_campaign(organization, campaign_id):
        return None
    items = [
        item
        for item in _sorted_items(organization, campaign_id)
        if status is None or item.body["status"] == status
    ]
    first = (page - 1) * per_page
    shown = items[first : first + per_page]
    return {
        "executions": [item.body for item in shown],
        "pagination": pagination(len(items), page, per_page),
    }


def attempt_item(organization: Organization, attempt_id: str) -> dict[str, Any] | None:
    """One attempt as an item of its campaign; None for a run and for what is unknown."""
    attempt = organization.attempts.get(attempt_id)
    if attempt is None or attempt.kind == RUN:
        return None
    return _attempt_body(organization, attempt)


def pagination(items: int, page: int, per_page: int) -> dict[str, Any]:
    """The vendor's account of a page."""
    return {
        "page": page,
        "per_page": per_page,
        "total_items": items,
        "total_pages": -(-items // per_page),
        "has_next": page * per_page < items,
        "has_prev": page > 1,
    }


def is_campaign(organization: Organization, campaign_id: str) -> bool:
    """Say whether an execution or an attempt names the program."""
    executions = organization.executions
    return any(each.scheduled.get("programId") == campaign_id for each in executions) or any(
        organization.of_attempt(attempt, "programId") == campaign_id
        for attempt in organization.attempts.values()
    )


@lru_cache(maxsize=8)
def _sorted_items(organization: Organization, campaign_id: str) -> list[Item]:
    """All items, newest first; kept, since one page after the other is asked for."""
    items = _items(organization, campaign_id)
    return sorted(items, key=lambda item: (item.at, item.body["id"]), reverse=True)


def _items(organization: Organization, campaign_id: str) -> Iterator[Item]:
    for attempt in organization.attempts.values():
        if attempt.kind == RUN:
            continue
        if organization.of_attempt(attempt, "programId") == campaign_id:
            yield Item(attempt.started_at, _attempt_body(organization, attempt))
    for execution in organization.executions:
        if execution.scheduled.get("programId") != campaign_id:
            continue
        for contact_id, enrolment in execution.enrolments.items():
            if enrolment.status == "skipped" and contact_id not in execution.attempts_by_contact:
                body = _skipped_body(organization, execution, contact_id, enrolment)
                yield Item(enrolment.status_at, body)


def _attempt_body(organization: Organization, attempt: Attempt) -> dict[str, Any]:
    request, number = attempt.request, integer_of(attempt.id)
    is_call = attempt.kind == CALL
    name, phone = contact_of(organization, organization.execution_of(attempt), attempt.contact_id)
    return {
        "id": number,
        "execution_id": number,
        "contact_id": None if attempt.contact_id is None else integer_of(attempt.contact_id),
        "contact_name": name,
        "contact_phone": phone or request.get("to"),
        "status": attempt_status(attempt),
        "call_id": request.get("providerCallId", attempt.id) if is_call else None,
        "sms_id": None if is_call else request.get("smsId", attempt.id),
        "executed_at": format_seconds(attempt.started_at),
        "execution_data": _execution_data(attempt),
    }


def _skipped_body(
    organization: Organization, execution: Execution, contact_id: str, enrolment: Enrolment
) -> dict[str, Any]:
    number = hashed(f"{execution.id}\n{contact_id}")
    name, phone = contact_of(organization, execution, contact_id)
    reason = enrolment.status_data.get("reason") or None
    return {
        "id": number,
        "execution_id": number,
        "contact_id": integer_of(contact_id),
        "contact_name": name,
        "contact_phone": phone,
        "status": "skipped",
        "call_id": None,
        "sms_id": None,
        "executed_at": format_seconds(enrolment.status_at),
        "execution_data": {} if reason is None else {"error_details": reason},
    }


def contact_of(
    organization: Organization, execution: Execution | None, contact_id: str | None
) -> tuple[str | None, str | None]:
    """Name and phone: the profile's, else the enrolment's; what is empty says nothing."""
    if contact_id is None:
        return None, None
    profile = organization.profile(contact_id)
    enrolment = execution.enrolments.get(contact_id) if execution else None
    enrolled = enrolment.enrolled if enrolment else {}
    names = [name for name in (profile["firstName"], profile["lastName"]) if name]
    return (
        " ".join(names) or enrolled.get("name") or None,
        profile["phone"] or enrolled.get("phone") or None,
    )


def attempt_status(attempt: Attempt) -> str:
    """Status of a call by its outcome, of a lone SMS by the winner of what became of it."""
    if attempt.kind == CALL:
        if attempt.outcome is None:
            return "in_progress"
        return _STATUS_OF_OUTCOME.get(attempt.outcome, "failed")
    won = winner(select(attempt.events, *_STATUS_OF_SMS))
    return _STATUS_OF_SMS[won.type] if won else "pending"


def _execution_data(attempt: Attempt) -> dict[str, Any]:
    request, end = attempt.request, attempt.end
    analysis = winning_data(select(attempt.events, "call.analyzed"))
    data = {
        "from_number": request.get("from"),
        "to_number": request.get("to"),
        "personalized_welcome_message": request.get("welcomeMessage"),
        "personalized_agenda": request.get("agenda"),
        "template_variables_used": request.get("variables"),
        "duration_seconds": _duration_seconds(attempt),
        "error_details": _error_details(attempt),
        "retry_reason": end.get("retryReason"),
        "voice_analytics": analysis.get("voiceAnalytics"),
    }
    return {key: value for key, value in data.items() if value is not None}


def _duration_seconds(attempt: Attempt) -> int | None:
    return None if attempt.duration_ms is None else whole_seconds(attempt.duration_ms)


def _error_details(attempt: Attempt) -> Any:
    if attempt_status(attempt) not in _EXPLAINED:
        return None
    if attempt.kind != CALL:
        return winning_data(select(attempt.events, *_STATUS_OF_SMS)).get("error") or None
    # An empty text explains nothing.
    return attempt.end.get("error") or attempt.end.get("hangupReason") or attempt.outcome
