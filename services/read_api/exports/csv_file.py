"""Tables as CSV: for spreadsheets, or plain RFC 4180 for machines (reports.md, Exports).

For spreadsheets a byte order mark says that it is UTF-8, and text that could be taken for a formula
gets an apostrophe in front; numbers are no text, so that a negative amount stays one.
"""

import csv
from collections.abc import Callable, Iterator
from typing import Final

from services.read_api.exports.tables import FORMULA_STARTS, Table, batches
from shared.reports.call_export_rows import Row

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_END: Final = "\r\n"


def spreadsheet_csv(tables: list[Table]) -> Iterator[bytes]:
    """The default profile."""
    yield _BYTE_ORDER_MARK
    yield from _csv(tables, neutral=True)


def machine_csv(tables: list[Table]) -> Iterator[bytes]:
    """Text exactly as it is."""
    yield from _csv(tables, neutral=False)


def _csv(tables: list[Table], *, neutral: bool) -> Iterator[bytes]:
    lines = _Lines(neutral=neutral)
    for number, table in enumerate(tables):
        if number:
            lines.add([])
        if len(tables) > 1:
            lines.add([table.name])
        lines.add([column.header for column in table.columns])
        for batch in batches(table.rows):
            for row in batch:
                lines.add(row)
            yield lines.take()
    yield lines.take()


class _Lines:
    """Collects lines until they are taken."""

    def __init__(self, *, neutral: bool) -> None:
        self._neutral = neutral
        self._lines: list[str] = []
        #: Quotes what needs quotes; joining the cells of any other row takes a third of the time.
        self._writer = csv.writer(_Appending(self._lines.append), lineterminator=_END)

    def add(self, row: Row) -> None:
        if self._neutral:
            cells = [
                (f"'{cell}" if cell[:1] in FORMULA_STARTS else cell)
                if cell.__class__ is str
                else ("" if cell is None else str(cell))
                for cell in row
            ]
        else:
            cells = ["" if cell is None else str(cell) for cell in row]
        line = ",".join(cells)
        if line.count(",") >= len(cells) or '"' in line or "\n" in line or "\r" in line:
            self._writer.writerow(cells)
        else:
            self._lines.append(line + _END)

    def take(self) -> bytes:
        taken = "".join(self._lines).encode()
        self._lines.clear()
        return taken


class _Appending:
    """What `csv` writes to."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self.write = write
