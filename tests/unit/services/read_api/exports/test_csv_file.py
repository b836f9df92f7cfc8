"""CSV in its two profiles."""

import csv
import io

import pytest

from services.read_api.exports.csv_file import machine_csv, spreadsheet_csv
from services.read_api.exports.tables import FORMULA_STARTS, Table
from shared.reports.call_export_columns import Column
from shared.reports.call_export_rows import Number, Row

_ROWS: list[Row] = [
    ["=1", "+2", "-3", "@4", "\t5", "\r6", "'7", " =8", None, ""],
    [-9, Number("-0.5"), 'quote " comma , line\r\nfeed', "é😀", *([None] * 6)],
]
_TABLE = Table("Calls", [Column(f"={number}") for number in range(10)], _ROWS, 2)


def _read(written: bytes, encoding: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(written.decode(encoding), newline="")))


def test_machine_profile_changes_nothing() -> None:
    """RFC 4180: CRLF, quotes where needed, no byte order mark."""
    written = b"".join(machine_csv([_TABLE]))
    expected = [["" if cell is None else str(cell) for cell in row] for row in _ROWS]
    assert [[column.header for column in _TABLE.columns], *expected] == _read(written, "utf-8")
    assert written.startswith(b"=0,=1")
    assert written.endswith(b"\r\n")


@pytest.mark.parametrize("text", ("a", "a,b", 'a"b', "a\nb", "a\rb", ",", '"', " a ", "é,", ""))
def test_every_line_is_as_the_csv_module_writes_it(text: str) -> None:
    """Also those that are joined without it."""
    row: Row = [text, 1, None, text]
    expected = io.StringIO(newline="")
    csv.writer(expected).writerows([["A", "B", "C", "D"], row])
    table = Table("T", [Column(name) for name in "ABCD"], [row], 1)
    assert expected.getvalue().encode() == b"".join(machine_csv([table]))


def test_default_profile_neutralises_text_alone() -> None:
    """Every text that a spreadsheet could take for a formula; numbers stay numbers."""
    written = b"".join(spreadsheet_csv([_TABLE]))
    header, texts, numbers = _read(written, "utf-8-sig")
    assert written.startswith(b"\xef\xbb\xbf")
    assert all(name.startswith("'=") for name in header)
    assert ["'=1", "'+2", "'-3", "'@4", "'\t5", "'\r6", "'7", " =8", "", ""] == texts
    assert ["-9", "-0.5"] == numbers[:2]
    assert FORMULA_STARTS == set("=+-@\t\r")


def test_sections_have_names_and_blank_lines_between() -> None:
    """More than one table in one file."""
    tables = [Table(name, [Column("a")], [[name]], 1) for name in ("One", "Two")]
    assert b"One\r\na\r\nOne\r\n\r\nTwo\r\na\r\nTwo\r\n" == b"".join(machine_csv(tables))
