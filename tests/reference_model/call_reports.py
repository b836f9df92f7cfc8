"""Reports over single calls: the history (`…/report/calls`) and the breakdown by attempt number."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.reference_model.arithmetic import average_ms, percentage
from tests.reference_model.attempts import Attempt
from tests.reference_model.executions import Execution
from tests.reference_model.times import format_instant


def call_history(
    execution: Execution, *, page: int, limit: int, status: str | None, contact_id: str | None
) -> dict[str, Any]:
    """One page of the calls, oldest first."""
    calls = [
        call
        for call in sorted(execution.calls, key=lambda call: (call.started_at, call.id))
        if status in (None, call.history_status) and contact_id in (None, call.contact_id)
    ]
    first = (page - 1) * limit
    return {
        "data": [_history_item(call) for call in calls[first : first + limit]],
        "meta": {
            "page": page,
            "limit": limit,
            "total": len(calls),
            "totalPages": -(-len(calls) // limit),
        },
    }


def attempt_breakdown(execution: Execution) -> dict[str, Any]:
    """A row per attempt number, ascending, and the total."""
    calls = execution.calls
    numbers = sorted({call.number for call in calls})
    return {
        "perAttempt": [
            _breakdown_row(number, [call for call in calls if call.number == number])
            for number in numbers
        ],
        "total": _breakdown_row(0, calls),
    }


def _history_item(call: Attempt) -> dict[str, Any]:
    item: dict[str, Any] = {
        "callId": call.id,
        "contactId": call.contact_id,
        "from": call.from_number,
        "to": call.to_number,
        "direction": call.direction,
        "attempt": call.number,
        "status": call.history_status,
        "outcome": call.outcome,
        "startedAt": format_instant(call.started_at),
    }
    if call.ended_at is not None:
        item["endedAt"] = format_instant(call.ended_at)
    if call.duration_ms is not None:
        item["durationMs"] = call.duration_ms
    if call.charges:
        item["totalCost"] = call.cost
    return item


def _breakdown_row(number: int, calls: list[Attempt]) -> dict[str, Any]:
    attempted = len(calls)
    counts = Counter(call.history_status for call in calls)
    connected = counts["completed"] + counts["voicemail"]
    completed = sum(call.flow_outcome == "completed" for call in calls)
    return {
        "attemptNumber": number,
        "callsAttempted": attempted,
        "callsConnected": connected,
        "callsAnswered": counts["completed"],
        "callsVoicemail": counts["voicemail"],
        "callsNoAnswer": counts["no_answer"],
        "callsFailed": counts["busy"] + counts["rejected"] + counts["failed"],
        "callsCompleted": completed,
        "connectedPercentage": percentage(connected, attempted),
        "answeredPercentage": percentage(counts["completed"], attempted),
        "voicemailPercentage": percentage(counts["voicemail"], attempted),
        "noAnswerPercentage": percentage(counts["no_answer"], attempted),
        "completedPercentage": percentage(completed, attempted),
        "averageDurationMs": average_ms(
            [call.duration_ms for call in calls if call.duration_ms is not None]
        ),
    }
