"""XLSX cell by cell, read back with openpyxl."""

import io
import zipfile
from typing import Any

import openpyxl
import pytest
from openpyxl.utils.escape import unescape

from services.read_api.exports.tables import Table
from services.read_api.exports.xlsx_file import xlsx
from shared.limits import SHEET_CELL_CHARS_MAX
from shared.reports.call_export_columns import Column
from shared.reports.call_export_rows import Cell, Number


def _book(tables: list[Table], **limits: int) -> Any:
    return openpyxl.load_workbook(io.BytesIO(b"".join(xlsx(tables, **limits))))


def _table(*rows: list[Cell], expected: int = 0) -> Table:
    return Table("Calls", [Column("A"), Column("B")], rows, expected)


def _cell(cell: Cell) -> Any:
    return _book([_table([cell, "beside"])])["Calls"]["A2"]


@pytest.mark.parametrize("text", ("=1+1", "+1", "-1", "@x", "\t=1", "=cmd|'/c calc'!A0"))
def test_text_like_a_formula_stays_text(text: str) -> None:
    """Also when somebody edits the cell: it carries the prefix that Excel gives such text."""
    cell = _cell(text)
    assert ("s", text) == (cell.data_type, unescape(cell.value))
    assert cell.quotePrefix


@pytest.mark.parametrize(
    "text",
    (
        "a<b>&c]]>",
        " spaces kept  ",
        "line\nfeed",
        "\x01\x1f\x0b",
        "carriage\r\nreturn",
        "\ufffe\uffff",
        "_x0041_ is no escape",
        "😀" * 1000,
        "x" * SHEET_CELL_CHARS_MAX,
    ),
)
def test_any_text_reads_back(text: str) -> None:
    """What XML cannot hold is escaped as the format says; what looks like an escape, too."""
    assert text == unescape(_cell(text).value).replace("_x005F_", "_")


@pytest.mark.parametrize("text", ("x" * (SHEET_CELL_CHARS_MAX + 1), "😀" * 20_000))
def test_text_that_no_cell_holds_is_cut_and_says_so(text: str) -> None:
    """The limit counts UTF-16; the cut falls between characters."""
    value = _cell(text).value
    assert len(value.encode("utf-16-le")) // 2 <= SHEET_CELL_CHARS_MAX
    assert value.endswith(" … [cut: a cell holds 32,767 characters]")
    assert text.startswith(value.partition(" … ")[0])


@pytest.mark.parametrize(
    ("cell", "value"),
    (
        (7, 7),
        (Number("-0.500000001"), -0.500000001),
        (Number("123456789012.123"), 123456789012.123),
        (999_999_999_999_999, 999_999_999_999_999),
        (2**53, "9007199254740992"),
        (Number("1234567.123456789"), "1234567.123456789"),
        (Number("1e400"), "1e400"),
    ),
)
def test_number_is_a_number_where_a_double_holds_it(cell: Cell, value: object) -> None:
    """Beyond 15 digits it is text, so that no digit is lost."""
    assert value == _cell(cell).value


def test_empty_cells_are_left_out() -> None:
    """Null and empty text alike."""
    sheet = _book([_table([None, ""], ["", 1])])["Calls"]
    assert [("A", "B"), (None, None), (None, 1)] == list(sheet.iter_rows(values_only=True))


@pytest.mark.parametrize(
    ("rows", "sheets"), ((0, [1]), (2, [3]), (3, [3, 2]), (4, [3, 3]), (5, [3, 3, 2]))
)
def test_full_sheet_goes_on_in_the_next(rows: int, sheets: list[int]) -> None:
    """Each has the header; with the limit lowered to three rows of a sheet."""
    cells: list[list[Cell]] = [[number, "x"] for number in range(rows)]
    book = _book([_table(*cells)], sheet_rows_max=3)
    assert ["Calls", "Calls (2)", "Calls (3)"][: len(sheets)] == book.sheetnames
    assert sheets == [book[name].max_row for name in book.sheetnames]
    assert all(book[name]["A1"].value == "A" for name in book.sheetnames)
    found = [row[0] for name in book.sheetnames for row in list(book[name].values)[1:]]
    assert list(range(rows)) == found


def test_columns_are_named_beyond_z() -> None:
    """A … Z, AA … ZZ, AAA."""
    row: list[Cell] = list(range(703))
    book = _book([Table("T", [Column(str(number)) for number in range(703)], [row], 1)])
    assert (25, 26, 701, 702) == tuple(
        book["T"][f"{name}2"].value for name in ("Z", "AA", "ZZ", "AAA")
    )


def test_large_sheet_announces_long_sizes() -> None:
    """A sheet that may pass 2 GiB begins with the header that allows it, and others do not."""
    for expected, announced in ((100_000, True), (10, False)):
        written = b"".join(xlsx([_table([1, 2], expected=expected)]))
        with zipfile.ZipFile(io.BytesIO(written)) as archive:
            assert archive.testzip() is None
            sheet = archive.getinfo("xl/worksheets/sheet1.xml")
        # The name and the extra field follow 30 bytes; 64-bit sizes are the extra field 1.
        extra_at = sheet.header_offset + 30 + len(sheet.filename)
        assert announced == (written[extra_at : extra_at + 2] == b"\x01\x00")


def test_file_leaves_while_rows_come() -> None:
    """The first pieces do not wait for the last row."""
    asked = 0

    def rows() -> Any:
        nonlocal asked
        for asked in range(100_000):
            yield [asked, "text"]

    pieces = xlsx([Table("Calls", [Column("A"), Column("B")], rows(), 100_000)])
    sent = b""
    while len(sent) < 10_000:
        sent += next(pieces)
    assert asked < 50_000
