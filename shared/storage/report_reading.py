"""Reads what the reports of one execution are made of, at one moment and from any schema.

The statements are those that the read API sends; here they go over a connection of their own, one
after another, so who wants them to agree reads in one snapshot. Called by `callfold explain` and
`callfold replay`.
"""

from typing import Any, NamedTuple

import msgspec
import psycopg
from msgspec import Struct

from shared.contracts.event_types import Kind
from shared.contracts.reference_events import FlowPublishedData
from shared.folds.states import FOLDS
from shared.limits import DTMF_INPUTS_MAX, TOP_COSTLY_CALLS
from shared.reports.billing import BillingReport, BillingRows, billing_report
from shared.reports.breakdown import Breakdown, BreakdownRow, breakdown
from shared.reports.call_history import CallHistoryRows
from shared.reports.executions import Execution, read_execution
from shared.reports.main_report import MainReport, MainReportRows, main_report
from shared.reports.node_stats import NodeStats, NodeStatsRows, node_stats
from shared.reports.published_flows import NO_FLOW, FlowChoice, flow_choice
from shared.storage.read_pool import statement_text

_decode_flow = msgspec.json.Decoder(FlowPublishedData).decode
_BEFORE_ALL_US = -(2**63)


class ReportRows(Struct, frozen=True):
    """What the reports of an execution are made of."""

    execution: Execution
    flow: FlowPublishedData | None
    main: MainReportRows
    breakdown: list[BreakdownRow]
    node_stats: NodeStatsRows
    billing: BillingRows


class Reports(NamedTuple):
    """The answers of the read API but for the call history."""

    main: MainReport
    breakdown: Breakdown
    node_stats: NodeStats
    billing: BillingReport


def answered(organization_id: str, execution_id: str, rows: ReportRows, now_us: int) -> Reports:
    """What the read API answers at `now_us`; some figures go by the clock."""
    return Reports(
        main_report(organization_id, execution_id, rows.execution, rows.flow, rows.main, now_us),
        breakdown(rows.breakdown),
        node_stats(rows.flow, rows.node_stats),
        billing_report(execution_id, rows.flow, rows.billing),
    )


class ReportReader:
    """Reads one organization's execution in the tables of one schema."""

    def __init__(
        self, connection: psycopg.Connection, schema: str, organization_id: str, execution_id: str
    ) -> None:
        self._connection = connection
        self._schema = schema
        self._owner = {"organization_id": organization_id, "execution_id": execution_id}

    def reports(self) -> ReportRows | None:
        """The rows of all reports; None where the organization has no such execution."""
        head, main = self._report("main_report", NO_FLOW)
        mentioned, state, _flow = head
        if not mentioned and state is None:
            return None
        execution = read_execution(None if state is None else FOLDS[Kind.EXECUTION].decode(state))
        choice = flow_choice(execution)
        _, attempts = self._report("breakdown", NO_FLOW)
        (_, _, flow), nodes = self._report("node_stats", choice, inputs_max=DTMF_INPUTS_MAX)
        _, billing = self._report("billing", choice, top_max=TOP_COSTLY_CALLS)
        return ReportRows(
            execution=execution,
            flow=None if flow is None else _decode_flow(flow),
            main=msgspec.json.decode(main, type=MainReportRows),
            breakdown=msgspec.json.decode(attempts, type=list[BreakdownRow]),
            node_stats=msgspec.json.decode(nodes, type=NodeStatsRows),
            billing=msgspec.json.decode(billing, type=BillingRows),
        )

    def calls(self, limit: int) -> CallHistoryRows:
        """The first so many calls of the history, and one more where there is one."""
        _, calls = self._report(
            "call_history", NO_FLOW, after_us=_BEFORE_ALL_US, after_call_id="", skip=0, limit=limit
        )
        return msgspec.json.decode(calls, type=CallHistoryRows)

    def fetch(self, name: str, more: dict[str, Any]) -> list[tuple[Any, ...]]:
        """The rows of a `.sql` file that is about this execution."""
        statement = statement_text(name, self._schema)
        return self._connection.execute(statement, {**self._owner, **more}).fetchall()

    def _report(
        self, name: str, choice: FlowChoice, **more: int | str
    ) -> tuple[tuple[bool, bytes | None, str | None], str]:
        """Whether the execution is mentioned, its state, its flow; and the report's rows."""
        row = self.fetch(name, {**choice._asdict(), **more})[0]
        return row[1:4], row[4]
