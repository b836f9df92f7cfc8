"""Steps: one execution of one node in one attempt (events.md, "Flow run and nodes")."""

from __future__ import annotations

from dataclasses import dataclass

from tests.reference_model.event_set import Event, earliest_at, select, winner, winning_data
from tests.reference_model.times import span_ms


@dataclass(frozen=True)
class Step:
    """One step; `own_type`, `digits` and `duration_ms` are None where unknown."""

    node_id: str
    own_type: str | None
    digits: str | None
    duration_ms: int | None


def steps_of(attempt_events: list[Event]) -> list[Step]:
    """Every step that a `node.*` or `dtmf.*` event of the attempt names."""
    by_step: dict[str, list[Event]] = {}
    for event in select(attempt_events, "node.entered", "node.exited", "dtmf.received"):
        by_step.setdefault(event.data["stepId"], []).append(event)
    return [_step(events) for events in by_step.values()]


def _step(events: list[Event]) -> Step:
    typed = [
        event for event in select(events, "node.entered", "node.exited") if "nodeType" in event.data
    ]
    pressed = [event for event in select(events, "dtmf.received") if event.data["digits"]]
    return Step(
        node_id=winning_data(events)["nodeId"],
        own_type=winning_data(typed).get("nodeType"),
        digits=winning_data(pressed).get("digits"),
        duration_ms=_duration_ms(events),
    )


def _duration_ms(events: list[Event]) -> int | None:
    """From the earliest entry (else the earliest event) to the winning exit."""
    exit_event = winner(select(events, "node.exited"))
    started_at = earliest_at(select(events, "node.entered")) or earliest_at(events)
    if exit_event is None or started_at is None:
        return None
    return span_ms(started_at, exit_event.occurred_at)
