"""Puts the read API together: pool, queries, keys, routes."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from litestar import Litestar
from litestar.types import ASGIApp

from services.read_api.edge import routed_by_raw_path
from services.read_api.probes import probe_routes
from services.read_api.program_execution.errors import ERRORS
from services.read_api.program_execution.reports import ProgramExecutionReports
from services.read_api.program_execution.routes import NOT_FOUND, program_execution_routes
from services.read_api.reading.fresh_reports import FreshReports
from services.read_api.requests import Requests
from shared.clock import utc_now
from shared.settings import Settings
from shared.storage.live_queries import LiveQueries
from shared.storage.read_pool import ReadPool
from shared.storage.report_connections import ReportConnections
from shared.storage.report_queries import ReportQueries
from shared.web_edge.authentication import KeyRing
from shared.web_edge.request_metrics import RequestMetrics, measured

#: Keys are looked up seldom: each is believed for seconds.
_KEY_CONNECTIONS: Final = 2


def build(settings: Settings, *, now: Callable[[], datetime] = utc_now) -> ASGIApp:
    """The read API as an ASGI application; it starts whether or not the database is there.

    Raises:
        SettingsError: no database is set.
    """
    database_url = settings.require_database_url()
    pool = ReadPool(database_url, _KEY_CONNECTIONS)
    connections = ReportConnections(database_url, settings.read_api_connections)
    live = LiveQueries(connections)
    queries = ReportQueries(live)
    metrics = RequestMetrics()
    reports = FreshReports(
        live,
        database_url,
        settings.report_cache_bytes,
        metrics.registry,
    )

    @asynccontextmanager
    async def running(_app: Litestar) -> AsyncIterator[None]:
        await pool.open()
        try:
            async with reports.following():
                yield
        finally:
            await connections.close()
            await pool.close()

    keys = KeyRing(pool, now=now)
    app = Litestar(
        [
            program_execution_routes(
                ProgramExecutionReports(queries, now), Requests(reports, keys, now, NOT_FOUND)
            ),
            probe_routes(live, metrics.registry),
        ],
        lifespan=[running],
        exception_handlers=ERRORS.handlers,
        logging_config=None,
        openapi_config=None,
    )
    return routed_by_raw_path(measured(app, metrics))
