"""A flow: its published versions (events.md, section 3, Reference data)."""

from msgspec import Struct, field

from shared.contracts.envelope import Event
from shared.contracts.reference_events import FlowPublished
from shared.folds.facts import said_json, stamp


class FlowVersion(Struct, array_like=True, gc=False):
    """One version of the flow."""

    #: The earliest publication decides which version an execution uses.
    published_us: int
    #: (time_us, rank, source, id, the payload as JSON text)
    published: tuple[int, int, str, str, bytes]


class FlowState(Struct, array_like=True, gc=False):
    """What a flow's events add up to."""

    executions: list[str] = field(default_factory=list)
    #: By version number, in decimal.
    versions: dict[str, FlowVersion] = field(default_factory=dict)


def evolve_flow(state: FlowState | None, event: Event) -> FlowState:
    """Fold one event of a flow into its state; total over all orders of events."""
    if state is None:
        state = FlowState()
    if event.executionid is not None and event.executionid not in state.executions:
        state.executions = sorted((*state.executions, event.executionid))
    if isinstance(event, FlowPublished):
        fact = (*stamp(event), said_json(event.data))
        number = str(event.data.version)
        version = state.versions.get(number)
        if version is None:
            state.versions[number] = FlowVersion(event.time_us, fact)
        else:
            version.published_us = min(version.published_us, event.time_us)
            version.published = max(version.published, fact)
    return state
