"""An attempt: one try to reach one contact. A call, a flow run without a call, or a lone SMS.

`AttemptState` keeps what may still matter of the attempt's events; `evolve_attempt` folds one more
in. Definitions: events.md, section 3 (attempt, step) and rule 3 (winners, earliest facts).
"""

from collections.abc import Callable
from typing import Any, TypeVar

from msgspec import Struct, field

from shared.contracts import call_events as call
from shared.contracts import run_events as run
from shared.contracts import sms_events as sms
from shared.contracts.amounts import amount_nano
from shared.contracts.envelope import Event, json_text
from shared.contracts.event_types import RANKS
from shared.folds.facts import Said, Stamp, Text, merge_keys, said, said_keys

#: Separates the parts of a charge's key; no name may hold a control character.
KEY_SEPARATOR = "\n"

#: (time_us, rank, source, id, node id, own node type)
Named = tuple[int, int, str, str, str, str | None]
#: (time_us, rank, source, id, output, edge id, context as JSON text)
Exited = tuple[int, int, str, str, str | None, str | None, bytes | None]
#: (time_us, rank, source, id, digits, branch)
Digits = tuple[int, int, str, str, str, str | None]
#: (time_us, rank, source, id, value as JSON text, step id, node id)
Variable = tuple[int, int, str, str, bytes | None, str | None, str | None]
#: (amount in billionths, charges, milliseconds, charges that say milliseconds); the sums are text
#: in decimal, because they may outgrow the 64 bits of an integer in msgpack
Charged = tuple[str, int, str, int]


_Fact = TypeVar("_Fact", bound=tuple[Any, ...])
_Evolve = Callable[["AttemptState", Any, Stamp], None]


class Step(Struct, array_like=True, gc=False):
    """One execution of one node in the attempt."""

    first_us: int
    named: Named
    #: The winner among the events that say a type, where `named` says none.
    typed: Text | None = None
    entered_us: int | None = None
    exited: Exited | None = None
    #: The winner among the inputs that are not empty.
    digits: Digits | None = None


class Message(Struct, array_like=True, gc=False):
    """One SMS of the attempt."""

    requested: Said | None = None
    #: The winner among sent, delivered and failed; its text is the type's last word.
    status: tuple[int, int, str, str, str, dict[str, Any]] | None = None


class Recording(Struct, array_like=True, gc=False):
    """One recording of the attempt."""

    recorded: Said | None = None
    text: Text | None = None


class AttemptState(Struct, array_like=True, gc=False):
    """What an attempt's events add up to."""

    first_us: int
    last_us: int
    is_call: bool = False
    is_run: bool = False
    is_sms: bool = False
    #: The winner among all events that name an execution.
    execution: Text | None = None
    #: Every execution that any event named, sorted.
    executions: list[str] = field(default_factory=list)
    #: `call.initiated`, merged key by key.
    initiated: list[Said] = field(default_factory=list)
    ringing_us: int | None = None
    answered_us: int | None = None
    #: The winner among `call.answered` and `call.amd_completed` that say who answered.
    answered_by: Text | None = None
    ended_us: int | None = None
    ended: Said | None = None
    finalized_us: int | None = None
    transferred: Said | None = None
    transcribed: Text | None = None
    analyzed: Said | None = None
    recordings: dict[str, Recording] = field(default_factory=dict)
    #: By node type, node id and component as said, joined by `KEY_SEPARATOR`.
    charges: dict[str, Charged] = field(default_factory=dict)
    run_started: Said | None = None
    run_ended_us: int | None = None
    run_ended: Said | None = None
    steps: dict[str, Step] = field(default_factory=dict)
    variables: dict[str, Variable] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)


