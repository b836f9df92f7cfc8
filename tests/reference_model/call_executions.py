"""Call executions: `GET /executions/{execution_id}` and the lists of them (reports.md)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from tests.reference_model.arithmetic import exact_sum, whole_seconds
from tests.reference_model.attempts import CALL, Attempt, amount_of, newest_first
from tests.reference_model.event_set import select, winners_by, winning_data
from tests.reference_model.organizations import Organization
from tests.reference_model.times import format_seconds

_COMPONENTS = ("llm", "network", "platform", "synthesizer", "transcriber")
#: Stored status of an execution → of a batch (seed-systems.md, 5.4; a deadline has no word there).
_STATUS_OF_BATCH = {
    "scheduled": "scheduled",
    "running": "queued",
    "paused": "queued",
    "paused_no_credits": "queued",
    "paused_threshold": "queued",
    "completed": "executed",
    "stopped": "stopped",
    "cancelled": "stopped",
}
_STATUS_OF_OUTCOME = {
    "completed": "completed",
    "voicemail": "completed",
    "no_answer": "no-answer",
    "busy": "busy",
    "rejected": "failed",
    "failed": "failed",
    "cancelled": "canceled",
    "no_credits": "balance-low",
}


def call_execution(organization: Organization, call_id: str) -> dict[str, Any] | None:
    """Body of one call; None for what is unknown, a run or a lone SMS."""
    call = organization.attempts.get(call_id)
    if call is None or call.kind != CALL:
        return None
    return _body(organization, call)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a list of calls is narrowed to; None lets everything through.

    Attributes:
        created_from: Of those created in this second or later, as UTC text with `Z`.
        created_to: Of those created in this second or before.
    """

    status: str | None = None
    call_type: str | None = None
    provider: str | None = None
    answered_by_voice_mail: bool | None = None
    batch_id: str | None = None
    created_from: str | None = None
    created_to: str | None = None

    def lets_through(self, body: dict[str, Any]) -> bool:
        """Say whether a call is wanted."""
        found = {
            "status": body["status"],
            "call_type": body["telephony_data"]["call_type"],
            "provider": body["telephony_data"]["provider"],
            "answered_by_voice_mail": body["answered_by_voice_mail"],
            "batch_id": body["batch_id"],
        }
        if not (self.created_from or "") <= body["created_at"] <= (self.created_to or "9999"):
            return False
        return all(getattr(self, key) in (None, value) for key, value in found.items())


EVERY_CALL = Wanted()


def agent_page(
    organization: Organization, agent_id: str, wanted: Wanted, *, page_number: int, page_size: int
) -> dict[str, Any] | None:
    """Body of `/v2/agent/{agent_id}/executions`; None where nothing names the agent."""
    calls = call_list(organization, "agentId", agent_id)
    if calls is None:
        return None
    calls = [body for body in calls if wanted.lets_through(body)]
    last = page_number * page_size
    return {
        "page_number": page_number,
        "page_size": page_size,
        "total": len(calls),
        "has_more": last < len(calls),
        "data": calls[last - page_size : last],
    }


@lru_cache(maxsize=8)
def call_list(organization: Organization, key: str, owner_id: str) -> list[dict[str, Any]] | None:
    """Calls of an agent (`agentId`) or a batch (`batchId`), newest first; None if never named.

    Kept, since one page after the other is asked for.
    """
    if owner_id not in organization.named(key):
        return None
    calls = [
        call
        for call in organization.attempts.values()
        if call.kind == CALL and organization.of_call(call, key) == owner_id
    ]
    return [_body(organization, call) for call in newest_first(calls)]


def call_batch(organization: Organization, batch_id: str) -> dict[str, Any] | None:
    """How a batch stands; None if never named."""
    calls = call_list(organization, "batchId", batch_id)
    if calls is None:
        return None
    own = sorted(
        (
            execution
            for execution in organization.executions
            if execution.scheduled.get("batchId") == batch_id
        ),
        key=lambda execution: (execution.first_at, execution.id),
    )
    statuses = [status for execution in own for status in execution.contact_statuses]
    return {
        "batch_id": batch_id,
        "status": _STATUS_OF_BATCH[str(own[-1].status)] if own else None,
        "created_at": format_seconds(own[0].first_at) if own else None,
        "updated_at": format_seconds(max(o.last_at for o in own if o.last_at)) if own else None,
        "valid_contacts": len(statuses) - statuses.count("skipped"),
        "total_contacts": len(statuses),
        "execution_status": dict(sorted(Counter(call["status"] for call in calls).items())),
    }


