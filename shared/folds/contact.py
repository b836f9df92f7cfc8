"""A contact: its profile, and its way through each execution (events.md, section 3, Contact)."""

from typing import Any

from msgspec import UNSET, Struct, field

from shared.contracts.contact_events import ContactEnrolled, ContactUpdated, EnrolmentEvent
from shared.contracts.envelope import Event, json_text
from shared.folds.facts import Said, said, said_keys, stamp

#: (time_us, rank, source, id, value); a null value removed the key and must be remembered.
Profile = tuple[int, int, str, str, str | None]
#: The same for an attribute, whose value is JSON text.
Attribute = tuple[int, int, str, str, bytes | None]

_PROFILE_KEYS = {
    "firstName": "first_name",
    "lastName": "last_name",
    "phone": "phone",
    "email": "email",
}


class Enrolment(Struct, array_like=True, gc=False):
    """The contact's way through one execution."""

    first_us: int
    #: (time_us, rank, source, id, status, keys): the winner among the status events.
    status: tuple[int, int, str, str, str, dict[str, Any]]
    enrolled: Said | None = None


class ContactState(Struct, array_like=True, gc=False):
    """What a contact's events add up to."""

    first_us: int
    last_us: int
    executions: list[str] = field(default_factory=list)
    profile: dict[str, Profile] = field(default_factory=dict)
    attributes: dict[str, Attribute] = field(default_factory=dict)
    enrolments: dict[str, Enrolment] = field(default_factory=dict)


def evolve_contact(state: ContactState | None, event: Event) -> ContactState:
    """Fold one event of a contact into its state; total over all orders of events."""
    time_us, execution_id = event.time_us, event.executionid
    if state is None:
        state = ContactState(first_us=time_us, last_us=time_us)
    elif time_us < state.first_us:
        state.first_us = time_us
    elif time_us > state.last_us:
        state.last_us = time_us
    if execution_id is not None and execution_id not in state.executions:
        state.executions = sorted((*state.executions, execution_id))
    if isinstance(event, EnrolmentEvent):
        _enrolment(state, event)
    elif isinstance(event, ContactUpdated):
        _updated(state, event)
    return state


def _updated(state: ContactState, event: ContactUpdated) -> None:
    of_event = stamp(event)
    for key, name in _PROFILE_KEYS.items():
        value = getattr(event.data, name)
        if value is UNSET:
            continue
        old = state.profile.get(key)
        if old is None or of_event > old:
            state.profile[key] = (*of_event, value)
    for key, raw in (event.data.attributes or {}).items():
        known = state.attributes.get(key)
        if known is None or of_event > known:
            state.attributes[key] = (*of_event, json_text(raw))


def _enrolment(state: ContactState, event: EnrolmentEvent) -> None:
    data = event.data  # type: ignore[attr-defined]  # every subclass says its own payload
    of_event = stamp(event)
    enrolment = state.enrolments.get(event.executionid)
    if enrolment is None:
        fact = (*of_event, event.status, said_keys(data))
        enrolment = Enrolment(first_us=event.time_us, status=fact)
        state.enrolments[event.executionid] = enrolment
    elif of_event > enrolment.status:
        enrolment.status = (*of_event, event.status, said_keys(data))
    enrolment.first_us = min(enrolment.first_us, event.time_us)
    if isinstance(event, ContactEnrolled) and (
        enrolment.enrolled is None or of_event > enrolment.enrolled
    ):
        enrolment.enrolled = said(of_event, data)