def evolve_attempt(state: AttemptState | None, event: Event) -> AttemptState:
    """Fold one event of an attempt into its state; total over all orders of events."""
    time_us, execution_id = event.time_us, event.executionid
    rank, evolve = _EVOLVE[type(event)]
    of_event = (time_us, rank, event.source, event.id)
    if state is None:
        state = AttemptState(first_us=time_us, last_us=time_us)
    elif time_us < state.first_us:
        state.first_us = time_us
    elif time_us > state.last_us:
        state.last_us = time_us
    if execution_id is not None:
        if state.execution is None or of_event > state.execution:
            state.execution = (*of_event, execution_id)
        if execution_id not in state.executions:
            state.executions = sorted((*state.executions, execution_id))
    evolve(state, event, of_event)
    return state


def _initiated(state: AttemptState, event: call.CallInitiated, of_event: Stamp) -> None:
    state.is_call = True
    fact = said(of_event, event.data)
    state.initiated = merge_keys([*state.initiated, fact]) if state.initiated else [fact]


def _ringing(state: AttemptState, event: call.CallRinging, _of_event: Stamp) -> None:
    state.is_call = True
    state.ringing_us = _earliest(state.ringing_us, event.time_us)


def _answered(state: AttemptState, event: call.CallAnswered, of_event: Stamp) -> None:
    state.is_call = True
    state.answered_us = _earliest(state.answered_us, event.time_us)
    if event.data.answered_by is not None:
        state.answered_by = _winner(state.answered_by, (*of_event, event.data.answered_by))


def _amd_completed(state: AttemptState, event: call.CallAmdCompleted, of_event: Stamp) -> None:
    state.is_call = True
    state.answered_by = _winner(state.answered_by, (*of_event, event.data.answered_by))


def _ended(state: AttemptState, event: call.CallEnded, of_event: Stamp) -> None:
    state.is_call = True
    state.ended_us = _earliest(state.ended_us, event.time_us)
    state.ended = _winner(state.ended, said(of_event, event.data))


def _finalized(state: AttemptState, event: call.CallFinalized, _of_event: Stamp) -> None:
    state.is_call = True
    state.finalized_us = _earliest(state.finalized_us, event.time_us)


def _transferred(state: AttemptState, event: call.CallTransferred, of_event: Stamp) -> None:
    state.is_call = True
    state.transferred = _winner(state.transferred, said(of_event, event.data))


def _transcribed(state: AttemptState, event: call.CallTranscribed, of_event: Stamp) -> None:
    state.is_call = True
    state.transcribed = _winner(state.transcribed, (*of_event, event.data.transcript))


def _analyzed(state: AttemptState, event: call.CallAnalyzed, of_event: Stamp) -> None:
    state.is_call = True
    state.analyzed = _winner(state.analyzed, said(of_event, event.data))


def _recorded(state: AttemptState, event: call.CallRecorded, of_event: Stamp) -> None:
    state.is_call = True
    recording = state.recordings.setdefault(event.data.recording_id, Recording())
    recording.recorded = _winner(recording.recorded, said(of_event, event.data))


def _recording_transcribed(
    state: AttemptState, event: call.CallRecordingTranscribed, of_event: Stamp
) -> None:
    state.is_call = True
    recording = state.recordings.setdefault(event.data.recording_id, Recording())
    recording.text = _winner(recording.text, (*of_event, event.data.text))


def _charged(state: AttemptState, event: call.CallCharged, _of_event: Stamp) -> None:
    data = event.data
    key = KEY_SEPARATOR.join((data.node_type or "", data.node_id or "", data.component or ""))
    nano, charges, duration_ms, durations = state.charges.get(key, ("0", 0, "0", 0))
    state.charges[key] = (
        str(int(nano) + amount_nano(data.amount)),
        charges + 1,
        str(int(duration_ms) + (data.duration_ms or 0)),
        durations + (data.duration_ms is not None),
    )


def _run_started(state: AttemptState, event: run.RunStarted, of_event: Stamp) -> None:
    state.is_run = True
    state.run_started = _winner(state.run_started, said(of_event, event.data))


def _run_ended(state: AttemptState, event: run.RunEnded, of_event: Stamp) -> None:
    state.is_run = True
    state.run_ended_us = _earliest(state.run_ended_us, event.time_us)
    state.run_ended = _winner(state.run_ended, said(of_event, event.data))


