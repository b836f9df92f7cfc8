"""The summary export as sections of plain cells: `GET …/report/export`.

The columns of the three sections are those of the reports themselves (seed-systems.md, 1.10).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tests.reference_model.call_reports import attempt_breakdown
from tests.reference_model.calls_export import Cells
from tests.reference_model.executions import Execution
from tests.reference_model.main_report import main_report
from tests.reference_model.node_stats import node_stats

_NODE_COLUMNS = (
    *("nodeId", "nodeLabel", "nodeType", "uniqueCalls", "totalExecutions", "percentage"),
    *("dtmfBreakdown", "dtmfPercentages"),
)
_NODE_TOTALS = ("totalCalls", "completedCalls", "completionRate")


def summary_export(execution: Execution, now: datetime) -> dict[str, list[Cells]]:
    """Rows of each section, its header first."""
    breakdown, stats = attempt_breakdown(execution), node_stats(execution)
    attempts = [list(row.values()) for row in breakdown["perAttempt"]]
    return {
        "Summary": [["field", "value"], *_scalars(main_report(execution, now))],
        "Breakdown": [
            list(breakdown["total"]),
            *attempts,
            ["Total", *list(breakdown["total"].values())[1:]],
        ],
        "Node Stats": [
            list(_NODE_COLUMNS),
            *([node.get(column) for column in _NODE_COLUMNS] for node in stats["nodes"]),
            *([name, stats[name]] for name in _NODE_TOTALS),
        ],
    }


def _scalars(report: dict[str, Any], prefix: str = "") -> Iterator[Cells]:
    """Every scalar with its path; a list of texts is one cell."""
    for key, value in report.items():
        if isinstance(value, dict):
            yield from _scalars(value, f"{prefix}{key}.")
        elif isinstance(value, list) and all(isinstance(item, str) for item in value):
            yield [prefix + key, ", ".join(value)]
        else:
            yield [prefix + key, value]
