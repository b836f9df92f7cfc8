"""What is told of export jobs, and what is asked of them."""

from typing import Final

import msgspec
from msgspec import Struct

from services.read_api.exports.export_request import (
    ExportRequest,
    FileFormat,
    Kind,
    Profile,
    checked,
    file_name,
    has_format,
)
from shared.contracts.instants import us_text_ms
from shared.storage.export_jobs import JobRow
from shared.web_edge.refusals import BadRequest

_MS_US: Final = 1_000


class ExportJobRequest(Struct, frozen=True, kw_only=True):
    """The body of a request for a job."""

    kind: Kind = "calls"
    format: FileFormat = "xlsx"
    profile: Profile = "default"


class ExportJob(Struct, frozen=True, kw_only=True, rename="camel"):
    """One job; what is not known yet is null."""

    export_id: str
    execution_id: str
    kind: str
    format: str
    profile: str
    #: queued, running, completed, failed, expired.
    status: str
    file_name: str
    requested_at: str
    started_at: str | None
    finished_at: str | None
    expires_at: str | None
    #: Every entry received up to there is in it.
    as_of: str | None
    #: Calls that are written, and how many there are.
    rows: int
    rows_total: int
    bytes: int
    sha256: str | None
    error: str | None


class ExportJobList(Struct, frozen=True, kw_only=True):
    """The jobs of an execution, newest first."""

    data: list[ExportJob]


_decode_request = msgspec.json.Decoder(ExportJobRequest).decode


def read_job_request(body: bytes) -> ExportRequest:
    """The body as a request; an empty one asks for the calls as XLSX.

    Raises:
        BadRequest: it is no such JSON; the message says where.
    """
    try:
        asked = _decode_request(body or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"body: {error}") from None
    request = ExportRequest(kind=asked.kind, format=asked.format, profile=asked.profile)
    if not has_format(request):
        raise BadRequest("format must be xlsx or csv for a summary")
    return request


def request_of(row: JobRow) -> ExportRequest:
    """What a job was asked for."""
    return checked("summary" if row.kind == "summary" else "calls", row.format, row.profile)


def export_job(row: JobRow) -> ExportJob:
    """A job as it leaves."""
    return ExportJob(
        export_id=row.export_id,
        execution_id=row.execution_id,
        kind=row.kind,
        format=row.format,
        profile=row.profile,
        status=row.status,
        file_name=file_name(request_of(row), row.execution_id),
        requested_at=us_text_ms(row.requested_ms * _MS_US),
        started_at=_instant(row.started_ms),
        finished_at=_instant(row.finished_ms),
        expires_at=_instant(row.expires_ms),
        as_of=_instant(row.as_of_ms),
        rows=row.rows,
        rows_total=row.rows_total,
        bytes=row.bytes,
        sha256=row.sha256,
        error=row.error,
    )


def _instant(time_ms: int | None) -> str | None:
    return None if time_ms is None else us_text_ms(time_ms * _MS_US)
