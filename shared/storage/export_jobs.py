"""Export jobs: asked for, taken by one process at a time, kept as parts, expired.

What an organization is told is read in its reader's role; what the processes do for all
organizations (take, beat, expire) runs as the process' own user.
"""

from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from shared.limits import EXPORT_FILES_KEPT_MAX, EXPORT_JOBS_OPEN_MAX, EXPORT_TRIES_MAX
from shared.storage.live_queries import LiveQueries
from shared.storage.read_pool import ReadPool

#: A process that was not heard of for so long has lost its job.
SILENT_S: Final = 15.0
#: How long it is remembered that a file was there, or could not be made.
_REMEMBERED: Final = "7 days"

_ASK = """
INSERT INTO callfold.exports
    (organization_id, export_id, execution_id, kind, format, profile, status, rows, rows_total,
    bytes)
SELECT %(organization_id)s::text, %(export_id)s::text, %(execution_id)s::text, %(kind)s::text,
    %(format)s::text, %(profile)s::text, 'queued', 0, 0, 0
FROM (
    SELECT
        count(*) FILTER (WHERE status IN ('queued', 'running')) AS open,
        count(*) FILTER (WHERE status = 'completed') AS kept
    FROM callfold.exports
    WHERE organization_id = %(organization_id)s::text
) AS has
WHERE open < %(open_max)s AND open + kept < %(kept_max)s
RETURNING export_id
"""
_TAKE = """
WITH next AS (
    SELECT organization_id, export_id
    FROM callfold.exports
    WHERE status IN ('queued', 'running')
        AND (
            status = 'queued' OR heard_at < now() - make_interval(secs => %(silent_s)s::float)
        )
    ORDER BY requested_at
    LIMIT 1
    FOR UPDATE SKIP LOCKED
), begun_anew AS (
    DELETE FROM callfold.export_parts
    USING next
    WHERE export_parts.organization_id = next.organization_id
        AND export_parts.export_id = next.export_id
)
UPDATE callfold.exports
SET status = 'running', taken_by = %(worker)s::text, tries = tries + 1, heard_at = now(),
    started_at = now(), as_of_ms = %(as_of_ms)s::bigint, rows = 0, rows_total = 0, bytes = 0
FROM next
WHERE exports.organization_id = next.organization_id AND exports.export_id = next.export_id
RETURNING exports.organization_id, exports.export_id, execution_id, kind, format, profile, tries
"""
_HELD = """
WHERE organization_id = %(organization_id)s::text AND export_id = %(export_id)s::text
    AND status = 'running' AND taken_by = %(worker)s::text
"""
_BEAT = f"""
UPDATE callfold.exports
SET heard_at = now(), rows = %(rows)s::bigint, rows_total = %(rows_total)s::bigint
{_HELD}
RETURNING export_id
"""
_ADD_PART = f"""
WITH held AS (
    UPDATE callfold.exports
    SET heard_at = now(), rows = %(rows)s::bigint, bytes = bytes + %(size_bytes)s::bigint
    {_HELD}
    RETURNING organization_id, export_id
)
INSERT INTO callfold.export_parts (organization_id, export_id, part, body)
SELECT organization_id, export_id, %(part)s::integer, %(body)s::bytea
FROM held
RETURNING part
"""
_COMPLETE = f"""
UPDATE callfold.exports
SET status = 'completed', finished_at = now(), sha256 = %(sha256)s::bytea,
    rows = %(rows)s::bigint, rows_total = %(rows)s::bigint,
    expires_at = now() + make_interval(hours => %(keep_hours)s::integer)
{_HELD}
RETURNING export_id
"""
_FAIL = f"""
WITH failed AS (
    UPDATE callfold.exports
    SET status = 'failed', finished_at = now(), expires_at = now(), error = %(error)s::text,
        bytes = 0
    {_HELD}
    RETURNING organization_id, export_id
)
DELETE FROM callfold.export_parts
USING failed
WHERE export_parts.organization_id = failed.organization_id
    AND export_parts.export_id = failed.export_id
RETURNING part
"""
_GIVE_BACK = f"""
UPDATE callfold.exports SET status = 'queued', tries = tries - 1 {_HELD} RETURNING export_id
"""
_EXPIRE = f"""
WITH expired AS (
    UPDATE callfold.exports
    SET status = 'expired'
    WHERE status = 'completed' AND expires_at <= now()
    RETURNING organization_id, export_id
), forgotten AS (
    DELETE FROM callfold.exports
    WHERE status IN ('failed', 'expired') AND expires_at < now() - interval '{_REMEMBERED}'
)
DELETE FROM callfold.export_parts
USING expired
WHERE export_parts.organization_id = expired.organization_id
    AND export_parts.export_id = expired.export_id
RETURNING part
"""
_REMOVE = """
DELETE FROM callfold.exports
WHERE organization_id = %(organization_id)s::text AND execution_id = %(execution_id)s::text
    AND export_id = %(export_id)s::text
RETURNING export_id
"""


