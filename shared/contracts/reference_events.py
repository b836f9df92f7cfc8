"""Reference data: published flows and defined attributes (events.md, section 3).

The subject of `flow.*` is the flow id, that of `attribute.*` the attribute name.
"""

from typing import Literal

from shared.contracts.envelope import (
    ABSENT,
    Event,
    Id,
    Json,
    JsonObject,
    NoPayload,
    Ordinal,
    Payload,
    UInt,
    require_object,
)


class FlowNode(Payload, frozen=True, kw_only=True, gc=False):
    """A node of a published flow; `definition` is a workflow builder's type object."""

    id: Id
    type: Id
    label: str | None = None
    config: JsonObject = ABSENT
    definition: JsonObject = ABSENT

    def __post_init__(self) -> None:
        """Handed-through objects must be objects."""
        require_object(self.config, "config")
        require_object(self.definition, "definition")


class FlowEdge(Payload, frozen=True, kw_only=True, gc=False):
    """An edge; `value` is the output of the source node that it follows."""

    id: Id
    source: Id
    target: Id
    type: Literal["standard", "failure", "timeout"] | None = None
    value: Json = ABSENT


class FlowPublishedData(Payload, frozen=True, kw_only=True, gc=False):
    """One version of a flow, whole."""

    name: str
    version: Ordinal
    version_id: str | None = None
    start_node_id: Id | None = None
    nodes: list[FlowNode]
    edges: list[FlowEdge]


class FlowPublished(Event, kw_only=True, gc=False, tag="flow.published"):
    """A version of a flow went live."""

    data: FlowPublishedData


class AttributeDefinedData(Payload, frozen=True, kw_only=True, gc=False):
    """A contact attribute; `position` orders its column in exports."""

    display_name: str
    type: Literal["text", "number", "boolean", "date", "phone_number", "email", "url"] | None = None
    position: UInt | None = None


class AttributeDefined(Event, kw_only=True, gc=False, tag="attribute.defined"):
    """An attribute exists from now on, or changed."""

    data: AttributeDefinedData


class AttributeDeleted(Event, kw_only=True, gc=False, tag="attribute.deleted"):
    """An attribute is gone."""

    data: NoPayload


ReferenceEvent = FlowPublished | AttributeDefined | AttributeDeleted
