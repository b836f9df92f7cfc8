"""An export as a Parquet file, written and read back by DuckDB in bounded memory.

Used by `log export` and `log import`. The envelope's keys are columns, so that a question about
them reads little of a large file; `event` and `bytes` are what a line of the other format has.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb
import msgspec
from msgspec import Struct

from services.tooling.log_commands.event_lines import MODE_NAMES, one_line
from services.tooling.log_commands.log_file import LogFileError
from shared.contracts.instants import instant_us, us_datetime
from shared.storage.log_reading import LogEntry

#: Each becomes a column; the text of `bytes` is base64 until it is one.
_COLUMNS: Final = {
    "partition": "INTEGER",
    "ms": "BIGINT",
    "seq": "UBIGINT",
    "received_at": "TIMESTAMPTZ",
    "mode": "VARCHAR",
    "organization": "VARCHAR",
    "execution": "VARCHAR",
    "source": "VARCHAR",
    "type": "VARCHAR",
    "subject": "VARCHAR",
    "id": "VARCHAR",
    "time": "TIMESTAMPTZ",
    "event": "VARCHAR",
    "bytes": "VARCHAR",
}
#: So many bytes of rows are handed to DuckDB at a time.
_CHUNK_BYTES: Final = 32 * 1024 * 1024
_ROW_GROUP_BYTES: Final = 32 * 1024 * 1024
_MEMORY: Final = "256MiB"
_READ_ROWS: Final = 1_000


class _Envelope(Struct, gc=False):
    """Keys of an event that become columns; bad events may say anything there."""

    organizationid: Any = None
    executionid: Any = None
    source: Any = None
    type: Any = None
    subject: Any = None
    id: Any = None
    time: Any = None


class _Row(Struct, gc=False):
    """A row, in the order of `_COLUMNS`."""

    partition: int
    ms: int
    seq: int
    received_at: str
    mode: str
    organization: str | None
    execution: str | None
    source: str | None
    type: str | None
    subject: str | None
    id: str | None
    time: str | None
    event: str | None
    bytes: bytes | None


_decode = msgspec.json.Decoder(_Envelope).decode
_encode = msgspec.json.Encoder().encode


class ParquetWriter:
    """Collects rows as JSON, some at a time as Parquet, all of them as one file at the end."""

    def __init__(self, folder: Path) -> None:
        """`folder` is empty and on the disk of the file: parts of it are kept there meanwhile."""
        self._folder = folder
        self._waiting = (folder / "rows.json").open("wb")
        self._parts: list[str] = []
        self._database = _database(folder)

    def write(self, entry: LogEntry, event: bytes) -> None:
        """Add an entry whose `event_bytes` are given."""
        self._waiting.write(_encode(_row(entry, event)) + b"\n")
        if self._waiting.tell() > _CHUNK_BYTES:
            self._write_part()

    def finish(self, path: Path) -> None:
        """Make the file of all that was added."""
        self._write_part()
        whole = self._database.read_parquet(self._parts)
        whole.write_parquet(str(path), compression="zstd", row_group_size_bytes=_ROW_GROUP_BYTES)

    def close(self) -> None:
        """End; what was not finished is nowhere."""
        self._waiting.close()
        self._database.close()

    def _write_part(self) -> None:
        self._waiting.flush()
        part = str(self._folder / f"{len(self._parts):06}.parquet")
        rows = self._database.read_json(
            self._waiting.name, columns=_COLUMNS, format="newline_delimited"
        )
        rows.project("* REPLACE (from_base64(bytes) AS bytes)").write_parquet(
            part, compression="zstd"
        )
        self._parts.append(part)
        self._waiting.seek(0)
        self._waiting.truncate()


@contextmanager
def opened_parquet(file: str) -> Iterator[ParquetWriter]:
    """A file that is in its place only once all is written.

    Raises:
        LogFileError: it cannot be written.
    """
    path = Path(file)
    partial = Path(f"{file}.partial")
    try:
        with (
            TemporaryDirectory(prefix=f"{path.name}.", dir=path.parent) as folder,
            closing(ParquetWriter(Path(folder))) as writer,
        ):
            yield writer
            writer.finish(partial)
        partial.replace(path)
    except (OSError, duckdb.Error) as error:
        raise _named(file, error) from error
    finally:
        partial.unlink(missing_ok=True)


def parquet_events(file: str) -> tuple[int, Iterator[bytes]]:
    """How many events a file has, and each of them, in order.

    Raises:
        LogFileError: it is not of an export, or damaged; the latter may show late.
    """
    try:
        Path(file).open("rb").close()  # DuckDB would take a name for a pattern, or an address
        database = _database(None)
        found = database.read_parquet(file)
        if not {"event", "bytes"} <= set(found.columns):
            raise LogFileError(f"{file} is not of an export: it has no columns `event` and `bytes`")
        (count,) = found.count("*").fetchall()[0]
        # As a statement, because only its rows can be fetched some at a time.
        rows = database.execute(found.project("event, bytes").sql_query())
    except (OSError, duckdb.Error) as error:
        raise _named(file, error) from error
    return count, _events(file, rows)


def _events(file: str, rows: duckdb.DuckDBPyConnection) -> Iterator[bytes]:
    try:
        while chunk := rows.fetchmany(_READ_ROWS):
            for event, kept in chunk:
                yield kept if event is None else event.encode()
    except duckdb.Error as error:
        raise _named(file, error) from error


def _database(folder: Path | None) -> duckdb.DuckDBPyConnection:
    """One thread, which also keeps rows in order; two would each hold a row group."""
    config: dict[str, Any] = {"threads": 1, "memory_limit": _MEMORY}
    if folder is not None:
        config["temp_directory"] = str(folder / "spilled")
        config["preserve_insertion_order"] = False
    return duckdb.connect(config=config)


def _row(entry: LogEntry, event: bytes) -> _Row:
    said = one_line(event)
    try:
        keys = _decode(event) if said is not None else _Envelope()
    except (ValueError, RecursionError):  # JSON, but no object
        keys = _Envelope()
    return _Row(
        partition=entry.partition,
        ms=entry.ms,
        seq=entry.seq,
        received_at=us_datetime(entry.received_ms * 1000).isoformat(),
        mode=MODE_NAMES[entry.mode],
        organization=_text(keys.organizationid),
        execution=_text(keys.executionid),
        source=_text(keys.source),
        type=_text(keys.type),
        subject=_text(keys.subject),
        id=_text(keys.id),
        time=_instant(keys.time),
        event=None if said is None else said.decode(),
        bytes=event if said is None else None,
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _instant(value: Any) -> str | None:
    try:
        return us_datetime(instant_us(value)).isoformat() if isinstance(value, str) else None
    except ValueError:
        return None


def _named(file: str, error: Exception) -> LogFileError:
    strerror = error.strerror if isinstance(error, OSError) else None
    return LogFileError(f"{file}: {strerror or str(error).splitlines()[0]}")
