"""The set of distinct events, as the contract identifies and ranks them.

Every other module of the reference model asks its questions of an `EventSet`; nothing here
knows any report.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.reference_model.times import parse_instant

#: events.md, section 3, top to bottom and left to right: the index of a type is its rank.
EVENT_TYPES: tuple[str, ...] = (
    "flow.published",
    "attribute.defined",
    "attribute.deleted",
    "execution.scheduled",
    "execution.started",
    "execution.paused",
    "execution.resumed",
    "execution.completed",
    "execution.stopped",
    "execution.cancelled",
    "contact.updated",
    "contact.enrolled",
    "contact.queued",
    "contact.calling",
    "contact.retry_scheduled",
    "contact.completed",
    "contact.failed",
    "contact.skipped",
    "call.initiated",
    "call.ringing",
    "call.answered",
    "call.amd_completed",
    "call.ended",
    "call.finalized",
    "call.transferred",
    "call.transcribed",
    "call.analyzed",
    "call.recorded",
    "call.recording_transcribed",
    "call.charged",
    "run.started",
    "run.ended",
    "node.entered",
    "node.exited",
    "dtmf.received",
    "variable.set",
    "sms.requested",
    "sms.sent",
    "sms.delivered",
    "sms.failed",
)

#: Objects and values of the publisher's own, handed through with the nulls that are in them.
_HANDED_THROUGH = frozenset(
    {"config", "context", "definition", "extractedData", "value", "variables", "voiceAnalytics"}
)

ATTEMPT_FAMILIES = ("call", "run", "node", "dtmf", "variable", "sms")


@dataclass(frozen=True, eq=False)
class Event:
    """One event, with time as aware UTC and without the payload keys that are null."""

    type: str
    kind: str
    organization_id: str
    subject: str
    source: str
    id: str
    occurred_at: datetime
    execution_id: str | None
    data: dict[str, Any]

    @property
    def family(self) -> str:
        """The part of the type before the dot."""
        return self.type.partition(".")[0]

    @property
    def precedence(self) -> tuple[datetime, int, str, str]:
        """Among competing facts the greatest wins (events.md, rule 3)."""
        return (self.occurred_at, EVENT_TYPES.index(self.type), self.source, self.id)


class EventSet:
    """All events that count, grouped by organization, kind and subject."""

    def __init__(self, events: Iterable[dict[str, Any]]) -> None:
        """Keep the first of each (organization, kind, subject, source, id), in log order."""
        distinct: dict[tuple[str, ...], Event] = {}
        for raw in events:
            event = _decode(raw)
            identity = (event.organization_id, event.kind, event.subject, event.source, event.id)
            distinct.setdefault(identity, event)
        self._by_subject: dict[tuple[str, str], dict[str, list[Event]]] = {}
        self._executions: dict[str, set[str]] = {}
        for event in distinct.values():
            of_kind = self._by_subject.setdefault((event.organization_id, event.kind), {})
            of_kind.setdefault(event.subject, []).append(event)
            if event.execution_id is not None:
                self._executions.setdefault(event.organization_id, set()).add(event.execution_id)

    def of(self, organization_id: str, kind: str, subject: str) -> list[Event]:
        """Events of one subject."""
        return self._by_subject.get((organization_id, kind), {}).get(subject, [])

    def subjects(self, organization_id: str, kind: str) -> dict[str, list[Event]]:
        """Events of every subject of a kind."""
        return self._by_subject.get((organization_id, kind), {})

    def execution_ids(self, organization_id: str) -> list[str]:
        """Every execution that any event names, by code point."""
        return sorted(self._executions.get(organization_id, set()))


def select(events: Iterable[Event], *types: str) -> list[Event]:
    """Events of the given types."""
    return [event for event in events if event.type in types]


def winner(events: Sequence[Event]) -> Event | None:
    """The winner of competing facts, None among none."""
    return max(events, key=lambda event: event.precedence, default=None)


def winners_by(events: Iterable[Event], key: str) -> list[Event]:
    """The winner among the events that say the same under the key, for each such value."""
    named: dict[Any, Event] = {}
    for event in sorted(events, key=lambda event: event.precedence):
        named[event.data[key]] = event
    return list(named.values())


def winning_data(events: Sequence[Event]) -> dict[str, Any]:
    """Payload of the winner, empty among none."""
    won = winner(events)
    return won.data if won else {}


def merged_data(events: Iterable[Event]) -> dict[str, Any]:
    """Payloads merged key by key, each key by rule 3."""
    merged: dict[str, Any] = {}
    for event in sorted(events, key=lambda event: event.precedence):
        merged.update(event.data)
    return merged


def earliest_at(events: Iterable[Event]) -> datetime | None:
    """The smallest time, None among none."""
    return min((event.occurred_at for event in events), default=None)


def _decode(raw: dict[str, Any]) -> Event:
    family = raw["type"].partition(".")[0]
    execution_id = raw.get("executionid")
    return Event(
        type=raw["type"],
        kind="attempt" if family in ATTEMPT_FAMILIES else family,
        organization_id=raw["organizationid"],
        subject=raw["subject"],
        source=raw["source"],
        id=raw["id"],
        occurred_at=parse_instant(raw["time"]),
        execution_id=raw["subject"] if family == "execution" else execution_id,
        # A null of contact.updated removes what an earlier event said: it has to stay.
        data=raw["data"] if raw["type"] == "contact.updated" else _known_keys(raw["data"]),
    )


def _known_keys(payload: dict[str, Any]) -> dict[str, Any]:
    """Leave out keys that are null, at every depth of what the contract describes."""
    return {
        key: value if key in _HANDED_THROUGH else _known(value)
        for key, value in payload.items()
        if value is not None
    }


def _known(value: object) -> object:
    if isinstance(value, dict):
        return _known_keys(value)
    if isinstance(value, list):
        return [_known(item) for item in value]
    return value
