"""Flow runs and the steps through their nodes. Subject: the call id, or the run id."""

from typing import Annotated

from msgspec import Meta, Raw

from shared.contracts.call_events import FlowOutcome
from shared.contracts.envelope import (
    ABSENT,
    Event,
    Id,
    JsonObject,
    Payload,
    UInt,
    require_object,
    says,
)


class RunStartedData(Payload, frozen=True, kw_only=True, gc=False):
    """Which flow runs, for whom."""

    flow_id: Id
    flow_version: UInt | None = None
    contact_id: Id | None = None
    program_id: Id | None = None


class RunStarted(Event, kw_only=True, gc=False, tag="run.started"):
    """A flow runs without a call."""

    data: RunStartedData


class RunEndedData(Payload, frozen=True, kw_only=True, gc=False):
    """How the flow ended; `outcome` is a flow outcome, kept as said."""

    outcome: FlowOutcome
    variables: JsonObject = ABSENT

    def __post_init__(self) -> None:
        """Final values are an object."""
        require_object(self.variables, "variables")


class RunEnded(Event, kw_only=True, gc=False, tag="run.ended"):
    """The flow ended."""

    data: RunEndedData


class NodeEnteredData(Payload, frozen=True, kw_only=True, gc=False):
    """A step begins: one execution of one node."""

    step_id: Id
    node_id: Id
    node_type: Id | None = None
    label: str | None = None


class NodeEntered(Event, kw_only=True, gc=False, tag="node.entered"):
    """A node begins to run."""

    data: NodeEnteredData


class NodeExitedData(Payload, frozen=True, kw_only=True, gc=False):
    """A step ends by one of its outputs."""

    step_id: Id
    node_id: Id
    node_type: Id | None = None
    output: str | None = None
    edge_id: Id | None = None
    context: JsonObject = ABSENT

    def __post_init__(self) -> None:
        """The context is an object."""
        require_object(self.context, "context")


class NodeExited(Event, kw_only=True, gc=False, tag="node.exited"):
    """A node is done."""

    data: NodeExitedData


class DtmfReceivedData(Payload, frozen=True, kw_only=True, gc=False):
    """`digits` is the whole input of the step so far."""

    step_id: Id
    node_id: Id
    digits: str
    branch: str | None = None


class DtmfReceived(Event, kw_only=True, gc=False, tag="dtmf.received"):
    """Keys were pressed."""

    data: DtmfReceivedData


class VariableSetData(Payload, frozen=True, kw_only=True, gc=False):
    """A variable and its value, any JSON but null."""

    name: Id
    value: Annotated[Raw, Meta(extra_json_schema={"not": {"type": "null"}})]
    step_id: Id | None = None
    node_id: Id | None = None

    def __post_init__(self) -> None:
        """A null value is an absent one, and this key is required."""
        if not says(self.value):
            raise ValueError("expected a `value`")


class VariableSet(Event, kw_only=True, gc=False, tag="variable.set"):
    """A variable changed."""

    data: VariableSetData


RunEvent = RunStarted | RunEnded | NodeEntered | NodeExited | DtmfReceived | VariableSet
