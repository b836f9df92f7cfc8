"""All kinds of state in one table: how each is folded and how it is written as bytes.

Bump `FOLD_VERSION` with any change of what a fold, a contribution or a row says: a projector then
refuses generations of the older version, and a rebuild makes one of its own.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from shared.contracts.envelope import Event
from shared.contracts.event_types import Kind
from shared.folds.attempt import AttemptState, evolve_attempt
from shared.folds.attribute import AttributeState, evolve_attribute
from shared.folds.contact import ContactState, evolve_contact
from shared.folds.execution import ExecutionState, evolve_execution
from shared.folds.flow import FlowState, evolve_flow

FOLD_VERSION: Final = 2


class Fold(NamedTuple):
    """How a kind of subject is folded and read back."""

    evolve: Callable[[Any, Event], Any]
    decode: Callable[[bytes], Any]


def _decoder(state_class: type) -> Callable[[bytes], Any]:
    return msgspec.msgpack.Decoder(state_class).decode


FOLDS: Final[dict[Kind, Fold]] = {
    Kind.FLOW: Fold(evolve_flow, _decoder(FlowState)),
    Kind.ATTRIBUTE: Fold(evolve_attribute, _decoder(AttributeState)),
    Kind.EXECUTION: Fold(evolve_execution, _decoder(ExecutionState)),
    Kind.CONTACT: Fold(evolve_contact, _decoder(ContactState)),
    Kind.ATTEMPT: Fold(evolve_attempt, _decoder(AttemptState)),
}

#: A state as bytes: equal sets of events give equal bytes, so dictionaries are sorted.
encode_state: Final[Callable[[Any], bytes]] = msgspec.msgpack.Encoder(order="deterministic").encode
