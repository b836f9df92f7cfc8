"""The cache of reports in the test's own loop, above a real database that real batches change."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

from prometheus_client import CollectorRegistry

from services.read_api.program_execution.call_history_request import CallHistoryRequest
from services.read_api.program_execution.reports import ProgramExecutionReports
from services.read_api.reading.answers import Report
from services.read_api.reading.fresh_reports import FreshReports
from services.read_api.reading.report_cache import Reading, ReportKey
from shared.clock import monotonic_s
from shared.contracts.instants import datetime_us
from shared.metric_names import REPORT_CACHE_BYTES, REPORT_LOOKUPS
from shared.storage.live_queries import LiveQueries
from shared.storage.report_connections import ReportConnections
from shared.storage.report_queries import ReportQueries

_PATIENCE_S = 20.0

ROUTES = ("report", "calls", "breakdown", "node-stats", "billing")


class KeptReports:
    """Asks for reports as the routes do; its clocks are the test's."""

    def __init__(
        self, database_url: str, connections: ReportConnections, bytes_max: int = 2**20
    ) -> None:
        """`following` must be entered."""
        self.now = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
        #: Added to the monotonic clock of the feed.
        self.later_s = 0.0
        live = LiveQueries(connections)
        self.queries = ReportQueries(live)
        self.reads = ProgramExecutionReports(self.queries, lambda: self.now)
        self.registry = CollectorRegistry()
        self.reports = FreshReports(
            live,
            database_url,
            bytes_max,
            self.registry,
            clock_s=lambda: monotonic_s() + self.later_s,
        )

    def pass_time(self, seconds: float) -> None:
        """Let the wall clock go on."""
        self.now += timedelta(seconds=seconds)

    def reading(self, key: ReportKey) -> Reading:
        """How a report is read anew."""
        ids = (key.organization_id, key.execution_id)
        if key.route == "calls":
            return partial(self.reads.call_history, *ids, CallHistoryRequest())
        read = {
            "report": self.reads.main_report,
            "breakdown": self.reads.breakdown,
            "node-stats": self.reads.node_stats,
            "billing": self.reads.billing,
        }
        return partial(read[key.route], *ids)

    async def find(self, key: ReportKey) -> bytes | None:
        """The answer's bytes."""
        report, _as_of_ms = await self.reports.find(key, self.reading(key))
        return self.written(report)

    async def fresh(self, key: ReportKey) -> bytes | None:
        """What the database says now."""
        return self.written(await self.reading(key)())

    def written(self, report: Report | None) -> bytes | None:
        """A report's bytes at this instant."""
        return None if report is None else report.at(datetime_us(self.now)).body

    def lookups(self, result: str) -> float:
        """How many reports were found in a way: hit, join, miss, bypass."""
        return self.registry.get_sample_value(REPORT_LOOKUPS[0], {"result": result}) or 0.0

    @property
    def size_bytes(self) -> float:
        """What the cache says that it holds."""
        return self.registry.get_sample_value(REPORT_CACHE_BYTES[0]) or 0.0

    async def heard(self) -> None:
        """Wait until all that is committed by now has been heard."""
        committed_s = monotonic_s() + self.later_s
        deadline_s = monotonic_s() + _PATIENCE_S
        while True:
            standing = self.reports.standing()
            if standing is not None and standing.sent_s > committed_s:
                return
            assert monotonic_s() < deadline_s, "no proof that all was heard"
            await asyncio.sleep(0.01)

    async def lost(self) -> None:
        """Wait until the feed knows that it hears nothing."""
        deadline_s = monotonic_s() + _PATIENCE_S
        while self.reports.standing() is not None:
            assert monotonic_s() < deadline_s, "the feed still stands"
            await asyncio.sleep(0.01)


@asynccontextmanager
async def kept_reports(database_url: str, bytes_max: int = 2**20) -> AsyncIterator[KeptReports]:
    """Reports that are kept, once the feed stands."""
    connections = ReportConnections(database_url, 4)
    try:
        kept = KeptReports(database_url, connections, bytes_max)
        async with kept.reports.following():
            await kept.heard()
            yield kept
    finally:
        await connections.close()
