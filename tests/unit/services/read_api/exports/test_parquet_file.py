"""Parquet: types, names, several parts."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from services.read_api.exports import parquet_file
from services.read_api.exports.parquet_file import parquet
from services.read_api.exports.tables import Table
from shared.reports.call_export_columns import CellType, Column
from shared.reports.call_export_rows import Number, Row

_COLUMNS = [
    Column("Name"),
    Column("name"),
    Column("Name"),
    Column("Attempt", CellType.INTEGER),
    Column("Cost", CellType.AMOUNT),
    Column("At", CellType.INSTANT),
]
_AT = "2026-03-02T09:00:00.123Z"


def _read(path: Path, rows: list[Row], question: str) -> list[Any]:
    path.write_bytes(b"".join(parquet([Table("Calls", _COLUMNS, rows, len(rows))])))
    found: Any = duckdb.read_parquet(str(path))
    assert ["Name", "name (2)", "Name (3)", "Attempt", "Cost", "At"] == found.columns
    return list(found.project(question).fetchall())


def test_cells_have_the_types_of_their_columns(tmp_path: Path) -> None:
    """Amounts stay exact; quotes and line ends survive."""
    rows: list[Row] = [
        [
            'a"b,\r\n',
            None,
            "",
            2,
            Number("-12345678901234567.123456789"),
            "2026-03-02T09:00:00.123Z",
        ],
        [None] * 6,
    ]
    question = '"Name", "name (2)", "Name (3)", "Attempt", "Cost"::VARCHAR, epoch_ms("At")'
    expected = ('a"b,\r\n', None, "", 2, "-12345678901234567.123456789", 1_772_442_000_123)
    assert [expected, (None,) * 6] == _read(tmp_path / "x", rows, question)


def test_no_rows_make_a_file_too(tmp_path: Path) -> None:
    """With its columns."""
    assert [] == _read(tmp_path / "x", [], "*")


def test_parts_keep_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of several parts is one file, in the order of its rows."""
    monkeypatch.setattr(parquet_file, "_PART_BYTES", 20_000)
    rows: list[Row] = [["x" * 20, "y", "z", number, None, None] for number in range(3_000)]
    numbers = _read(tmp_path / "x", rows, '"Attempt"')
    assert [(number,) for number in range(3_000)] == numbers
