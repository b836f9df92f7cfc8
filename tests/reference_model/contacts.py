"""A contact: its merged profile, and its place in an execution (events.md, "Contact")."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.reference_model.event_set import Event, select, winner, winning_data

CONTACT_STATUS = {
    "contact.enrolled": "pending",
    "contact.queued": "queued",
    "contact.calling": "calling",
    "contact.retry_scheduled": "pendingRetry",
    "contact.completed": "completed",
    "contact.failed": "failed",
    "contact.skipped": "skipped",
}
_PROFILE_KEYS = ("firstName", "lastName", "phone", "email")


def profile_of(updates: list[Event]) -> dict[str, Any]:
    """Merge key by key, attributes name by name; a null removes, an empty name is null."""
    profile: dict[str, Any] = dict.fromkeys(_PROFILE_KEYS)
    attributes: dict[str, Any] = {}
    for event in sorted(updates, key=lambda event: event.precedence):
        profile.update({key: event.data[key] for key in _PROFILE_KEYS if key in event.data})
        attributes.update(event.data.get("attributes") or {})
    for name in ("firstName", "lastName"):
        profile[name] = profile[name] or None
    profile["attributes"] = {
        name: value for name, value in sorted(attributes.items()) if value is not None
    }
    return profile


class Enrolment:
    """One contact in one execution; there is at least one status event."""

    def __init__(self, events: list[Event]) -> None:
        """Take the contact's status events that name the execution."""
        won = winner(events)
        assert won is not None
        self.status = CONTACT_STATUS[won.type]
        #: When the status that counts was said, and with what payload.
        self.status_at: datetime = won.occurred_at
        self.status_data: dict[str, Any] = won.data
        #: The earliest of its events here.
        self.first_at: datetime = min(event.occurred_at for event in events)
        self.enrolled: dict[str, Any] = winning_data(select(events, "contact.enrolled"))
