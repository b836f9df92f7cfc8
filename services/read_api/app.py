"""Puts the read API together: pool, queries, keys, routes."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from litestar import Litestar
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp

from services.read_api import vendor_errors
from services.read_api.authentication import KeyRing
from services.read_api.edge import RequestMetrics, edge
from services.read_api.probes import probe_routes
from services.read_api.program_execution import program_execution_routes
from shared.clock import utc_now
from shared.settings import Settings
from shared.storage.read_pool import ReadPool
from shared.storage.report_queries import ReportQueries


def build(settings: Settings, *, now: Callable[[], datetime] = utc_now) -> ASGIApp:
    """The read API as an ASGI application; it starts whether or not the database is there.

    Raises:
        SettingsError: no database is set.
    """
    pool = ReadPool(settings.require_database_url(), settings.read_api_connections)
    queries = ReportQueries(pool)
    metrics = RequestMetrics()

    @asynccontextmanager
    async def connections(_app: Litestar) -> AsyncIterator[None]:
        await pool.open()
        try:
            yield
        finally:
            await pool.close()

    app = Litestar(
        [
            program_execution_routes(queries, KeyRing(pool, now=now), now),
            probe_routes(queries, metrics.registry),
        ],
        lifespan=[connections],
        exception_handlers={
            HTTPException: vendor_errors.misrouted,
            Exception: vendor_errors.failed,
        },
        logging_config=None,
        openapi_config=None,
    )
    return edge(app, metrics)
