"""One program execution: what its own events say, and the attempts and contacts that are in it."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Any

from tests.reference_model.attempts import CALL, RUN, Attempt
from tests.reference_model.event_set import (
    Event,
    EventSet,
    earliest_at,
    select,
    winner,
    winning_data,
)
from tests.reference_model.flows import Flow, NodeTypes, version_in_use
from tests.reference_model.steps import Step

_TERMINAL = ("execution.completed", "execution.stopped", "execution.cancelled")
_PAUSED = {"manual": "paused", "no_credits": "paused_no_credits", "threshold": "paused_threshold"}
_CONTACT_STATUS = {
    "contact.enrolled": "pending",
    "contact.queued": "queued",
    "contact.calling": "calling",
    "contact.retry_scheduled": "pendingRetry",
    "contact.completed": "completed",
    "contact.failed": "failed",
    "contact.skipped": "skipped",
}


class Execution:
    """What is known of one execution. Times are aware UTC."""

    def __init__(self, events: EventSet, organization_id: str, execution_id: str) -> None:
        """Take the whole set; the execution need not have any event of its own."""
        self.id = execution_id
        self.organization_id = organization_id
        self._events = events
        self._own = events.of(organization_id, "execution", execution_id)
        self.scheduled: dict[str, Any] = winning_data(select(self._own, "execution.scheduled"))

    @property
    def started_at(self) -> datetime | None:
        """Earliest start."""
        return earliest_at(select(self._own, "execution.started"))

    @property
    def ended_at(self) -> datetime | None:
        """Time of the terminal event that decides; None while it is not over."""
        return self._terminal.occurred_at if self._terminal else None

    @property
    def _terminal(self) -> Event | None:
        """The earliest terminal event; at equal times rule 3."""
        terminal = select(self._own, *_TERMINAL)
        first_at = earliest_at(terminal)
        return winner([event for event in terminal if event.occurred_at == first_at])

    @property
    def status(self) -> str | None:
        """Stored status (reports.md, "Status"); None without an `execution.*` event."""
        if not self._own:
            return None
        if self._terminal:
            return self._terminal.type.removeprefix("execution.")
        moves = ("execution.started", "execution.resumed", "execution.paused")
        latest = winner(select(self._own, *moves))
        if latest is None:
            return "scheduled"
        if latest.type == "execution.paused":
            return _PAUSED[latest.data["reason"]]
        return "running"

    @property
    def flow(self) -> Flow | None:
        """The published flow in the version that it uses, None where there is none."""
        if "flowId" not in self.scheduled:
            return None
        flow_events = self._events.of(self.organization_id, "flow", self.scheduled["flowId"])
        return version_in_use(flow_events, self.scheduled.get("flowVersion"), self.started_at)

    @property
    def contact_statuses(self) -> list[str]:
        """The status of each contact that has one here."""
        statuses = []
        for contact_events in self._events.subjects(self.organization_id, "contact").values():
            here = [event for event in contact_events if event.execution_id == self.id]
            won = winner(select(here, *_CONTACT_STATUS))
            if won is not None:
                statuses.append(_CONTACT_STATUS[won.type])
        return statuses

    @cached_property
    def attempts(self) -> list[Attempt]:
        """Every attempt that belongs to it: calls, runs and lone SMS."""
        subjects = self._events.subjects(self.organization_id, "attempt")
        attempts = [Attempt(subject, events) for subject, events in subjects.items()]
        return [attempt for attempt in attempts if attempt.execution_id == self.id]

    @property
    def calls(self) -> list[Attempt]:
        """Its calls."""
        return [attempt for attempt in self.attempts if attempt.kind == CALL]

    @property
    def calls_and_runs(self) -> list[Attempt]:
        """What counts as calls in node stats."""
        return [attempt for attempt in self.attempts if attempt.kind in (CALL, RUN)]

    @property
    def steps(self) -> list[Step]:
        """Every step of its calls and runs."""
        return [step for attempt in self.calls_and_runs for step in attempt.steps]

    @property
    def node_types(self) -> NodeTypes:
        """Types of the nodes, published or seen."""
        return NodeTypes(self.flow, self.steps)
