"""What happened in a call, in the vendor's words: the events of the call report.

They follow from the call's state, not from its log: each fact once, corrected, whatever the order
in which it arrived. Events that the vendor has no word for are left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import UNSET, Struct, UnsetType, field

from shared.contracts.instants import us_text_ms
from shared.folds.attempt import AttemptState
from shared.projections.attempts import AttemptRow, step_duration_ms
from shared.reports.flow_runs import NamedStep, step_start_us

_RECORDING_TYPES: Final = frozenset({"record", "collect_audio"})


class NodeContext(Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """The step that an event belongs to."""

    node_id: str
    node_type: str
    #: Its place in the execution path, from 1.
    node_execution_index: int


class EventData(Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """What an event says; each type has keys of its own."""

    to: str | UnsetType = UNSET
    from_: str | UnsetType = field(name="from", default=UNSET)
    answered_by: str | UnsetType = UNSET
    ring_duration_ms: int | UnsetType = UNSET
    digits: str | UnsetType = UNSET
    record_id: str | UnsetType = UNSET
    duration_ms: int | UnsetType = UNSET
    hangup_type: str | UnsetType = UNSET
    hangup_reason: str | UnsetType = UNSET
    node_context: NodeContext | UnsetType = UNSET


class CallEvent(Struct, frozen=True, kw_only=True, gc=False):
    """Something that happened."""

    type: str
    timestamp: str
    data: EventData


#: When, in microseconds; type; data.
_Happened = tuple[int, str, EventData]


def dialed_us(state: AttemptState) -> int | None:
    """When dialling began: the earliest `call.initiated` that still says something."""
    return min((fact[0] for fact in state.initiated), default=None)


def call_events(
    state: AttemptState, row: AttemptRow, steps: Sequence[NamedStep], types: Mapping[str, str]
) -> list[CallEvent]:
    """The events by time; at equal times a call's before those of its nodes, but for the end.

    Args:
        steps: in their order.
        types: of the nodes.
    """
    contexts = {
        step_id: NodeContext(
            node_id=step.named[4], node_type=types[step.named[4]], node_execution_index=index
        )
        for index, (step_id, step) in enumerate(steps, 1)
    }
    happened = [
        *_of_line(state, row, list(contexts.values())),
        *_of_steps(steps, contexts),
        *_of_recordings(state, contexts),
        *_of_end(state, row, list(contexts.values())),
    ]
    return [
        CallEvent(type=type_, timestamp=us_text_ms(time_us), data=data)
        for time_us, type_, data in sorted(happened, key=lambda event: event[0])
    ]


def _of_line(
    state: AttemptState, row: AttemptRow, contexts: Sequence[NodeContext]
) -> Iterator[_Happened]:
    context = next((one for one in contexts if one.node_type == "dial"), UNSET)
    began_us, answered_us = dialed_us(state), state.answered_us
    if began_us is not None:
        data = EventData(
            to=row.to_number or UNSET, from_=row.from_number or UNSET, node_context=context
        )
        yield began_us, "dial", data
    if answered_us is not None:
        rang_ms = UNSET if began_us is None else max(answered_us - began_us, 0) // 1000
        said = state.answered_by
        data = EventData(
            answered_by=said[4] if said else UNSET, ring_duration_ms=rang_ms, node_context=context
        )
        yield answered_us, "answer", data


def _of_steps(
    steps: Sequence[NamedStep], contexts: Mapping[str, NodeContext]
) -> Iterator[_Happened]:
    for step_id, step in steps:
        context = contexts[step_id]
        if context.node_type in _RECORDING_TYPES:
            yield step_start_us(step), "record_start", EventData(node_context=context)
        if step.digits is not None:
            data = EventData(digits=step.digits[4], node_context=context)
            yield step.digits[0], "dtmf_collected", data
        if context.node_type == "play" and step.exited is not None:
            played_ms = step_duration_ms(step, step.exited[0])
            yield step.exited[0], "play", EventData(duration_ms=played_ms, node_context=context)


def _of_recordings(state: AttemptState, contexts: Mapping[str, NodeContext]) -> Iterator[_Happened]:
    """Recordings of nodes; that of the whole call is no event of its flow."""
    for recording_id, recording in sorted(state.recordings.items()):
        said = recording.recorded[4] if recording.recorded else {}
        context = contexts.get(said.get("stepId", ""))
        if recording.recorded is not None and (context is not None or "nodeId" in said):
            data = EventData(
                record_id=recording_id,
                duration_ms=said.get("durationMs", UNSET),
                node_context=UNSET if context is None else context,
            )
            yield recording.recorded[0], "record_stop", data


def _of_end(
    state: AttemptState, row: AttemptRow, contexts: Sequence[NodeContext]
) -> Iterator[_Happened]:
    if state.ended is None or state.ended_us is None or row.status is None:
        return
    context = next((one for one in reversed(contexts) if one.node_type == "hangup"), UNSET)
    data = EventData(
        hangup_type="normal" if row.status == "completed" else row.status,
        hangup_reason=state.ended[4].get("hangupReason", UNSET),
        node_context=context,
    )
    yield state.ended_us, "hangup", data
