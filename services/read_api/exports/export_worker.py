"""Makes the files of export jobs, one at a time, beside what the read API serves.

Each read API process takes what is queued. A job is held by a heartbeat; one whose process died is
taken by another and begins from the start.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import psycopg
import structlog

from services.read_api.exports.export_process import ExportProcesses
from services.read_api.exports.export_request import checked
from services.read_api.exports.frames import Order
from services.read_api.exports.routes import Exports
from shared.errors import StorageError
from shared.limits import EXPORT_PART_BYTES
from shared.storage.export_jobs import ExportJobs, Job
from shared.web_edge.refusals import Refusal

#: How often it is asked for jobs that other processes were told of.
_LOOK_S: Final = 2.0
_BEAT_S: Final = 3.0
_EXPIRE_S: Final = 60.0
_NO_EXECUTION: Final = "the execution is gone"
_log = structlog.get_logger()


class _LostError(Exception):
    """Somebody removed the job, or took it over."""


class ExportWorker:
    """Takes jobs until it is cancelled."""

    def __init__(
        self,
        jobs: ExportJobs,
        exports: Exports,
        as_of_ms: Callable[[], Awaitable[int | None]],
        keep_hours: int,
    ) -> None:
        """Files are kept for `keep_hours`."""
        self._jobs = jobs
        self._exports = exports
        self._as_of_ms = as_of_ms
        self._keep_hours = keep_hours
        self._processes = ExportProcesses(1)
        self._told = asyncio.Event()

    def tell(self) -> None:
        """There is a new job."""
        self._told.set()

    async def run(self) -> None:
        """Make what is queued, and expire what is old, for ever."""
        expires_at_s = 0.0
        while True:
            self._told.clear()
            job = None
            try:
                if expires_at_s <= asyncio.get_running_loop().time():
                    await self._jobs.expire()
                    expires_at_s = asyncio.get_running_loop().time() + _EXPIRE_S
                job = await self._jobs.take(await self._as_of_ms())
                if job is not None:
                    await self._make(job)
            except (StorageError, psycopg.Error) as error:
                # Away, or not laid out yet; the job is taken again once it was silent long enough.
                _log.warning("no export jobs", reason=str(error))
                job = None
            if job is None:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._told.wait(), _LOOK_S)

    async def _make(self, job: Job) -> None:
        try:
            await self._write(job)
        except asyncio.CancelledError:
            with suppress(StorageError, psycopg.Error):
                await self._jobs.give_back(job)
            raise
        except _LostError:
            _log.info("export job is gone", export=job.export_id)
        except (Refusal, StorageError) as error:
            _log.warning("export job failed", export=job.export_id, reason=str(error))
            await self._jobs.fail(job, str(error))

    async def _write(self, job: Job) -> None:
        asked = checked("summary" if job.kind == "summary" else "calls", job.format, job.profile)
        order = self._exports.order(job.organization_id, job.execution_id, asked)
        progress = _Progress()
        writing = asyncio.create_task(self._keep_parts(job, order, progress))
        try:
            while not writing.done():
                await asyncio.wait({writing}, timeout=_BEAT_S)
                if not await self._jobs.beat(job, progress.rows, progress.rows_total):
                    raise _LostError
        finally:
            writing.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait({writing})
        writing.result()
        digest = progress.digest.digest()
        await self._jobs.complete(job, progress.rows, digest, self._keep_hours)

    async def _keep_parts(self, job: Job, order: Order, progress: "_Progress") -> None:
        """Keep the file in parts of one size, the last one shorter."""
        part, waiting = 0, bytearray()
        async with self._processes.writing(order, _NO_EXECUTION) as process:
            progress.rows_total = process.head.rows
            async for piece, rows in process.pieces():
                progress.rows = rows
                progress.digest.update(piece)
                waiting += piece
                while len(waiting) >= EXPORT_PART_BYTES:
                    await self._keep(job, part, bytes(waiting[:EXPORT_PART_BYTES]), rows)
                    del waiting[:EXPORT_PART_BYTES]
                    part += 1
        if waiting:
            await self._keep(job, part, bytes(waiting), progress.rows)

    async def _keep(self, job: Job, part: int, body: bytes, rows: int) -> None:
        if not await self._jobs.add_part(job, part, body, rows):
            raise _LostError


class _Progress:
    """How far a file is."""

    def __init__(self) -> None:
        self.rows = 0
        self.rows_total = 0
        self.digest = hashlib.sha256()
