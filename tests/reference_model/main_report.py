"""The main report of a program execution: `GET …/report`."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from tests.reference_model.arithmetic import percentage
from tests.reference_model.billing import billing_summary
from tests.reference_model.executions import Execution
from tests.reference_model.pause_windows import in_pause_window, published_windows
from tests.reference_model.times import format_instant, parse_instant, span_ms

_CONTACT_BUCKETS = (
    "pending",
    "queued",
    "calling",
    "pendingRetry",
    "completed",
    "failed",
    "skipped",
)


def main_report(execution: Execution, now: datetime) -> dict[str, Any]:
    """Body of the report at an instant, of which the seconds alone count."""
    now = now.replace(microsecond=0)
    scheduled = execution.scheduled
    paused = in_pause_window(
        scheduled.get("pauseWindows", {}), scheduled.get("timezone", "UTC"), now
    )
    return {
        "executionId": execution.id,
        "programId": scheduled.get("programId"),
        "organizationId": execution.organization_id,
        "status": execution.status,
        "effectiveStatus": effective_status(execution.status, in_window=paused),
        "isInPauseWindow": paused,
        **_timing(execution, now),
        "metadata": _metadata(execution),
        "contactMetrics": contact_metrics(execution),
        "callMetrics": call_metrics(execution),
        "billingMetrics": billing_summary(execution),
    }


def effective_status(status: str | None, *, in_window: bool) -> str | None:
    """The status with the pause window in it."""
    if status == "paused":
        return "paused_manual"
    if status == "running" and in_window:
        return "paused_window"
    return status


def contact_metrics(execution: Execution) -> dict[str, Any]:
    """Contacts by their status."""
    statuses = execution.contact_statuses
    counts = Counter(statuses)
    return {
        "totalContacts": len(statuses),
        **{bucket: counts[bucket] for bucket in _CONTACT_BUCKETS},
        "reachRate": percentage(counts["completed"], len(statuses)),
    }


def call_metrics(execution: Execution) -> dict[str, Any]:
    """Calls by history status, and those whose flow ran to its end."""
    calls = execution.calls
    counts = Counter(call.history_status for call in calls)
    connected = counts["completed"] + counts["voicemail"]
    return {
        "totalCalls": len(calls),
        "connected": connected,
        "answered": counts["completed"],
        "voicemail": counts["voicemail"],
        "noAnswer": counts["no_answer"],
        "busy": counts["busy"],
        "rejected": counts["rejected"],
        "failed": counts["failed"],
        "completed": sum(call.flow_outcome == "completed" for call in calls),
        "connectionRate": percentage(connected, len(calls)),
        "answerRate": percentage(counts["completed"], len(calls)),
    }


def _timing(execution: Execution, now: datetime) -> dict[str, Any]:
    scheduled = execution.scheduled
    start, end = execution.started_at, execution.ended_at
    timing: dict[str, Any] = {"scheduledStartAt": None}
    for key in ("scheduledStartAt", "scheduledStopAt"):
        if key in scheduled:
            timing[key] = format_instant(parse_instant(scheduled[key]))
    if start is not None:
        timing["actualStartAt"] = format_instant(start)
    if end is not None:
        timing["actualEndAt"] = format_instant(end)
    if start is not None:
        timing["durationMs"] = span_ms(start, end or now)
    return timing


def _metadata(execution: Execution) -> dict[str, Any]:
    scheduled = execution.scheduled
    flow = execution.flow or {}
    metadata = {
        "flowId": scheduled.get("flowId"),
        # An empty name is null, so that it gives way to the published one.
        "flowName": scheduled.get("flowName") or flow.get("name") or None,
        "audienceId": scheduled.get("audienceId"),
        "didPool": scheduled.get("didPool"),
        "retryStrategy": _retry_strategy(scheduled.get("retryStrategy")),
    }
    if "pauseWindows" in scheduled:
        metadata["pauseWindows"] = published_windows(scheduled["pauseWindows"])
    return metadata


def _retry_strategy(strategy: dict[str, Any] | None) -> dict[str, Any] | None:
    """Strategy with the keys that the contract gives its type, instants as UTC."""
    if strategy is None:
        return None
    name = strategy["type"]
    if name == "fixed_delay":
        return {key: strategy[key] for key in ("type", "delayMinutes", "maxRetries")}
    if name == "scheduled":
        retry_dates = [format_instant(parse_instant(date)) for date in strategy["retryDates"]]
        return {"type": name, "retryDates": retry_dates}
    return {"type": name}
