"""What is asked to be exported, and the file that it becomes."""

from typing import Final, Literal
from urllib.parse import quote

from msgspec import Struct

from services.read_api.query_parameters import choice, read_query

Kind = Literal["summary", "calls"]
FileFormat = Literal["xlsx", "csv", "parquet"]
Profile = Literal["default", "machine"]

FORMATS: Final[dict[Kind, tuple[FileFormat, ...]]] = {
    "summary": ("xlsx", "csv"),
    "calls": ("xlsx", "csv", "parquet"),
}
PROFILES: Final[tuple[Profile, ...]] = ("default", "machine")
_FILE_STEMS: Final[dict[Kind, str]] = {"summary": "report", "calls": "calls"}
MEDIA_TYPES: Final[dict[FileFormat, str]] = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8; header=present",
    "parquet": "application/vnd.apache.parquet",
}
#: What every file system and every header takes.
_SAFE: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_. ()")
#: What names a folder somewhere, or ends a name.
_UNSAFE: Final = frozenset('/\\:*?"<>|')


class ExportRequest(Struct, frozen=True, kw_only=True):
    """Which file."""

    kind: Kind
    format: FileFormat = "xlsx"
    #: Only CSV has two (reports.md, Exports).
    profile: Profile = "default"


def read_export_request(kind: Kind, query_string: bytes) -> ExportRequest:
    """Read the query string.

    Raises:
        InvalidParameter: no such format or profile.
    """
    said = read_query(query_string, ("format", "profile"))
    return checked(kind, choice(said, "format", FORMATS[kind]), choice(said, "profile", PROFILES))


def checked(kind: Kind, file_format: str | None, profile: str | None) -> ExportRequest:
    """The request of texts that are known to be good, None being the default."""
    return ExportRequest(
        kind=kind,
        format=next((each for each in FORMATS[kind] if each == file_format), "xlsx"),
        profile="machine" if profile == "machine" else "default",
    )


def has_format(request: ExportRequest) -> bool:
    """Whether there is such a file of this kind."""
    return request.format in FORMATS[request.kind]


def file_headers(request: ExportRequest, execution_id: str) -> list[tuple[bytes, bytes]]:
    """What a download says of its file, whatever is in it."""
    return [
        (b"content-type", MEDIA_TYPES[request.format].encode()),
        (b"content-disposition", content_disposition(file_name(request, execution_id)).encode()),
        (b"cache-control", b"private, no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]


def file_name(request: ExportRequest, execution_id: str) -> str:
    """The name that the vendor gives it, such as `calls-spring.csv`."""
    return f"{_FILE_STEMS[request.kind]}-{execution_id}.{request.format}"


def content_disposition(name: str) -> str:
    """The header that names a file (RFC 6266); one that is not plain ASCII is said twice."""
    safe_name = "".join("_" if character in _UNSAFE else character for character in name)
    plain = "".join(character if character in _SAFE else "_" for character in safe_name)
    header = f'attachment; filename="{plain}"'
    if plain == safe_name:
        return header
    return f"{header}; filename*=UTF-8''{quote(safe_name, safe='')}"
