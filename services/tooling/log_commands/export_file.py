"""The file that `log export` writes, in either format; in its place only once it is whole."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from services.tooling.log_commands.event_lines import event_line
from services.tooling.log_commands.log_file import LogFileError, LogFormat
from shared.storage.log_reading import LogEntry

#: Takes an entry and its `event_bytes`.
Write = Callable[[LogEntry, bytes], None]


@contextmanager
def opened_export(file: str, log_format: LogFormat) -> Iterator[Write]:
    """What writes an entry to the file, or for `-` to standard output.

    Raises:
        LogFileError: it cannot be written.
    """
    if log_format is LogFormat.PARQUET:
        # Loaded for this format only: DuckDB takes its time.
        from services.tooling.log_commands.parquet_file import opened_parquet  # noqa: PLC0415

        with opened_parquet(file) as parquet:
            yield parquet.write
        return
    with _opened(file) as out:

        def write(entry: LogEntry, event: bytes) -> None:
            out.write(event_line(entry, event) + b"\n")

        yield write


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    """Standard output, or a file that is in its place only once all is written."""
    if file == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if Path(file).exists() and not Path(file).is_file():
        with Path(file).open("wb") as out:  # a pipe or a device must not be replaced
            yield out
        return
    partial = Path(f"{file}.partial")
    try:
        with partial.open("wb") as out:
            yield out
        partial.replace(file)
    except OSError as error:
        raise LogFileError(f"{file}: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
