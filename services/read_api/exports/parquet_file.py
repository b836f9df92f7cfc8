"""Calls as Parquet, written by DuckDB in bounded memory: parts of some rows each, joined at last.

Columns have types; their names are unique, as the format demands.
"""

import csv
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb

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
#: The longest line that is read back: as many texts of an event's size as a row may hold.
_LINE_BYTES: Final = 64 * 1024 * 1024
_PIECE_BYTES: Final = 256 * 1024


def parquet(tables: list[Table]) -> Iterator[bytes]:
    """The first table; empty text is null."""
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
    """Files of rows as CSV, at least one; None between them tells that it goes on."""
    rows = batches(table.rows)
    batch = next(rows, [])
    for number in count():
        path = folder / f"{number:06}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            while batch and file.tell() < _PART_BYTES:
                writer.writerows(batch)
                batch = next(rows, [])
                yield None
        yield path
        if not batch:
            return


def _written(database: duckdb.DuckDBPyConnection, path: Path, columns: list[Column]) -> str:
    types = [_SQL_TYPES[column.type] for column in columns]
    rows = database.read_csv(
        str(path),
        header=False,
        columns=dict(zip(_names(columns), types, strict=True)),
        auto_detect=False,
        delimiter=",",
        quotechar='"',
        escapechar='"',
        max_line_size=_LINE_BYTES,
        parallel=False,
    )
    part = path.with_suffix(".parquet")
    rows.write_parquet(str(part), compression="zstd", row_group_size=_ROW_GROUP_ROWS)
    path.unlink()
    return str(part)


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
