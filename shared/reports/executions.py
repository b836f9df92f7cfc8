"""An execution as its reports see it: the plan, the status and the times (reports.md, Status)."""

from typing import Final

import msgspec
from msgspec import Struct

from shared.contracts.execution_events import ExecutionScheduledData
from shared.folds.execution import ExecutionState, execution_status

_decode_plan = msgspec.json.Decoder(ExecutionScheduledData).decode


class Execution(Struct, frozen=True, gc=False):
    """What an execution's own events say."""

    #: None where no `execution.scheduled` was seen.
    plan: ExecutionScheduledData | None = None
    #: The stored status; None where no `execution.*` event was seen.
    status: str | None = None
    #: Earliest `execution.started`.
    started_us: int | None = None
    #: Time of the deciding terminal event; None while it is not over.
    ended_us: int | None = None


#: One that is only named by other subjects' events.
MENTIONED_ONLY: Final = Execution()


def read_execution(state: ExecutionState | None) -> Execution:
    """The execution of a state, None being that of one without an `execution.*` event."""
    if state is None:
        return MENTIONED_ONLY
    return Execution(
        plan=None if state.scheduled is None else _decode_plan(state.scheduled[4]),
        status=execution_status(state),
        started_us=state.started_us,
        ended_us=None if state.terminal is None else state.terminal[0],
    )


def effective_status(status: str | None, *, in_pause_window: bool) -> str | None:
    """The stored status, with manual pauses named and the pause window in it."""
    if status == "paused":
        return "paused_manual"
    if status == "running" and in_pause_window:
        return "paused_window"
    return status


def duration_ms(execution: Execution, now_us: int) -> int | None:
    """Start to end, or to now while it is not over; None without a start, never negative."""
    if execution.started_us is None:
        return None
    end_us = now_us if execution.ended_us is None else execution.ended_us
    return max(end_us - execution.started_us, 0) // 1000
