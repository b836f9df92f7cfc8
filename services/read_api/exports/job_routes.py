"""`/program-execution/{executionId}/exports…`: files that are made by jobs, ours alone.

Errors are problem details (RFC 9457). Whoever may read reports may have them exported.
"""

import uuid
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from typing import Final

import msgspec
from litestar import HttpMethod, Response, Router, route
from litestar.enums import ScopeType
from litestar.types import Receive, Scope, Send

from services.read_api.error_shape import PROBLEM_DETAILS
from services.read_api.exports.export_answer import send_pieces, send_start, while_connected
from services.read_api.exports.export_request import file_headers
from services.read_api.exports.job_answers import (
    ExportJobList,
    export_job,
    read_job_request,
    request_of,
)
from services.read_api.reading.answers import AS_OF_HEADER, JSON_MEDIA_TYPE, Headers
from services.read_api.requests import METHODS, AnyRequest, Requests, by_method
from shared.contracts.instants import us_text_ms
from shared.errors import StorageError
from shared.limits import EXPORT_FILES_KEPT_MAX, EXPORT_JOBS_OPEN_MAX
from shared.storage.export_jobs import ExportJobs, JobRow
from shared.storage.report_queries import ReportQueries
from shared.web_edge.refusals import Busy, NotFound, Refusal

NO_EXPORT: Final = "Export not found"
_encode = msgspec.json.Encoder().encode


class NotReady(Refusal):
    """The file is not there yet, or never will be."""

    status = 409


class Expired(Refusal):
    """The file was there."""

    status = 410


class DownloadAnswer:
    """200 with a file that is kept, read a part at a time."""

    def __init__(self, jobs: ExportJobs, organization_id: str, row: JobRow) -> None:
        self._jobs = jobs
        self._organization_id = organization_id
        self._row = row

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer (ASGI)."""
        await send_start(send, self._headers())
        if scope["type"] == ScopeType.HTTP and scope["method"] == HttpMethod.HEAD:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        await while_connected(receive, send_pieces(send, self._parts()))

    def _headers(self) -> Headers:
        row = self._row
        headers = [
            *file_headers(request_of(row), row.execution_id),
            (b"content-length", str(row.bytes).encode()),
        ]
        if row.sha256 is not None:
            digest = b64encode(bytes.fromhex(row.sha256))
            headers.append((b"repr-digest", b"sha-256=:" + digest + b":"))
        if row.as_of_ms is not None:
            headers.append((AS_OF_HEADER.encode(), us_text_ms(row.as_of_ms * 1000).encode()))
        return headers

    async def _parts(self) -> AsyncIterator[bytes]:
        part = sent_bytes = 0
        while sent_bytes < self._row.bytes:
            body = await self._jobs.part(self._organization_id, self._row.export_id, part)
            if body is None:
                raise StorageError("the file was removed meanwhile")
            yield body
            part += 1
            sent_bytes += len(body)


def export_job_routes(
    prefix: str,
    jobs: ExportJobs,
    queries: ReportQueries,
    requests: Requests,
    tell: Callable[[], None],
) -> Router:
    """The routes below `prefix`; `tell` is called when a job was asked for."""

    async def whose(request: AnyRequest) -> tuple[str, str]:
        organization_id = await requests.organization(request)
        execution_id = requests.path_id(request, "execution_id")
        if await queries.breakdown(organization_id, execution_id) is None:
            raise NotFound(requests.not_found)
        return organization_id, execution_id

    async def one(request: AnyRequest) -> tuple[str, JobRow]:
        organization_id, execution_id = await whose(request)
        export_id = requests.path_id(request, "export_id")
        found = await jobs.of_execution(organization_id, execution_id, export_id)
        if not found:
            raise NotFound(NO_EXPORT)
        return organization_id, found[0]

    async def ask(request: AnyRequest) -> Response[bytes]:
        organization_id, execution_id = await whose(request)
        asked = read_job_request(await request.body())
        export_id = str(uuid.uuid4())
        file = (asked.kind, asked.format, asked.profile)
        if not await jobs.ask(organization_id, execution_id, export_id, file):
            raise Busy(
                f"an organization may have {EXPORT_JOBS_OPEN_MAX} export jobs under way and "
                f"{EXPORT_FILES_KEPT_MAX} files; wait, or delete some"
            )
        tell()
        (row,) = await jobs.of_execution(organization_id, execution_id, export_id)
        # Relative to the route, so that it holds behind any prefix of a proxy.
        return _json(export_job(row), 202, {"location": f"exports/{export_id}"})

    async def listing(request: AnyRequest) -> Response[bytes]:
        rows = await jobs.of_execution(*await whose(request))
        return _json(ExportJobList(data=list(map(export_job, rows))))

    async def status(request: AnyRequest) -> Response[bytes]:
        _, row = await one(request)
        return _json(export_job(row))

    async def remove(request: AnyRequest) -> Response[bytes]:
        organization_id, row = await one(request)
        await jobs.remove(organization_id, row.execution_id, row.export_id)
        return Response(b"", status_code=204)

    @route("/{export_id:str}/download", http_method=METHODS)
    async def download(request: AnyRequest) -> DownloadAnswer:
        organization_id, row = await one(request)
        if row.status == "expired":
            raise Expired("the file was kept until its expiry; ask for a new one")
        if row.status != "completed":
            raise NotReady(f"the export is {row.status}")
        return DownloadAnswer(jobs, organization_id, row)

    return Router(
        prefix + "/{execution_id:str}/exports",
        route_handlers=[
            by_method("/", reading=listing, others={HttpMethod.POST: ask}),
            by_method("/{export_id:str}", reading=status, others={HttpMethod.DELETE: remove}),
            download,
        ],
        exception_handlers=PROBLEM_DETAILS.handlers,
    )


def _json(
    answer: msgspec.Struct, status: int = 200, headers: dict[str, str] | None = None
) -> Response[bytes]:
    return Response(
        _encode(answer),
        status_code=status,
        headers={"cache-control": "no-store", **(headers or {})},
        media_type=JSON_MEDIA_TYPE,
    )
