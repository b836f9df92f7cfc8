"""Tables as CSV: for spreadsheets, or plain RFC 4180 for machines (reports.md, Exports).

For spreadsheets a byte order mark says that it is UTF-8, and text that could be taken for a formula
gets an apostrophe in front; numbers are no text, so that a negative amount stays one.
"""

import csv
import io
from collections.abc import Iterator
from typing import Final

from services.read_api.exports.tables import FORMULA_STARTS, Table, batches
from shared.reports.call_export_rows import Cell, Row

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


def spreadsheet_csv(tables: list[Table]) -> Iterator[bytes]:
    """The default profile."""
    yield _BYTE_ORDER_MARK
    yield from _csv(tables, neutral=True)


def machine_csv(tables: list[Table]) -> Iterator[bytes]:
    """Text exactly as it is."""
    yield from _csv(tables, neutral=False)


def _csv(tables: list[Table], *, neutral: bool) -> Iterator[bytes]:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    for number, table in enumerate(tables):
        if number:
            writer.writerow(())
        if len(tables) > 1:
            writer.writerow((table.name,))
        header: Row = [column.header for column in table.columns]
        writer.writerow(_neutral(header) if neutral else header)
        for batch in batches(table.rows):
            writer.writerows(map(_neutral, batch) if neutral else batch)
            yield _taken(buffer)
    yield _taken(buffer)


def _neutral(row: Row) -> list[Cell]:
    return [
        f"'{cell}" if cell.__class__ is str and cell[:1] in FORMULA_STARTS else cell for cell in row
    ]


def _taken(buffer: io.StringIO) -> bytes:
    taken = buffer.getvalue().encode()
    buffer.seek(0)
    buffer.truncate()
    return taken
