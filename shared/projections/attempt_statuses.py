"""What each vendor's interface calls the state of an attempt (reports.md, one section each)."""

from typing import Final

from shared.folds.attempt import AttemptState

_OF_CAMPAIGN: Final = {
    "completed": "completed",
    "voicemail": "voicemail",
    "no_answer": "no_answer",
    "busy": "busy",
    "cancelled": "skipped",
}
#: A message that was sent may still fail to arrive.
_OF_MESSAGE: Final = {"sent": "in_progress", "delivered": "completed", "failed": "failed"}
_OF_CALL: Final = {
    "completed": "completed",
    "voicemail": "completed",
    "no_answer": "no-answer",
    "busy": "busy",
    "cancelled": "canceled",
    "no_credits": "balance-low",
}
_OF_WORKFLOW: Final = {
    "completed": "completed",
    "user_hangup": "completed",
    "cancelled": "cancelled",
}


def campaign_status(state: AttemptState, kind: str, outcome: str | None) -> str | None:
    """Of calls and lone SMS, whose last word any of the messages may say; None of runs."""
    if kind == "call":
        return "in_progress" if outcome is None else _OF_CAMPAIGN.get(outcome, "failed")
    if kind == "run":
        return None
    said = [message.status for message in state.messages.values() if message.status is not None]
    return _OF_MESSAGE[max(said)[4]] if said else "pending"


def call_status(state: AttemptState, outcome: str | None) -> str:
    """Of calls: the furthest state, then the outcome once nothing more is computed for it."""
    if state.ended is not None and outcome is not None:
        if not state.ended[4].get("final", True) and state.finalized_us is None:
            return "call-disconnected"
        return _OF_CALL.get(outcome, "failed")
    if state.answered_us is not None:
        return "in-progress"
    if state.ringing_us is not None:
        return "ringing"
    return "initiated" if state.initiated else "queued"


def workflow_status(
    state: AttemptState, kind: str, outcome: str | None, flow_outcome: str | None
) -> str | None:
    """Of calls and runs; None of lone SMS."""
    if kind == "sms":
        return None
    if (state.ended if kind == "call" else state.run_ended) is None:
        return "active"
    if flow_outcome is not None:
        return _OF_WORKFLOW.get(flow_outcome, "failed")
    return outcome if outcome in {"completed", "cancelled"} else "failed"
