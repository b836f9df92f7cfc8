"""The summary export: three tables out of the reports of an execution (reports.md, Exports).

Labels and headers are the keys of the reports, so that a cell can be found in either.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from shared.reports.breakdown import AttemptBreakdown, Breakdown
from shared.reports.call_export_rows import Cell, Number, Row
from shared.reports.main_report import MainReport
from shared.reports.node_stats import NodeStat, NodeStats

_SUMMARY: Final = "Summary"
_BREAKDOWN: Final = "Breakdown"
_NODE_STATS: Final = "Node Stats"
_TOTAL: Final = "Total"
_NODE_KEYS: Final = (
    "nodeId",
    "nodeLabel",
    "nodeType",
    "uniqueCalls",
    "totalExecutions",
    "percentage",
    "dtmfBreakdown",
    "dtmfPercentages",
)
_TOTAL_KEYS: Final = ("totalCalls", "completedCalls", "completionRate")
_decode = msgspec.json.Decoder(float_hook=Number).decode


class Section(NamedTuple):
    """A sheet of XLSX, or a section of CSV."""

    name: str
    header: list[str]
    rows: list[Row]


def summary_export(main: MainReport, by_attempt: Breakdown, nodes: NodeStats) -> list[Section]:
    """Summary, Breakdown and Node Stats; the totals are the last rows of the latter two."""
    return [
        Section(_SUMMARY, ["field", "value"], list(map(list, _scalars(_keys(main))))),
        Section(
            _BREAKDOWN, list(AttemptBreakdown.__struct_encode_fields__), _breakdown_rows(by_attempt)
        ),
        Section(_NODE_STATS, list(_NODE_KEYS), _node_rows(nodes)),
    ]


def _breakdown_rows(by_attempt: Breakdown) -> list[Row]:
    rows: list[Row] = [list(map(_cell, _keys(row).values())) for row in by_attempt.per_attempt]
    rows.append([_TOTAL, *map(_cell, list(_keys(by_attempt.total).values())[1:])])
    return rows


def _node_rows(stats: NodeStats) -> list[Row]:
    rows = [_node_row(node) for node in stats.nodes]
    totals = _keys(stats)
    rows += [[name, _cell(totals[name])] for name in _TOTAL_KEYS]
    return rows


def _node_row(node: NodeStat) -> Row:
    keys = _keys(node)
    return [_cell(keys.get(name)) for name in _NODE_KEYS]


def _keys(report: msgspec.Struct) -> dict[str, Any]:
    """What a report answers, numbers as they are written there."""
    keys: dict[str, Any] = _decode(msgspec.json.encode(report))
    return keys


def _scalars(keys: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Cell]]:
    for name, value in keys.items():
        if isinstance(value, dict):
            yield from _scalars(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _cell(value)


def _cell(value: Any) -> Cell:
    if value is None or type(value) in (str, int, Number):
        return value  # type: ignore[no-any-return]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list) and all(type(item) is str for item in value):
        return ", ".join(value)
    # What is left came out of JSON text, whose numbers are `Number`s by now.
    return msgspec.json.encode(_plain(value)).decode()


def _plain(value: Any) -> Any:
    """The same with numbers that are written as numbers again."""
    if isinstance(value, Number):
        return msgspec.Raw(value.encode())
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
