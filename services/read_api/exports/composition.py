"""Puts the exports together: routes of streamed files and of jobs, and who makes the latter."""

import os
import socket
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from litestar import Router

from services.read_api.error_shape import ErrorShape
from services.read_api.exports.export_process import ExportProcesses
from services.read_api.exports.export_worker import ExportWorker
from services.read_api.exports.job_routes import export_job_routes
from services.read_api.exports.routes import Exports, export_routes
from services.read_api.reading.fresh_reports import FreshReports
from services.read_api.requests import Requests
from shared.settings import Settings
from shared.storage.export_jobs import ExportJobs
from shared.storage.live_queries import LiveQueries
from shared.storage.read_pool import ReadPool
from shared.storage.report_queries import ReportQueries
from shared.web_edge.background import in_background

#: A job's statement waits for no request's.
_JOB_CONNECTIONS = 2


class ExportService:
    """Exports of one read API."""

    def __init__(
        self,
        settings: Settings,
        live: LiveQueries,
        reports: FreshReports,
        now: Callable[[], datetime],
    ) -> None:
        """`working` must be entered for jobs to be made."""
        self._queries = ReportQueries(live)
        self._exports = Exports(
            self._queries,
            ExportProcesses(settings.exports_at_a_time),
            settings.reading_database_url(),
            now,
        )
        self._pool = ReadPool(settings.require_database_url(), _JOB_CONNECTIONS, "exports")
        worker = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4()}"
        self._jobs = ExportJobs(self._pool, live, worker)
        self._worker = ExportWorker(
            self._jobs, self._exports, reports.as_of_ms, settings.export_keep_hours
        )

    def routes(self, prefix: str, requests: Requests, errors: ErrorShape) -> list[Router]:
        """The routes of one interface, whose files are refused in its shape."""
        return [
            export_routes(prefix, self._exports, requests, errors),
            export_job_routes(prefix, self._jobs, self._queries, requests, self._worker.tell),
        ]

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Make files meanwhile; one that is not ready is left to another process, or later."""
        await self._pool.open()
        try:
            async with in_background(self._worker.run()):
                yield
        finally:
            await self._pool.close()
