"""Tables as XLSX, streamed: every piece leaves before the next row is read.

SpreadsheetML needs little for plain cells, and a ZIP archive can be written without going back.
Text is always an inline string, so it is never a formula; it keeps that when somebody edits it.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import IO, Final, cast
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from services.read_api.exports.tables import FORMULA_STARTS, Table, batches
from services.read_api.exports.xlsx_parts import (
    CONTENT_TYPES,
    PACKAGE_RELATIONS,
    SHEET_END,
    SHEET_START,
    STYLES,
    workbook,
    workbook_relations,
)
from shared.limits import SHEET_CELL_CHARS_MAX, SHEET_ROWS_MAX
from shared.reports.call_export_rows import Row

#: A larger sheet may pass 2 GiB, which takes headers of 64 bits, announced before it begins.
_CELLS_OF_32_BITS: Final = 100_000
_LEVEL: Final = 1
_CUT: Final = f" … [cut: a cell holds {SHEET_CELL_CHARS_MAX:,} characters]"
#: What XML cannot hold or a reader would take for an escape is escaped as `_xHHHH_`.
_ESCAPED: Final = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
#: Digits that a double holds for certain.
_DOUBLE_DIGITS: Final = 15
_DECIMAL: Final = re.compile(r"-?([0-9]+)(?:\.([0-9]+))?", re.ASCII)

_HEADER_STYLE: Final = ' s="1"'
_TEXT_STYLE: Final = ' s="2"'


def xlsx(tables: list[Table], *, sheet_rows_max: int = SHEET_ROWS_MAX) -> Iterator[bytes]:
    """A sheet a table; one that would pass the limit of rows goes on in `Name (2)`."""
    sink = _Sink()
    names: list[str] = []
    with ZipFile(cast("IO[bytes]", sink), "w", ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        _add(archive, "[Content_Types].xml", CONTENT_TYPES)
        _add(archive, "_rels/.rels", PACKAGE_RELATIONS)
        _add(archive, "xl/styles.xml", STYLES)
        for table in tables:
            rows = _Ahead(table)
            sheet = 0
            while sheet == 0 or rows.more:
                sheet += 1
                names.append(table.name if sheet == 1 else f"{table.name} ({sheet})")
                large = table.rows_expected * len(table.columns) > _CELLS_OF_32_BITS
                path = f"xl/worksheets/sheet{len(names)}.xml"
                with archive.open(path, "w", force_zip64=large) as file:
                    for piece in _sheet(table, rows, sheet_rows_max):
                        file.write(piece.encode())
                        yield sink.take()
        _add(archive, "xl/_rels/workbook.xml.rels", workbook_relations(len(names)))
        _add(archive, "xl/workbook.xml", workbook(names))
    yield sink.take()


def _add(archive: ZipFile, path: str, part: str) -> None:
    """Add a part without the time of day, so that the same cells make the same file."""
    archive.writestr(ZipInfo(path), part, ZIP_DEFLATED, _LEVEL)


class _Sink:
    """Collects what the archive writes until it is taken."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Nothing waits here."""

    def take(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


class _Ahead:
    """Rows some at a time, with a look at whether more follow."""

    def __init__(self, table: Table) -> None:
        self._batches = batches(table.rows)
        self._batch = next(self._batches, [])

    @property
    def more(self) -> bool:
        return bool(self._batch)

    def take(self, most: int) -> list[Row]:
        taken, self._batch = self._batch[:most], self._batch[most:]
        if not self._batch:
            self._batch = next(self._batches, [])
        return taken


def _sheet(table: Table, rows: _Ahead, rows_max: int) -> Iterator[str]:
    letters = [_letters(number) for number in range(len(table.columns))]
    header: Row = [column.header for column in table.columns]
    yield SHEET_START + _row(letters, 1, header, _HEADER_STYLE)
    number = 1
    while rows.more and number < rows_max:
        pieces = []
        for row in rows.take(rows_max - number):
            number += 1
            pieces.append(_row(letters, number, row))
        yield "".join(pieces)
    yield SHEET_END


def _row(letters: list[str], number: int, row: Row, style: str = "") -> str:
    texts = "".join([cell for cell in row if cell.__class__ is str])
    if not _is_plain(texts):
        row = [_text(cell) if cell.__class__ is str else cell for cell in row]
    cells = [f'<row r="{number}">']
    for letter, cell in zip(letters, row, strict=False):
        if cell is None or cell == "":
            continue
        if cell.__class__ is str:
            own = style or (_TEXT_STYLE if cell[0] in FORMULA_STARTS else "")
            cells.append(
                f'<c r="{letter}{number}"{own} t="inlineStr">'
                f'<is><t xml:space="preserve">{cell}</t></is></c>'
            )
        elif _is_exact(str(cell)):
            cells.append(f'<c r="{letter}{number}"><v>{cell}</v></c>')
        else:
            cells.append(f'<c r="{letter}{number}" t="inlineStr"><is><t>{cell}</t></is></c>')
    cells.append("</row>")
    return "".join(cells)


def _is_plain(texts: str) -> bool:
    """Whether no text of a row can need a change; looked at together, which is cheap."""
    return (
        len(texts) <= SHEET_CELL_CHARS_MAX // 2
        and texts.isprintable()
        and "&" not in texts
        and "<" not in texts
        and ">" not in texts
        and "_x" not in texts
    )


def _text(text: str) -> str:
    """A text as XML, cut where a cell cannot hold it: it then says so at its end."""
    # Characters beyond the first plane count twice.
    if len(text) > SHEET_CELL_CHARS_MAX // 2:
        units = text.encode("utf-16-le")
        if len(units) > 2 * SHEET_CELL_CHARS_MAX:
            kept = units[: 2 * (SHEET_CELL_CHARS_MAX - len(_CUT))]
            text = kept.decode("utf-16-le", "ignore") + _CUT
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _ESCAPED.sub(lambda found: f"_x{ord(found[0]):04X}_", text)


@lru_cache(maxsize=10_000)
def _is_exact(number: str) -> bool:
    """Whether a spreadsheet's double shows the number as it was said."""
    found = _DECIMAL.fullmatch(number)
    return found is not None and len(found[1]) + len(found[2] or "") <= _DOUBLE_DIGITS


def _letters(number: int) -> str:
    """The name of a column: A … Z, AA … XFD."""
    letters = ""
    number += 1
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters
