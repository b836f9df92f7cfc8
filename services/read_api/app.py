"""Puts the read API together: pool, queries, keys, routes."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from litestar import Litestar, Router
from litestar.types import ASGIApp

from services.read_api.attempt_events.routes import NOT_FOUND as NO_ATTEMPT
from services.read_api.attempt_events.routes import attempt_events_routes
from services.read_api.call_execution.reports import CallExecutionReports
from services.read_api.call_execution.routes import NOT_FOUND as NO_CALL
from services.read_api.call_execution.routes import call_execution_routes
from services.read_api.call_report.routes import NOT_FOUND as NO_REPORT
from services.read_api.call_report.routes import call_report_routes
from services.read_api.campaigns.reports import CampaignReports
from services.read_api.campaigns.routes import NOT_FOUND as NO_CAMPAIGN
from services.read_api.campaigns.routes import campaign_routes
from services.read_api.documents.routes import document_routes
from services.read_api.edge import routed_by_raw_path
from services.read_api.exports.composition import ExportService
from services.read_api.identity.admission import build_admission
from services.read_api.identity.cross_origin import cross_origin
from services.read_api.identity.routes import identity_routes
from services.read_api.probes import probe_routes
from services.read_api.program_execution.errors import ERRORS
from services.read_api.program_execution.reports import ProgramExecutionReports
from services.read_api.program_execution.routes import NOT_FOUND as NO_EXECUTION
from services.read_api.program_execution.routes import PREFIX, program_execution_routes
from services.read_api.program_executions.reports import ProgramExecutionsReports
from services.read_api.program_executions.routes import program_executions_routes
from services.read_api.reading.fresh_reports import FreshReports
from services.read_api.requests import Requests
from services.read_api.unrouted import UNROUTED
from services.read_api.workflow.reports import WorkflowReports
from services.read_api.workflow.routes import NOT_FOUND as NO_WORKFLOW_EXECUTION
from services.read_api.workflow.routes import workflow_routes
from shared.clock import utc_now
from shared.settings import Settings
from shared.storage.call_queries import CallQueries
from shared.storage.campaign_queries import CampaignQueries
from shared.storage.live_queries import LiveQueries
from shared.storage.program_execution_queries import ProgramExecutionQueries
from shared.storage.raw_events import RawEvents
from shared.storage.read_pool import ReadPool
from shared.storage.report_connections import ReportConnections
from shared.storage.report_queries import ReportQueries
from shared.storage.workflow_queries import WorkflowQueries
from shared.web_edge.rate_limits import with_rate_limits
from shared.web_edge.request_metrics import RequestMetrics, measured
from shared.web_edge.serving import before_end

#: Keys are looked up seldom: each is believed for seconds.
_KEY_CONNECTIONS: Final = 2


def build(settings: Settings, *, now: Callable[[], datetime] = utc_now) -> ASGIApp:
    """The read API as an ASGI application; it starts whether or not the database is there.

    Raises:
        SettingsError: no database is set.
    """
    database_url = settings.require_database_url()
    pool = ReadPool(database_url, _KEY_CONNECTIONS)
    reading_url = settings.reading_database_url()
    connections = ReportConnections(database_url, settings.read_api_connections, reading_url)
    log = RawEvents(reading_url)
    live = LiveQueries(connections)
    metrics = RequestMetrics()
    admission = build_admission(settings, pool, now)
    reports = FreshReports(
        live,
        database_url,
        settings.report_cache_bytes,
        metrics.registry,
    )
    exports = ExportService(settings, live, reports, now)

    @asynccontextmanager
    async def running(_app: Litestar) -> AsyncIterator[None]:
        await pool.open()
        await log.open()
        before_end(reports.end_watching)
        try:
            async with reports.following(), admission.following(), exports.working():
                yield
        finally:
            await log.close()
            await connections.close()
            await pool.close()

    def requests(not_found: str) -> Requests:
        return Requests(reports, admission, now, not_found)

    app = Litestar(
        [
            *_interfaces(live, now, requests),
            *exports.routes(PREFIX, requests(NO_EXECUTION), ERRORS),
            attempt_events_routes(log, requests(NO_ATTEMPT)),
            document_routes(),
            *identity_routes(admission),
            probe_routes(live, metrics.registry),
        ],
        lifespan=[running],
        cors_config=cross_origin(settings.cors_origins),
        exception_handlers=UNROUTED,
        logging_config=None,
        openapi_config=None,
    )
    return routed_by_raw_path(measured(with_rate_limits(app), metrics))


def _interfaces(
    live: LiveQueries, now: Callable[[], datetime], requests: Callable[[str], Requests]
) -> list[Router]:
    """The interfaces of the vendors; `requests` takes what each says of unknown ids."""
    flow_runs = WorkflowQueries(live)
    return [
        program_execution_routes(
            ProgramExecutionReports(ReportQueries(live), now), requests(NO_EXECUTION)
        ),
        program_executions_routes(
            ProgramExecutionsReports(ProgramExecutionQueries(live)), requests(NO_EXECUTION)
        ),
        call_report_routes(flow_runs, requests(NO_REPORT)),
        campaign_routes(CampaignReports(CampaignQueries(live)), requests(NO_CAMPAIGN)),
        call_execution_routes(CallExecutionReports(CallQueries(live), now), requests(NO_CALL)),
        workflow_routes(WorkflowReports(flow_runs), requests(NO_WORKFLOW_EXECUTION)),
    ]
