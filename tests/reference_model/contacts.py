"""The profile of a contact, merged from its `contact.updated` (events.md, "Contact")."""

from __future__ import annotations

from typing import Any

from tests.reference_model.event_set import Event

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
