"""One program execution: what its own events say, and the attempts and contacts that are in it."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Any

from tests.reference_model.attempts import CALL, RUN, Attempt
from tests.reference_model.contacts import CONTACT_STATUS, Enrolment
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


class Execution:
    """What is known of one execution. Times are aware UTC."""

    def __init__(
        self, events: EventSet, organization_id: str, execution_id: str, attempts: list[Attempt]
    ) -> None:
        """Take the whole set and the execution's attempts; it need not have events of its own."""
        self.id = execution_id
        self.organization_id = organization_id
        self.attempts = attempts
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
    def first_at(self) -> datetime | None:
        """Its own earliest event."""
        return earliest_at(self._own)

    @property
    def last_at(self) -> datetime | None:
        """Its own latest event."""
        return max((event.occurred_at for event in self._own), default=None)

    @cached_property
    def enrolments(self) -> dict[str, Enrolment]:
        """What was said here of each contact of which anything was."""
        enrolments = {}
        for contact_id, events in self._events.subjects(self.organization_id, "contact").items():
            here = [event for event in events if event.execution_id == self.id]
            said = select(here, *CONTACT_STATUS)
            if said:
                enrolments[contact_id] = Enrolment(said)
        return enrolments

    @property
    def contact_statuses(self) -> list[str]:
        """The status of each contact that has one here."""
        return [enrolment.status for enrolment in self.enrolments.values()]

    @cached_property
    def attempts_by_contact(self) -> dict[str | None, list[Attempt]]:
        """Its attempts by the contact that they name."""
        found: dict[str | None, list[Attempt]] = {}
        for attempt in self.attempts:
            found.setdefault(attempt.contact_id, []).append(attempt)
        return found

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