class Job(NamedTuple):
    """A job that this process has taken."""

    organization_id: str
    export_id: str
    execution_id: str
    kind: str
    format: str
    profile: str
    #: How often it was begun, now included.
    tries: int


class JobRow(Struct, frozen=True, kw_only=True):
    """A job as its organization is told of it; instants in milliseconds."""

    export_id: str
    execution_id: str
    kind: str
    format: str
    profile: str
    status: str
    error: str | None
    requested_ms: int
    started_ms: int | None
    finished_ms: int | None
    expires_ms: int | None
    as_of_ms: int | None
    rows: int
    rows_total: int
    bytes: int
    #: In hexadecimal.
    sha256: str | None


_decode_jobs = msgspec.json.Decoder(list[JobRow]).decode


class ExportJobs:
    """The jobs of all organizations; raises StorageError where the database is away."""

    def __init__(self, pool: ReadPool, live: LiveQueries, worker: str) -> None:
        """`worker` names this process, unlike any other."""
        self._pool = pool
        self._live = live
        self._worker = worker

    async def ask(
        self, organization_id: str, execution_id: str, export_id: str, file: tuple[str, str, str]
    ) -> bool:
        """Queue a file, given as kind, format and profile; False where there are too many."""
        kind, file_format, profile = file
        parameters = {
            "organization_id": organization_id,
            "execution_id": execution_id,
            "export_id": export_id,
            "kind": kind,
            "format": file_format,
            "profile": profile,
            "open_max": EXPORT_JOBS_OPEN_MAX,
            "kept_max": EXPORT_FILES_KEPT_MAX,
        }
        return await self._pool.fetch_one(_ASK, parameters) is not None

    async def of_execution(
        self, organization_id: str, execution_id: str, export_id: str | None = None
    ) -> list[JobRow]:
        """The jobs of an execution, newest first; or at most the one."""
        parameters = {
            "organization_id": organization_id,
            "execution_id": execution_id,
            "export_id": export_id,
        }
        _generation, (jobs,) = await self._live.fetch("export_jobs", parameters)
        return [] if jobs is None else _decode_jobs(jobs)

    async def part(self, organization_id: str, export_id: str, part: int) -> bytes | None:
        """A part of a file, None where it is gone."""
        parameters = {"organization_id": organization_id, "export_id": export_id, "part": part}
        _generation, (body,) = await self._live.fetch("export_part", parameters)
        return body

    async def remove(self, organization_id: str, execution_id: str, export_id: str) -> bool:
        """Forget a job with its file; who writes it finds out at the next beat."""
        parameters = {
            "organization_id": organization_id,
            "execution_id": execution_id,
            "export_id": export_id,
        }
        return await self._pool.fetch_one(_REMOVE, parameters) is not None

    async def take(self, as_of_ms: int | None) -> Job | None:
        """The longest waiting job, or one whose process died; it begins from the start."""
        parameters = {"worker": self._worker, "silent_s": SILENT_S, "as_of_ms": as_of_ms}
        row = await self._pool.fetch_one(_TAKE, parameters)
        if row is None:
            return None
        job = Job(*row)
        if job.tries > EXPORT_TRIES_MAX:
            await self.fail(job, f"its process died {EXPORT_TRIES_MAX} times")
            return None
        return job

    async def beat(self, job: Job, rows: int, rows_total: int) -> bool:
        """Say that it goes on; False where the job is no longer ours."""
        more = {"rows": rows, "rows_total": rows_total}
        return await self._pool.fetch_one(_BEAT, self._held(job) | more) is not None

    async def add_part(self, job: Job, part: int, body: bytes, rows: int) -> bool:
        """Keep a part, which holds so many rows with those before; False as for `beat`."""
        more = {"part": part, "body": body, "size_bytes": len(body), "rows": rows}
        return await self._pool.fetch_one(_ADD_PART, self._held(job) | more) is not None

    async def complete(self, job: Job, rows: int, sha256: bytes, keep_hours: int) -> None:
        """All parts are there; they are kept so long."""
        more = {"rows": rows, "sha256": sha256, "keep_hours": keep_hours}
        await self._pool.fetch_one(_COMPLETE, self._held(job) | more)

    async def fail(self, job: Job, error: str) -> None:
        """It cannot be made; its parts go."""
        await self._pool.fetch_one(_FAIL, self._held(job) | {"error": error})

    async def give_back(self, job: Job) -> None:
        """Somebody else shall make it: this process ends."""
        await self._pool.fetch_one(_GIVE_BACK, self._held(job))

    async def expire(self) -> None:
        """Drop the files whose time is over."""
        await self._pool.fetch_one(_EXPIRE, {})

    def _held(self, job: Job) -> dict[str, object]:
        return {
            "organization_id": job.organization_id,
            "export_id": job.export_id,
            "worker": self._worker,
        }
