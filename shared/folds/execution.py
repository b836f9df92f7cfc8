"""An execution of a program: its plan and its status (events.md; reports.md, Status)."""

from typing import assert_never, cast

from msgspec import Struct

from shared.contracts import execution_events as execution
from shared.contracts.envelope import Event
from shared.contracts.event_types import RANKS
from shared.folds.facts import Text, said_json, stamp

#: (time_us, rank, source, id, the plan as JSON text)
Plan = tuple[int, int, str, str, bytes]
#: (time_us, rank, status)
Terminal = tuple[int, int, str]

_PAUSED = {"manual": "paused", "no_credits": "paused_no_credits", "threshold": "paused_threshold"}


class ExecutionState(Struct, array_like=True, gc=False):
    """What an execution's own events add up to."""

    first_us: int
    last_us: int
    scheduled: Plan | None = None
    started_us: int | None = None
    #: The latest of started, resumed and paused, with the status that it leaves behind.
    activity: Text | None = None
    #: The earliest terminal event; at equal times the higher rank (reports.md, Status).
    terminal: Terminal | None = None


def evolve_execution(state: ExecutionState | None, event: Event) -> ExecutionState:
    """Fold one event of an execution into its state; total over all orders of events."""
    time_us = event.time_us
    if state is None:
        state = ExecutionState(first_us=time_us, last_us=time_us)
    state.first_us = min(state.first_us, time_us)
    state.last_us = max(state.last_us, time_us)
    known = cast("execution.ExecutionEvent", event)
    match known:
        case execution.ExecutionScheduled():
            plan = (*stamp(known), said_json(known.data))
            if state.scheduled is None or plan > state.scheduled:
                state.scheduled = plan
        case execution.ExecutionStarted():
            if state.started_us is None or time_us < state.started_us:
                state.started_us = time_us
            _active(state, known, "running")
        case execution.ExecutionResumed():
            _active(state, known, "running")
        case execution.ExecutionPaused():
            _active(state, known, _PAUSED[known.data.reason])
        case execution.ExecutionCompleted():
            _ended(state, known, "completed")
        case execution.ExecutionStopped():
            _ended(state, known, "stopped")
        case execution.ExecutionCancelled():
            _ended(state, known, "cancelled")
        case _:
            assert_never(known)
    return state


def _active(state: ExecutionState, event: Event, status: str) -> None:
    activity = (*stamp(event), status)
    if state.activity is None or activity > state.activity:
        state.activity = activity


def _ended(state: ExecutionState, event: Event, status: str) -> None:
    terminal = (event.time_us, RANKS[type(event)], status)
    old = state.terminal
    if old is None or terminal[0] < old[0] or (terminal[0] == old[0] and terminal > old):
        state.terminal = terminal


def execution_status(state: ExecutionState | None) -> str | None:
    """The stored status; None where no `execution.*` event was seen (reports.md, Status)."""
    if state is None:
        return None
    if state.terminal is not None:
        return state.terminal[2]
    return "scheduled" if state.activity is None else state.activity[4]
