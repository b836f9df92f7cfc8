"""One organization: its executions, attempts and contacts, each worked out once and kept."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from tests.reference_model.attempts import Attempt
from tests.reference_model.contacts import profile_of
from tests.reference_model.event_set import EventSet, select
from tests.reference_model.executions import Execution


class Organization:
    """What one tenant owns."""

    def __init__(self, events: EventSet, organization_id: str) -> None:
        """Take the whole set; another organization's events are never looked at."""
        self.id = organization_id
        self.events = events
        self._executions: dict[str, Execution] = {}
        self._profiles: dict[str, dict[str, Any]] = {}

    @cached_property
    def attempts(self) -> dict[str, Attempt]:
        """Every attempt by its id."""
        subjects = self.events.subjects(self.id, "attempt")
        return {subject: Attempt(subject, events) for subject, events in subjects.items()}

    @property
    def executions(self) -> list[Execution]:
        """Every execution that any event names, by id."""
        found = (self.execution(each) for each in self.events.execution_ids(self.id))
        return [execution for execution in found if execution is not None]

    def execution(self, execution_id: str | None) -> Execution | None:
        """One execution, None where no event names it."""
        if execution_id is None or execution_id not in self.events.execution_ids(self.id):
            return None
        if execution_id not in self._executions:
            attempts = self._attempts_by_execution.get(execution_id, [])
            execution = Execution(self.events, self.id, execution_id, attempts)
            self._executions[execution_id] = execution
        return self._executions[execution_id]

    def execution_of(self, attempt: Attempt) -> Execution | None:
        """The execution that an attempt belongs to."""
        return self.execution(attempt.execution_id)

    def of_attempt(self, attempt: Attempt, key: str) -> Any:
        """`programId`, `flowId`, `flowVersion`: the attempt's own, at last the execution's."""
        return self._or_execution(attempt, attempt.said(key), key)

    def of_call(self, call: Attempt, key: str) -> Any:
        """`agentId`, `batchId`: `call.initiated`'s, else the execution's."""
        return self._or_execution(call, call.request.get(key), key)

    def named(self, key: str) -> list[str]:
        """Every id that an attempt or an execution says under the key, by code point."""
        of_calls = key in ("agentId", "batchId")
        said = {
            self.of_call(attempt, key) if of_calls else self.of_attempt(attempt, key)
            for attempt in self.attempts.values()
        }
        said.update(execution.scheduled.get(key) for execution in self.executions)
        return sorted(said - {None})

    def profile(self, contact_id: str) -> dict[str, Any]:
        """The merged profile of a contact; all null where nothing was ever said."""
        if contact_id not in self._profiles:
            events = self.events.of(self.id, "contact", contact_id)
            self._profiles[contact_id] = profile_of(select(events, "contact.updated"))
        return self._profiles[contact_id]

    def _or_execution(self, attempt: Attempt, own: Any, key: str) -> Any:
        if own is not None:
            return own
        execution = self.execution_of(attempt)
        return execution.scheduled.get(key) if execution else None

    @cached_property
    def _attempts_by_execution(self) -> dict[str, list[Attempt]]:
        found: dict[str, list[Attempt]] = {}
        for attempt in self.attempts.values():
            if attempt.execution_id is not None:
                found.setdefault(attempt.execution_id, []).append(attempt)
        return found
