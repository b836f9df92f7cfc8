"""The tables of `callfold demo`: every figure beside the generator's truth."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any

from msgspec import UNSET
from rich.box import SIMPLE_HEAD
from rich.columns import Columns
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from services.tooling.figure_comparison import Figure, Path

_Figures = Mapping[Path, Figure]
_BREAKDOWN_KEYS = (
    *("callsAttempted", "callsConnected", "callsAnswered", "callsVoicemail", "callsNoAnswer"),
    *("callsFailed", "callsCompleted", "connectedPercentage", "answeredPercentage"),
    *("voicemailPercentage", "noAnswerPercentage", "completedPercentage", "averageDurationMs"),
)
_NODE_KEYS = ("nodeType", "uniqueCalls", "totalExecutions", "percentage")
_COST_KEYS = ("totalCost", "executionCount", "totalDurationMs")
_CALL_KEYS = ("totalCost", "durationMs")
_INPUTS_SHOWN_MAX = 6  # of each node


def report_tables(figures: _Figures, truth: Mapping[str, Any]) -> list[RenderableType]:
    """All four reports; the truth says which rows there must be."""
    return [
        _main_report(figures, truth["report"]),
        _breakdown(figures, truth["breakdown"]),
        _nodes(figures, truth["nodeStats"]["nodes"]),
        _inputs(figures, truth["nodeStats"]["nodes"]),
        _costs(figures, truth["billing"]["byNodeType"]),
        _dearest_calls(figures, truth["billing"]["topCostlyCalls"]),
    ]


def differences_table(wrong: Iterable[Figure]) -> Table:
    """What is not as it must be, by name."""
    table = Table(
        title="Differences", title_justify="left", title_style="bold red", box=SIMPLE_HEAD
    )
    table.add_column("figure", overflow="fold")
    table.add_column("report", justify="right")
    table.add_column("truth", justify="right")
    for figure in wrong:
        table.add_row(figure.name, _shown(figure.reported), _shown(figure.truth), style="red")
    return table


def _main_report(figures: _Figures, truth: Mapping[str, Any]) -> Columns:
    tables = []
    for metrics, values in truth.items():
        rows = [(key, [("report", metrics, key)]) for key in values]
        tables.append(_table(metrics, ["report = truth"], rows, figures))
    return Columns(tables)


def _breakdown(figures: _Figures, truth: Mapping[str, Any]) -> Table:
    places: list[tuple[str, Path]] = [
        (f"attempt {row['attemptNumber']}", ("breakdown", "perAttempt", place))
        for place, row in enumerate(truth["perAttempt"])
    ]
    places.append(("total", ("breakdown", "total")))
    rows = [(key, [(*place, key) for _, place in places]) for key in _BREAKDOWN_KEYS]
    return _table("Breakdown", [header for header, _ in places], rows, figures)


def _nodes(figures: _Figures, truth: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (str(node["nodeId"]), [("nodeStats", "nodes", place, key) for key in _NODE_KEYS])
        for place, node in enumerate(truth)
    ]
    return _table("Node stats", _NODE_KEYS, rows, figures)


def _inputs(figures: _Figures, truth: Sequence[Mapping[str, Any]]) -> Table:
    """The most frequent inputs; the others are compared as well."""
    rows: list[tuple[str, list[Path]]] = []
    for place, node in enumerate(truth):
        stem: Path = ("nodeStats", "nodes", place)
        rows += [
            (
                f"{node['nodeId']}: {digits}",
                [(*stem, "dtmfBreakdown", digits), (*stem, "dtmfPercentages", digits)],
            )
            for digits in islice(node.get("dtmfBreakdown", ()), _INPUTS_SHOWN_MAX)
        ]
    return _table(
        "Node stats: most frequent inputs", ["dtmfBreakdown", "dtmfPercentages"], rows, figures
    )


def _costs(figures: _Figures, truth: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (str(row["nodeType"]), [("billing", "byNodeType", place, key) for key in _COST_KEYS])
        for place, row in enumerate(truth)
    ]
    return _table("Billing by node type", _COST_KEYS, rows, figures)


def _dearest_calls(figures: _Figures, truth: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (str(row["callId"]), [("billing", "topCostlyCalls", place, key) for key in _CALL_KEYS])
        for place, row in enumerate(truth)
    ]
    return _table("Dearest calls", _CALL_KEYS, rows, figures)


def _table(
    title: str,
    headers: Sequence[str],
    rows: Iterable[tuple[str, Sequence[Path]]],
    figures: _Figures,
) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    table.add_column("")
    for header in headers:
        table.add_column(header, justify="right", no_wrap=True)
    for label, paths in rows:
        table.add_row(label, *(_cell(figures[path]) for path in paths))
    return table


def _cell(figure: Figure) -> Text:
    reported, truth = _shown(figure.reported), _shown(figure.truth)
    if figure.is_right:
        return Text.assemble(reported, (f" = {truth}", "dim"))
    return Text(f"{reported} ≠ {truth}", style="bold red")


def _shown(value: object) -> str:
    match value:
        case None:
            return "null"
        case int():
            return f"{value:,}"
        case Decimal():
            return f"{value.normalize():,f}"
        case _ if value is UNSET:
            return "absent"
        case _:
            return str(value)
