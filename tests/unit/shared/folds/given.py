"""Events as a projector decodes them, and states folded from them."""

from typing import Any

import msgspec

from shared.contracts.codec import decode_event
from shared.contracts.envelope import Event
from shared.contracts.event_types import KINDS
from shared.folds.states import FOLDS
from tests.unit.reference_model.given import event

#: 2025-12-20T10:00:00Z, when all happens that says no other time.
TEN_US = 1_766_224_800_000_000


def decoded(type_: str, clock: str = "10:00:00", **options: Any) -> Event:
    """Decode an event about `subject-1`; keys of the payload that are no option go to `data`."""
    envelope = {
        name: options.pop(name) for name in ("execution_id", "source", "id_") & options.keys()
    }
    raw = event(type_, options.pop("subject", "subject-1"), clock, options, **envelope)
    return decode_event(msgspec.json.encode(raw))


def state_of(*events: Event) -> Any:
    """Fold events of one subject, in the order given."""
    state = None
    for one in events:
        state = FOLDS[KINDS[type(one)]].evolve(state, one)
    return state