def call_status(call: Attempt) -> str:
    """The furthest state, then the outcome once nothing more is computed."""
    types = {event.type for event in call.events}
    if call.outcome is None:
        if "call.answered" in types:
            return "in-progress"
        if "call.ringing" in types:
            return "ringing"
        return "initiated" if "call.initiated" in types else "queued"
    if call.end.get("final", True) is False and "call.finalized" not in types:
        return "call-disconnected"
    return _STATUS_OF_OUTCOME.get(call.outcome, "failed")


def _body(organization: Organization, call: Attempt) -> dict[str, Any]:
    transfers = select(call.events, "call.transferred")
    batch_id = organization.of_call(call, "batchId")
    body = {
        "id": call.id,
        "agent_id": organization.of_call(call, "agentId"),
        "batch_id": batch_id,
        "conversation_time": whole_seconds(call.duration_ms or 0),
        "total_cost": call.cost,
        "status": call_status(call),
        "answered_by_voice_mail": call.outcome == "voicemail",
        "transcript": winning_data(select(call.events, "call.transcribed")).get("transcript"),
        "created_at": format_seconds(call.started_at),
        "updated_at": format_seconds(call.last_at),
        "cost_breakdown": _cost_breakdown(call),
        "telephony_data": _telephony_data(call),
    }
    if transfers:
        body["transfer_call_data"] = _transfer(winning_data(transfers))
    if batch_id is not None:
        body["batch_run_details"] = _batch_run_details(organization, call)
    analysis = winning_data(select(call.events, "call.analyzed"))
    body["extracted_data"] = analysis.get("extractedData")
    body["context_details"] = call.request.get("context")
    return body


def _cost_breakdown(call: Attempt) -> dict[str, Decimal]:
    named: dict[str, list[Decimal]] = {component: [] for component in _COMPONENTS}
    for charge in sorted(call.charges, key=lambda charge: str(charge.get("component"))):
        if "component" in charge:
            named.setdefault(charge["component"], []).append(amount_of(charge))
    return {component: exact_sum(amounts) for component, amounts in named.items()}


def _telephony_data(call: Attempt) -> dict[str, Any]:
    request, end = call.request, call.end
    recordings = [
        event
        for event in winners_by(select(call.events, "call.recorded"), "recordingId")
        if "url" in event.data and "nodeId" not in event.data
    ]
    return {
        "duration": whole_seconds(call.duration_ms or 0),
        "to_number": request.get("to"),
        "from_number": request.get("from"),
        "recording_url": winning_data(recordings).get("url"),
        "hosted_telephony": request.get("hosted"),
        "provider_call_id": request.get("providerCallId"),
        "call_type": call.direction,
        "provider": request.get("provider"),
        "hangup_by": end.get("hangupBy"),
        "hangup_reason": end.get("hangupReason"),
        "hangup_provider_code": end.get("hangupCode"),
    }


def _transfer(leg: dict[str, Any]) -> dict[str, Any]:
    duration_ms = leg.get("durationMs")
    return {
        "provider_call_id": leg.get("providerCallId"),
        "status": leg["status"],
        "duration": None if duration_ms is None else whole_seconds(duration_ms),
        "cost": Decimal(str(leg["cost"])) if "cost" in leg else None,
        "to_number": leg["to"],
        "from_number": leg["from"],
        "recording_url": leg.get("recordingUrl"),
        "hangup_by": leg.get("hangupBy"),
        "hangup_reason": leg.get("hangupReason"),
        "hangup_provider_code": leg.get("hangupCode"),
    }


def _batch_run_details(organization: Organization, call: Attempt) -> dict[str, Any]:
    execution = organization.execution_of(call)
    return {
        "status": execution.status if execution else None,
        "created_at": format_seconds(execution.first_at if execution else None),
        "updated_at": format_seconds(execution.last_at if execution else None),
        "retried": call.number - 1,
    }
