"""Which of a subject's events decide what it adds to a figure (events.md, rule 3 and section 3).

Winners stand in the state with their source and id; what is counted or summed, and the earliest
of its kind, is looked for among the events. Pure.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from shared.contracts.call_events import CallCharged
from shared.contracts.event_types import WIRE_NAMES
from shared.folds.attempt import AttemptState, Step
from shared.folds.contact import ContactState
from shared.folds.facts import stamp
from shared.limits import DTMF_CHARS_MAX
from shared.projections.attempts import OTHER_DIGITS
from shared.storage.explaining import (
    Attempts,
    Contacts,
    Costs,
    Digits,
    Evidence,
    LoggedEvent,
    Nodes,
    Selection,
)

#: Source and id: what names an event within its subject.
_Name = tuple[str, str]
_RUN_FAMILIES = ("run.", "node.", "dtmf.", "variable.")


def deciding(selection: Selection, execution_id: str, evidence: Evidence) -> list[LoggedEvent]:
    """The events that decide, in the order of their time."""
    state, events = evidence
    names: Iterable[_Name]
    match selection:
        case Contacts():
            names = _of_contact(state, execution_id)
        case Attempts():
            names = _of_attempt(selection, state, events)
        case Nodes(measure, node_ids):
            steps = {i: s for i, s in state.steps.items() if s.named[4] in node_ids}
            names = _of_steps(measure, steps, events)
        case Digits():
            names = _of_digits(selection, state)
        case Costs(_, groups):
            names = (_name(e) for e in events if _group(e) in groups)
    wanted = set(names)
    chosen = [logged for logged in events if _name(logged) in wanted]
    return sorted(chosen, key=lambda logged: stamp(logged.event))


def event_type(logged: LoggedEvent) -> str:
    """The type of an event, as published."""
    return WIRE_NAMES[type(logged.event)]


def _name(logged: LoggedEvent) -> _Name:
    return logged.event.source, logged.event.id


def _of_contact(state: ContactState, execution_id: str) -> Iterator[_Name]:
    enrolment = state.enrolments.get(execution_id)
    if enrolment is not None:
        yield enrolment.status[2:4]


def _of_attempt(
    selection: Attempts, state: AttemptState, events: list[LoggedEvent]
) -> Iterator[_Name]:
    match selection.measure:
        case "attempts" if selection.statuses is None:
            yield from _belonging(state, events)
        case "attempts":
            yield from _outcome(state, events)
        case "flow_completed":
            ended = state.ended
            says = ended is not None and "flowOutcome" in ended[4]
            yield from _winners(ended if says else state.run_ended)
        case "durations" | "duration_ms":
            yield from _duration(state, events)
        case _:
            yield from (_name(e) for e in events if isinstance(e.event, CallCharged))


def _belonging(state: AttemptState, events: list[LoggedEvent]) -> Iterator[_Name]:
    """What makes it an attempt of its kind, and of its execution."""
    yield from _winners(state.execution)
    yield from _making(state, events)


def _making(state: AttemptState, events: list[LoggedEvent]) -> Iterator[_Name]:
    if state.is_call:
        calls = [e for e in events if event_type(e).startswith("call.")]
        yield from _first([e for e in calls if not isinstance(e.event, CallCharged)])
    elif state.is_run:
        yield from _first([e for e in events if event_type(e).startswith(_RUN_FAMILIES)])
    else:
        yield from _first(events)


def _outcome(state: AttemptState, events: list[LoggedEvent]) -> Iterator[_Name]:
    """The winning end; where it says no outcome, who answered and when; without an end, it goes on.

    See events.md, after the table of calls.
    """
    if state.ended is None:
        yield from _making(state, events)
        return
    yield from _winners(state.ended)
    if "outcome" not in state.ended[4]:
        yield from _winners(state.answered_by)
        yield from _earliest(events, "call.answered")


def _duration(state: AttemptState, events: list[LoggedEvent]) -> Iterator[_Name]:
    yield from _winners(state.ended)
    if state.ended is not None and "durationMs" not in state.ended[4]:
        yield from _earliest(events, "call.ended")
        yield from _earliest(events, "call.answered")


def _of_steps(measure: str, steps: dict[str, Step], events: list[LoggedEvent]) -> Iterator[_Name]:
    for step_id, step in steps.items():
        yield from _winners(step.named)
        if measure in {"durations", "duration_ms"}:
            yield from _winners(step.exited)
            of_step = [e for e in events if _step_id(e) == step_id]
            entered = [e for e in of_step if event_type(e) == "node.entered"]
            yield from _first(entered or of_step)


def _of_digits(selection: Digits, state: AttemptState) -> Iterator[_Name]:
    for step in state.steps.values():
        if step.digits is None or step.named[4] != selection.node_id:
            continue
        said = step.digits[4] if len(step.digits[4]) <= DTMF_CHARS_MAX else OTHER_DIGITS
        if said not in selection.but and (selection.inputs is None or said in selection.inputs):
            yield from _winners(step.digits)


def _group(logged: LoggedEvent) -> tuple[str, str, str] | None:
    """The charges that a charge is summed with (projections/attempts.py)."""
    if not isinstance(logged.event, CallCharged):
        return None
    data = logged.event.data
    if data.node_type:
        return data.node_type, "", ""
    return "", data.node_id or "", data.component or ""


def _step_id(logged: LoggedEvent) -> str | None:
    step_id: str | None = getattr(getattr(logged.event, "data", None), "step_id", None)
    return step_id


def _winners(*facts: tuple[Any, ...] | None) -> Iterator[_Name]:
    for fact in facts:
        if fact is not None:
            yield fact[2], fact[3]


def _earliest(events: list[LoggedEvent], wire_name: str) -> Iterator[_Name]:
    return _first([e for e in events if event_type(e) == wire_name])


def _first(events: list[LoggedEvent]) -> Iterator[_Name]:
    if events:
        yield _name(min(events, key=lambda logged: stamp(logged.event)))
