"""Calls as Parquet, written by DuckDB in bounded memory: parts of some rows each, joined at last.

Columns have types; their names are unique, as the format demands.
"""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb
import msgspec

from services.read_api.exports.tables import Table, batches
from shared.reports.call_export_columns import CellType, Column

_SQL_TYPES: Final = {
    CellType.TEXT: "VARCHAR",
    CellType.INTEGER: "BIGINT",
    CellType.AMOUNT: "DECIMAL(38, 9)",
    CellType.INSTANT: "TIMESTAMPTZ",
}
#: Text that waits for DuckDB; its rows are a row group, which is in memory while it is written.
_PART_BYTES: Final = 16 * 1024 * 1024
_ROW_GROUP_ROWS: Final = 20_000
_MEMORY: Final = "96MiB"
_PIECE_BYTES: Final = 256 * 1024
#: A `Number` leaves as text, which DuckDB reads exactly.
_encode_lines = msgspec.json.Encoder(enc_hook=str).encode_lines


def parquet(tables: list[Table]) -> Iterator[bytes]:
    """The only table."""
    (table,) = tables
    with TemporaryDirectory(prefix="callfold-export-") as name:
        folder = Path(name)
        config: dict[str, Any] = {
            "threads": 1,
            "memory_limit": _MEMORY,
            "temp_directory": str(folder / "spilled"),
        }
        with duckdb.connect(config=config) as database:
            parts: list[str] = []
            for part in _parts(folder, table):
                if part is None:
                    yield b""
                else:
                    parts.append(_written(database, part, table.columns))
            whole = folder / "whole.parquet"
            database.read_parquet(parts).write_parquet(
                str(whole), compression="zstd", row_group_size=_ROW_GROUP_ROWS
            )
        with whole.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                yield piece


def _parts(folder: Path, table: Table) -> Iterator[Path | None]:
    """Files of rows as JSON, at least one; None between them tells that it goes on."""
    keys = list(map(str, range(len(table.columns))))
    rows = batches(table.rows)
    batch = next(rows, [])
    for number in count():
        path = folder / f"{number:06}.json"
        with path.open("wb") as file:
            while batch and file.tell() < _PART_BYTES:
                objects = [dict(zip(keys, row, strict=True)) for row in batch]
                file.write(_encode_lines(objects))
                batch = next(rows, [])
                yield None
        yield path
        if not batch:
            return


def _written(database: duckdb.DuckDBPyConnection, path: Path, columns: list[Column]) -> str:
    types = {str(number): _SQL_TYPES[column.type] for number, column in enumerate(columns)}
    rows = database.read_json(str(path), columns=types, format="newline_delimited")
    named = ", ".join(
        f'"{number}" AS {_quoted(name)}' for number, name in enumerate(_names(columns))
    )
    part = path.with_suffix(".parquet")
    rows.project(named).write_parquet(str(part), compression="zstd", row_group_size=_ROW_GROUP_ROWS)
    path.unlink()
    return str(part)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _names(columns: list[Column]) -> list[str]:
    """Headers, numbered where they repeat; DuckDB takes no notice of case."""
    taken: set[str] = set()
    names = []
    for column in columns:
        name = column.header
        for number in count(2):
            if name.casefold() not in taken:
                break
            name = f"{column.header} ({number})"
        taken.add(name.casefold())
        names.append(name)
    return names
