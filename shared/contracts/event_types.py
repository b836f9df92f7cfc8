"""The closed list of event types in the contract's order, with rank and kind of subject.

The rank is the type's place in events.md, section 3, top to bottom, left to right: at equal times
the higher rank wins (rule 3).
"""

from enum import StrEnum
from types import UnionType
from typing import Final, get_args

from shared.contracts.call_events import CallEvent
from shared.contracts.contact_events import ContactEvent
from shared.contracts.envelope import Event
from shared.contracts.execution_events import ExecutionEvent
from shared.contracts.reference_events import (
    AttributeDefined,
    AttributeDeleted,
    FlowPublished,
    ReferenceEvent,
)
from shared.contracts.run_events import RunEvent
from shared.contracts.sms_events import SmsEvent

AnyEvent = ReferenceEvent | ExecutionEvent | ContactEvent | CallEvent | RunEvent | SmsEvent


class Kind(StrEnum):
    """What a subject is; ids belong to their kind."""

    FLOW = "flow"
    ATTRIBUTE = "attribute"
    EXECUTION = "execution"
    CONTACT = "contact"
    ATTEMPT = "attempt"


def _members(union: UnionType) -> tuple[type[Event], ...]:
    return get_args(union)


def _wire_name(event_class: type[Event]) -> str:
    tag = event_class.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


EVENT_CLASSES: Final = _members(AnyEvent)
WIRE_NAMES: Final[dict[type[Event], str]] = {cls: _wire_name(cls) for cls in EVENT_CLASSES}
RANKS: Final[dict[type[Event], int]] = {cls: rank for rank, cls in enumerate(EVENT_CLASSES)}
KINDS: Final[dict[type[Event], Kind]] = {
    FlowPublished: Kind.FLOW,
    AttributeDefined: Kind.ATTRIBUTE,
    AttributeDeleted: Kind.ATTRIBUTE,
    **dict.fromkeys(_members(ExecutionEvent), Kind.EXECUTION),
    **dict.fromkeys(_members(ContactEvent), Kind.CONTACT),
    **dict.fromkeys(_members(CallEvent | RunEvent | SmsEvent), Kind.ATTEMPT),
}
