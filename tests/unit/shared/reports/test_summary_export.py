"""The summary's tables, out of the reports."""

from decimal import Decimal

from shared.reports.breakdown import BreakdownRow, breakdown
from shared.reports.call_export_rows import Number
from shared.reports.executions import MENTIONED_ONLY
from shared.reports.main_report import MainReportRows, main_report
from shared.reports.node_stats import DigitRow, NodeRow, NodeStatsRows, node_stats
from shared.reports.summary_export import summary_export


def test_sections_repeat_the_reports() -> None:
    """Every scalar by its path; a row per attempt and node, totals last; money stays exact."""
    rows = MainReportRows({"completed": 2}, [("completed", 1, 1)], Decimal("1.000000001"), 1)
    summary, attempts, nodes = summary_export(
        main_report("acme", "=spring", MENTIONED_ONLY, None, rows, 0),
        breakdown([BreakdownRow(1, "completed", 1, 1, 1, 500)]),
        node_stats(
            None,
            NodeStatsRows([NodeRow("n", "dtmf", 1, 2)], [DigitRow("n", "1", 2, 2)], 1, 1),
        ),
    )
    assert ["Summary", "Breakdown", "Node Stats"] == [s.name for s in (summary, attempts, nodes)]
    found = {str(name): value for name, value in summary.rows}
    assert ("=spring", None, 2, 100) == (
        found["executionId"],
        found["status"],
        found["contactMetrics.completed"],
        float(str(found["contactMetrics.reachRate"])),
    )
    assert Number("1.000000001") == found["billingMetrics.totalCreditsUsed"]
    assert isinstance(found["billingMetrics.totalCreditsUsed"], Number)
    assert "false" == found["isInPauseWindow"]
    assert ("attemptNumber", "averageDurationMs") == (attempts.header[0], attempts.header[-1])
    assert [(1, 500), ("Total", 500)] == [(row[0], row[-1]) for row in attempts.rows]
    assert ["n", None, "dtmf", 1, 2, "100.0", '{"1":2}', '{"1":100.0}'] == nodes.rows[0]
    totals = [["totalCalls", 1], ["completedCalls", 1], ["completionRate", "100.0"]]
    assert totals == nodes.rows[1:]
