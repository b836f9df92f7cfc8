"""What each program-execution route reads, and how a report is made of it."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from services.read_api.program_execution.call_history_request import CallHistoryRequest
from services.read_api.reading.answers import Report
from shared.contracts.instants import datetime_us
from shared.reports.billing import billing_report
from shared.reports.breakdown import breakdown
from shared.reports.call_history import call_history, next_place
from shared.reports.main_report import main_report
from shared.reports.node_stats import node_stats
from shared.storage.report_queries import ReportQueries, Snapshot

_Rows = TypeVar("_Rows")


class ProgramExecutionReports:
    """Reads reports of executions; None where the organization has no such execution."""

    def __init__(self, queries: ReportQueries, now: Callable[[], datetime]) -> None:
        self._queries = queries
        self._now = now

    async def main_report(self, organization_id: str, execution_id: str) -> Report | None:
        """Its status and durations move with the clock."""
        found = await self._queries.main_report(organization_id, execution_id)
        if found is None:
            return None
        # Only its name is taken; a flow may hold a megabyte of nodes.
        flow = None if found.flow is None else replace(found.flow, nodes=[], edges=[])
        write = partial(
            main_report, organization_id, execution_id, found.execution, flow, found.rows
        )
        return Report(found.generation, write, self._now_us(), moves=True)

    async def call_history(
        self, organization_id: str, execution_id: str, asked: CallHistoryRequest
    ) -> Report | None:
        """One page of calls, with a link to the next."""
        found = await self._queries.call_history(
            organization_id,
            execution_id,
            limit=asked.limit,
            skip=asked.skip,
            after=asked.after,
            status=asked.status,
            contact_id=asked.contact_id,
        )
        if found is None:
            return None
        place = next_place(found.rows, asked.calls_before, asked.limit)
        # The link says only the query, so that it holds behind any prefix of a proxy.
        link = f'<?{asked.query_after(place)}>; rel="next"' if place else None
        page = call_history(found.rows, asked.page_number, asked.limit)
        return self._still(found, page, link)

    async def breakdown(self, organization_id: str, execution_id: str) -> Report | None:
        """Calls by attempt number."""
        found = await self._queries.breakdown(organization_id, execution_id)
        if found is None:
            return None
        return self._still(found, breakdown(found.rows))

    async def node_stats(self, organization_id: str, execution_id: str) -> Report | None:
        """How often each node ran."""
        found = await self._queries.node_stats(organization_id, execution_id)
        if found is None:
            return None
        return self._still(found, node_stats(found.flow, found.rows))

    async def billing(self, organization_id: str, execution_id: str) -> Report | None:
        """What it cost."""
        found = await self._queries.billing(organization_id, execution_id)
        if found is None:
            return None
        return self._still(found, billing_report(execution_id, found.flow, found.rows))

    def _still(self, found: Snapshot[_Rows], report: Struct, link: str | None = None) -> Report:
        """A report that no clock moves."""
        return Report(found.generation, lambda _now_us: report, self._now_us(), link=link)

    def _now_us(self) -> int:
        return datetime_us(self._now())
