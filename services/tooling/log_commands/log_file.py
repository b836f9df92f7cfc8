"""The file of an export, in either format, read back event by event; used by `log import`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec
import typer
from msgspec import UNSET, Raw, Struct, UnsetType

from shared.errors import CallfoldError
from shared.limits import EVENT_BYTES_MAX

#: An event's escapes or base64 make a line longer than the event, up to six times.
_LINE_BYTES_MAX = 8 * EVENT_BYTES_MAX


class LogFileError(CallfoldError):
    """A file of events cannot be written or read."""


class LogFormat(StrEnum):
    """What an export is written as."""

    NDJSON = "ndjson"
    PARQUET = "parquet"


class FileEvent(NamedTuple):
    """The bytes of an event, and where the file stands behind it, in units of its size."""

    event: bytes
    read: int


class _Line(Struct, gc=False):
    """What an import needs of a line; the position is the log's own business."""

    event: Raw | UnsetType = UNSET
    kept: bytes | UnsetType = msgspec.field(name="bytes", default=UNSET)


_decode = msgspec.json.Decoder(_Line).decode


def format_of(file: str, given: LogFormat | None) -> LogFormat:
    """The format given, else that of the file's name.

    Raises:
        typer.BadParameter: the format cannot be had there.
    """
    by_name = LogFormat.PARQUET if file.lower().endswith(".parquet") else LogFormat.NDJSON
    chosen = given or by_name
    is_no_file = file == "-" or (Path(file).exists() and not Path(file).is_file())
    if chosen is LogFormat.PARQUET and is_no_file:
        raise typer.BadParameter("parquet needs a file of its own", param_hint="--format")
    return chosen


@contextmanager
def opened_log_file(
    file: str, log_format: LogFormat
) -> Iterator[tuple[Iterator[FileEvent], int | None]]:
    """The events of a file, or of standard input for `-`, and its size where that is known.

    Raises:
        LogFileError: it cannot be read, or is not of an export; also while it is read.
    """
    if log_format is LogFormat.PARQUET:
        # Loaded for this format only: DuckDB takes its time.
        from services.tooling.log_commands.parquet_file import parquet_events  # noqa: PLC0415

        rows, events = parquet_events(file)
        yield (FileEvent(event, number) for number, event in enumerate(events, start=1)), rows
        return
    if file == "-":
        yield file_lines(sys.stdin.buffer), None
        return
    try:
        with Path(file).open("rb") as opened:
            yield file_lines(opened), Path(file).stat().st_size
    except OSError as error:
        raise LogFileError(f"{file}: {error.strerror or error}") from error


def file_lines(file: BinaryIO) -> Iterator[FileEvent]:
    """The event of every line of an export; empty ones are skipped.

    Raises:
        LogFileError: a line is none; the message says which.
    """
    bytes_read, number = 0, 0
    while line := file.readline(_LINE_BYTES_MAX):
        number += 1
        bytes_read += len(line)
        if not line.strip():
            continue
        try:
            said = _decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _not_exported(number, str(error)) from None
        if isinstance(said.event, Raw):
            yield FileEvent(bytes(said.event), bytes_read)
        elif isinstance(said.kept, bytes):
            yield FileEvent(said.kept, bytes_read)
        else:
            raise _not_exported(number, "it has no `event`")


def _not_exported(number: int, why: str) -> LogFileError:
    return LogFileError(
        f"line {number} is not of an export: {why}; take it out and run again, what was published "
        "before it counts once"
    )
