"""States folded from events as published, for the laws of the folds."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from shared.contracts.codec import decode_fields
from shared.contracts.event_types import Kind
from shared.folds.states import FOLDS, encode_state
from tests.property.event_strategies.deliveries import Spelling, fields_of
from tests.property.event_strategies.events import RawEvent

_decode_exact = msgspec.json.Decoder(float_hook=Decimal).decode


def folded(kind: str, events: Iterable[RawEvent], state: Any = None) -> Any:
    """Fold events into a state, in the order given."""
    for event in events:
        state = FOLDS[Kind(kind)].evolve(state, decode_fields(fields_of(event, Spelling())))
    return state


def as_bytes(state: Any) -> bytes:
    """A state as the database keeps it."""
    return encode_state(state)


def from_bytes(kind: str, raw: bytes) -> Any:
    """A state as a projector takes it up again."""
    return FOLDS[Kind(kind)].decode(raw)


def spoken(value: Any) -> Any:
    """A fact with the JSON that it hands through decoded, exactly."""
    if isinstance(value, bytes):
        return _decode_exact(value)
    if isinstance(value, dict):
        return {key: spoken(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(map(spoken, value))
    return value
