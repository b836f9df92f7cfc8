"""Steps: one execution of one node in one attempt (events.md, "Flow run and nodes")."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.reference_model.event_set import Event, earliest_at, select, winner, winning_data
from tests.reference_model.times import span_ms


@dataclass(frozen=True)
class Step:
    """One step; what is None is unknown, `exit` is empty without a `node.exited`."""

    id: str
    node_id: str
    own_type: str | None
    digits: str | None
    started_at: datetime
    ended_at: datetime | None
    exit: dict[str, Any]

    @property
    def duration_ms(self) -> int | None:
        """From start to end; None without an exit."""
        return None if self.ended_at is None else span_ms(self.started_at, self.ended_at)


def steps_of(attempt_events: list[Event]) -> list[Step]:
    """Every step that a `node.*` or `dtmf.*` event of the attempt names, by start, then id."""
    by_step: dict[str, list[Event]] = {}
    for event in select(attempt_events, "node.entered", "node.exited", "dtmf.received"):
        by_step.setdefault(event.data["stepId"], []).append(event)
    steps = [_step(step_id, events) for step_id, events in by_step.items()]
    return sorted(steps, key=lambda step: (step.started_at, step.id))


def _step(step_id: str, events: list[Event]) -> Step:
    typed = [
        event for event in select(events, "node.entered", "node.exited") if "nodeType" in event.data
    ]
    pressed = [event for event in select(events, "dtmf.received") if event.data["digits"]]
    won_exit = winner(select(events, "node.exited"))
    return Step(
        id=step_id,
        node_id=winning_data(events)["nodeId"],
        own_type=winning_data(typed).get("nodeType"),
        digits=winning_data(pressed).get("digits"),
        started_at=earliest_at(select(events, "node.entered")) or _first(events),
        ended_at=won_exit.occurred_at if won_exit else None,
        exit=won_exit.data if won_exit else {},
    )


def _first(events: list[Event]) -> datetime:
    return min(event.occurred_at for event in events)
