"""The file of an export, read back line by line; used by `log import`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from shared.errors import CallfoldError
from shared.limits import EVENT_BYTES_MAX

#: An event's escapes or base64 make a line longer than the event, up to six times.
_LINE_BYTES_MAX = 8 * EVENT_BYTES_MAX


class LogFileError(CallfoldError):
    """A file of events cannot be written or read."""


class FileLine(NamedTuple):
    """One line: the bytes of its event, and where the file stands behind it."""

    event: bytes
    bytes_read: int


class _Line(Struct, gc=False):
    """What an import needs of a line; the position is the log's own business."""

    event: Raw | UnsetType = UNSET
    kept: bytes | UnsetType = msgspec.field(name="bytes", default=UNSET)


_decode = msgspec.json.Decoder(_Line).decode


@contextmanager
def opened_log_file(file: str) -> Iterator[tuple[BinaryIO, int | None]]:
    """The file, or standard input for `-`, with its size in bytes where that is known.

    Raises:
        LogFileError: it cannot be read.
    """
    if file == "-":
        yield sys.stdin.buffer, None
        return
    try:
        with Path(file).open("rb") as opened:
            yield opened, Path(file).stat().st_size
    except OSError as error:
        raise LogFileError(f"{file}: {error.strerror or error}") from error


def file_lines(file: BinaryIO) -> Iterator[FileLine]:
    """Every line of an export; empty ones are skipped.

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
            yield FileLine(bytes(said.event), bytes_read)
        elif isinstance(said.kept, bytes):
            yield FileLine(said.kept, bytes_read)
        else:
            raise _not_exported(number, "it has no `event`")


def _not_exported(number: int, why: str) -> LogFileError:
    return LogFileError(
        f"line {number} is not of an export: {why}; take it out and run again, what was published "
        "before it counts once"
    )
