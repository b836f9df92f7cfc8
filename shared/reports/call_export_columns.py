"""The columns of the calls export: fixed ones, the organization's attributes, the flow's nodes.

Sources: reports.md, Exports; the table of node types in the vendor's page. `call_export_rows.py`
fills them.
"""

from collections.abc import Iterable
from enum import Enum
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct

from shared.contracts.reference_events import FlowNode, FlowPublishedData
from shared.reports.published_flows import nodes_in_graph_order


class CellType(Enum):
    """What a column holds, for formats that have types."""

    TEXT = "text"
    INTEGER = "integer"
    AMOUNT = "amount"
    #: As text in UTC with milliseconds.
    INSTANT = "instant"


class Column(NamedTuple):
    """A column; headers may repeat, as labels do."""

    header: str
    type: CellType = CellType.TEXT


#: What is said of every call, in this order.
FIXED_COLUMNS: Final = (
    Column("Call ID"),
    Column("Contact ID"),
    Column("First Name"),
    Column("Last Name"),
    Column("Phone"),
    Column("Email"),
    Column("From"),
    Column("To"),
    Column("Direction"),
    Column("Attempt", CellType.INTEGER),
    Column("Status"),
    Column("Outcome"),
    Column("Flow Outcome"),
    Column("Started At", CellType.INSTANT),
    Column("Answered At", CellType.INSTANT),
    Column("Ended At", CellType.INSTANT),
    Column("Duration (ms)", CellType.INTEGER),
    Column("Total Cost", CellType.AMOUNT),
)

_RESULT: Final = (Column("Result"),)
_RECORDING: Final = (*_RESULT, Column("Recording ID"), Column("Transcription"))
#: By node type; nodes of other types (answer, hangup, connect_agent …) have no columns.
_NODE_COLUMNS: Final = {
    "dial": _RESULT,
    "play": _RESULT,
    "say": _RESULT,
    "condition": _RESULT,
    "dtmf": (Column("Input"), Column("Branch")),
    "collect_audio": _RECORDING,
    "record": _RECORDING,
    "sms": (Column("Status"), Column("Message"), Column("Parts", CellType.INTEGER)),
    "update_contact": (Column("Attribute"), Column("Current Value")),
    "set_variable": (Column("Value"),),
}


class Attribute(NamedTuple):
    """An attribute that the organization has defined and not deleted."""

    name: str
    display_name: str
    position: int | None


class ExportedNode(NamedTuple):
    """A node that has columns."""

    id: str
    type: str
    #: `attributeName` and `variable` of its configuration.
    attribute: str | None
    variable: str | None


class CallExportColumns(Struct, frozen=True):
    """The columns of one export."""

    columns: list[Column]
    #: Names, in the order of their columns.
    attributes: list[str]
    nodes: list[ExportedNode]

    @property
    def wants_steps(self) -> bool:
        """Whether cells come from what an attempt did in its nodes."""
        return bool(self.nodes)

    @property
    def wants_attributes(self) -> bool:
        """Whether cells come from a contact's attributes."""
        return bool(self.attributes) or any(node.attribute for node in self.nodes)


class _Config(Struct):
    """What columns need of a node's configuration, which may hold anything."""

    attribute_name: Any = msgspec.field(name="attributeName", default=None)
    variable: Any = None


_decode_config = msgspec.json.Decoder(_Config).decode


def call_export_columns(
    attributes: Iterable[Attribute], flow: FlowPublishedData | None
) -> CallExportColumns:
    """The columns for an organization's attributes and the flow that the execution uses."""
    ordered = sorted(
        attributes, key=lambda each: (each.position is None, each.position or 0, each.name)
    )
    columns = [*FIXED_COLUMNS, *(Column(each.display_name or each.name) for each in ordered)]
    nodes: list[ExportedNode] = []
    for node in nodes_in_graph_order(flow):
        of_type = _NODE_COLUMNS.get(node.type)
        if of_type is None:
            continue
        label = node.label or node.id
        columns += [Column(f"{label}: {column.header}", column.type) for column in of_type]
        nodes.append(_exported(node))
    return CallExportColumns(columns, [each.name for each in ordered], nodes)


def columns_of_type(node_type: str) -> int:
    """How many columns a node of a type has."""
    return len(_NODE_COLUMNS[node_type])


def _exported(node: FlowNode) -> ExportedNode:
    config = _decode_config(node.config) if bytes(node.config)[:1] == b"{" else _Config()
    return ExportedNode(node.id, node.type, _text(config.attribute_name), _text(config.variable))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
