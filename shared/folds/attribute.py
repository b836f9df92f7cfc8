"""A contact attribute that an organization defined (events.md, section 3, Reference data)."""

from msgspec import Struct, field

from shared.contracts.envelope import Event
from shared.contracts.reference_events import AttributeDefined
from shared.folds.facts import Said, said_keys, stamp


class AttributeState(Struct, array_like=True, gc=False):
    """What an attribute's events add up to."""

    executions: list[str] = field(default_factory=list)
    #: The winner among defined and deleted; a deletion says no key at all.
    latest: Said | None = None


def evolve_attribute(state: AttributeState | None, event: Event) -> AttributeState:
    """Fold one event of an attribute into its state; total over all orders of events."""
    if state is None:
        state = AttributeState()
    if event.executionid is not None and event.executionid not in state.executions:
        state.executions = sorted((*state.executions, event.executionid))
    keys = said_keys(event.data) if isinstance(event, AttributeDefined) else {}
    of_event = stamp(event)
    if state.latest is None or of_event > state.latest:
        state.latest = (*of_event, keys)
    return state