def _node_entered(state: AttemptState, event: run.NodeEntered, of_event: Stamp) -> None:
    data = event.data
    step = _step(state, of_event, data.step_id, data.node_id, data.node_type)
    if step.entered_us is None or event.time_us < step.entered_us:
        step.entered_us = event.time_us


def _node_exited(state: AttemptState, event: run.NodeExited, of_event: Stamp) -> None:
    data = event.data
    step = _step(state, of_event, data.step_id, data.node_id, data.node_type)
    if step.exited is None or of_event > step.exited:
        step.exited = (*of_event, data.output, data.edge_id, json_text(data.context))


def _dtmf_received(state: AttemptState, event: run.DtmfReceived, of_event: Stamp) -> None:
    data = event.data
    step = _step(state, of_event, data.step_id, data.node_id, None)
    if data.digits and (step.digits is None or of_event > step.digits):
        step.digits = (*of_event, data.digits, data.branch)


def _variable_set(state: AttemptState, event: run.VariableSet, of_event: Stamp) -> None:
    state.is_run = True
    data = event.data
    fact = (*of_event, json_text(data.value), data.step_id, data.node_id)
    state.variables[data.name] = _winner(state.variables.get(data.name), fact)


def _sms_requested(state: AttemptState, event: sms.SmsRequested, of_event: Stamp) -> None:
    state.is_sms = True
    message = state.messages.setdefault(event.data.sms_id, Message())
    message.requested = _winner(message.requested, said(of_event, event.data))


def _sms_status(status: str) -> _Evolve:
    def evolve(
        state: AttemptState,
        event: sms.SmsSent | sms.SmsDelivered | sms.SmsFailed,
        of_event: Stamp,
    ) -> None:
        state.is_sms = True
        message = state.messages.setdefault(event.data.sms_id, Message())
        fact = (*of_event, status, said_keys(event.data))
        message.status = _winner(message.status, fact)

    return evolve


def _step(
    state: AttemptState, of_event: Stamp, step_id: str, node_id: str, node_type: str | None
) -> Step:
    """The step that an event names, with the event's say on node and type folded in."""
    state.is_run = True
    time_us = of_event[0]
    named: Named = (*of_event, node_id, node_type)
    step = state.steps.get(step_id)
    if step is None:
        step = state.steps[step_id] = Step(first_us=time_us, named=named)
        return step
    step.first_us = min(step.first_us, time_us)
    loser = named
    if of_event > step.named:
        loser, step.named = step.named, named
    if step.named[5] is not None:
        step.typed = None
    elif loser[5] is not None:
        step.typed = _winner(step.typed, (*loser[:4], loser[5]))
    return step


def _earliest(old_us: int | None, new_us: int) -> int:
    return new_us if old_us is None or new_us < old_us else old_us


def _winner(old: _Fact | None, new: _Fact) -> _Fact:
    return new if old is None or new > old else old


_BY_CLASS: dict[type[Event], _Evolve] = {
    call.CallInitiated: _initiated,
    call.CallRinging: _ringing,
    call.CallAnswered: _answered,
    call.CallAmdCompleted: _amd_completed,
    call.CallEnded: _ended,
    call.CallFinalized: _finalized,
    call.CallTransferred: _transferred,
    call.CallTranscribed: _transcribed,
    call.CallAnalyzed: _analyzed,
    call.CallRecorded: _recorded,
    call.CallRecordingTranscribed: _recording_transcribed,
    call.CallCharged: _charged,
    run.RunStarted: _run_started,
    run.RunEnded: _run_ended,
    run.NodeEntered: _node_entered,
    run.NodeExited: _node_exited,
    run.DtmfReceived: _dtmf_received,
    run.VariableSet: _variable_set,
    sms.SmsRequested: _sms_requested,
    sms.SmsSent: _sms_status("sent"),
    sms.SmsDelivered: _sms_status("delivered"),
    sms.SmsFailed: _sms_status("failed"),
}
_EVOLVE = {event_class: (RANKS[event_class], evolve) for event_class, evolve in _BY_CLASS.items()}
