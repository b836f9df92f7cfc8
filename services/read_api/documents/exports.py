"""What the document says of exports: files that are streamed, and those that jobs make."""

from typing import Final

from services.read_api.documents.operations import (
    FILE,
    Interface,
    Operation,
    Parameter,
    by_name,
    one_of,
    path_id,
)
from services.read_api.error_shape import PROBLEM_DETAILS, ProblemDetails
from services.read_api.exports.export_request import FORMATS, MEDIA_TYPES, PROFILES
from services.read_api.exports.job_answers import ExportJob, ExportJobList, ExportJobRequest
from services.read_api.exports.job_routes import NO_EXPORT
from services.read_api.program_execution.errors import ERRORS, VendorError
from services.read_api.program_execution.routes import NOT_FOUND, PREFIX

_EXECUTION: Final = f"{PREFIX}/{{executionId}}"
_EXPORTS: Final = f"{_EXECUTION}/exports"
_EXECUTION_ID: Final = path_id("executionId", "The execution.", "spring")
_EXPORT_ID: Final = "0b0b8f4e-6f57-4e4b-9d5e-0d7f5f1f9f3e"
_PROFILE: Final = one_of(
    "profile", "Of CSV: `default` neutralises formulas, `machine` is plain RFC 4180.", PROFILES
)
_JOB: Final = {
    "exportId": _EXPORT_ID,
    "executionId": "spring",
    "kind": "calls",
    "format": "xlsx",
    "profile": "default",
    "status": "completed",
    "fileName": "calls-spring.xlsx",
    "requestedAt": "2026-03-02T10:05:00.000Z",
    "startedAt": "2026-03-02T10:05:00.120Z",
    "finishedAt": "2026-03-02T10:05:00.480Z",
    "expiresAt": "2026-03-03T10:05:00.480Z",
    "asOf": "2026-03-02T10:05:00.000Z",
    "rows": 3,
    "rowsTotal": 3,
    "bytes": 6144,
    "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "error": None,
}
_QUEUED: Final = {
    **_JOB,
    **dict.fromkeys(("startedAt", "finishedAt", "expiresAt", "asOf", "sha256")),
    "status": "queued",
    "rows": 0,
    "rowsTotal": 0,
    "bytes": 0,
}


def _format(*names: str) -> Parameter:
    return one_of("format", "Of the file; XLSX where none is said.", names)


def _media_types(*names: str) -> tuple[str, ...]:
    return tuple(MEDIA_TYPES[name] for name in MEDIA_TYPES if name in names)


FILES: Final = Interface(
    key="Export",
    title="Exports",
    words="An execution as a file, written while it is sent. A file that breaks off is not whole: "
    "the answer breaks off too.",
    shape=ERRORS,
    error=VendorError,
    refusals={404: NOT_FOUND},
    path_parameters=by_name(_EXECUTION_ID),
    operations=tuple(
        Operation(
            id=f"export{name}",
            path=f"{_EXECUTION}/{path}/export",
            summary=summary,
            parameters=(_format(*formats), _PROFILE),
            refusals={400: f"format must be one of {', '.join(formats)}"},
            headers=("X-Callfold-As-Of", "X-Callfold-Incidents", "Content-Disposition"),
            is_report=False,
            has_head=True,
            media_types=_media_types(*formats),
            answer=FILE,
        )
        for name, path, summary, formats in (
            ("Summary", "report", "Summary, breakdown and node stats", FORMATS["summary"]),
            ("Calls", "report/calls", "A row for each call", FORMATS["calls"]),
        )
    ),
)
JOBS: Final = Interface(
    key="ExportJob",
    title="Export jobs",
    words="The same files, made in the background and kept for a while.",
    shape=PROBLEM_DETAILS,
    error=ProblemDetails,
    refusals={404: NOT_FOUND},
    path_parameters=by_name(_EXECUTION_ID, path_id("exportId", "The job.", _EXPORT_ID)),
    operations=(
        Operation(
            id="createExport",
            method="post",
            path=_EXPORTS,
            summary="Ask for a file",
            words="Without a body: the calls as XLSX.",
            body={"application/json": ExportJobRequest},
            needs_body=False,
            body_example={"kind": "calls", "format": "csv", "profile": "machine"},
            status=202,
            headers=("Location",),
            is_report=False,
            refusals={400: "format must be xlsx or csv for a summary"},
            answer=ExportJob,
            example=_QUEUED,
        ),
        Operation(
            id="listExports",
            path=_EXPORTS,
            summary="The jobs of an execution, newest first",
            is_report=False,
            has_head=True,
            answer=ExportJobList,
            example={"data": [_JOB]},
        ),
        Operation(
            id="getExport",
            path=f"{_EXPORTS}/{{exportId}}",
            summary="One job, and how far it is",
            is_report=False,
            has_head=True,
            refusals={404: NO_EXPORT},
            answer=ExportJob,
            example=_JOB,
        ),
        Operation(
            id="downloadExport",
            path=f"{_EXPORTS}/{{exportId}}/download",
            summary="The file of a job",
            headers=("X-Callfold-As-Of", "Content-Disposition", "Repr-Digest"),
            is_report=False,
            has_head=True,
            media_types=_media_types(*MEDIA_TYPES),
            refusals={
                409: "the export is running",
                410: "the file was kept until its expiry; ask for a new one",
            },
            answer=FILE,
        ),
        Operation(
            id="deleteExport",
            method="delete",
            path=f"{_EXPORTS}/{{exportId}}",
            summary="Remove a job and its file",
            status=204,
            is_report=False,
            answer=None,
        ),
    ),
)
