"""Exports as a spreadsheet program reads them, compared with the model's cells.

A cell without a value is empty text in CSV and no cell in XLSX; what is no scalar is JSON.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from io import BytesIO, StringIO
from itertools import zip_longest
from json import JSONDecodeError, loads
from typing import Any

import httpx
import openpyxl

Rows = Sequence[Sequence[Any]]
Sheets = Mapping[str, Rows]

#: What would start a formula, or hide one that follows.
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


#: Query of each form that an export comes in.
FORMS = ("format=csv&profile=machine", "format=csv", "format=xlsx")


def differing_files(
    expected: Sheets | None, client: httpx.Client, path: str, form: str
) -> Iterator[str]:
    """Every cell of an export that says something else; `expected` has the rows by sheet."""
    answer = client.get(f"{path}?{form}")
    assert expected is not None
    assert answer.is_success, answer.text
    # The profile for spreadsheet programs begins with a byte order mark.
    text = answer.content.decode("utf-8-sig") if "csv" in form else ""
    found: Sheets
    if "csv" not in form:
        found = _sheets(answer.content)
    elif len(expected) == 1:
        (only,) = expected
        found = {only: list(csv.reader(StringIO(text, newline="")))}
    else:
        found = _sections(text)
    place = answer.url
    if list(expected) != list(found):
        yield f"{place}: sheets {list(expected)} but found {list(found)}"
        return
    for title, rows in expected.items():
        both = _still(rows), _still(found[title])
        yield from _differing_cells(*both, f"{place}/{title}", guarded=form == "format=csv")


def _sections(text: str) -> Sheets:
    """Rows of each section of a CSV file by its title; an empty line ends one."""
    sections: dict[str, list[list[str]]] = {}
    title = None
    for row in csv.reader(StringIO(text, newline="")):
        if not row:
            title = None
        elif title is None:
            (title,) = row
            sections[title] = []
        else:
            sections[title].append(row)
    return sections


def _sheets(content: bytes) -> Sheets:
    """Rows of each sheet by its name; no cell of any is a formula."""
    sheets: dict[str, Rows] = {}
    for sheet in openpyxl.load_workbook(BytesIO(content)):
        rows = list(sheet.iter_rows())
        assert not [cell for row in rows for cell in row if cell.data_type == "f"]
        sheets[sheet.title] = [[cell.value for cell in row] for row in rows]
    return sheets


def _still(rows: Rows) -> Rows:
    """Without the duration: while an execution runs it grows between two looks."""
    return [row for row in rows if row[0] != "durationMs"]


def _differing_cells(expected: Rows, found: Rows, path: str, *, guarded: bool) -> Iterator[str]:
    if len(expected) != len(found):
        yield f"{path}: {len(expected)} rows but found {len(found)}"
    for number, (one, other) in enumerate(zip(expected, found, strict=False)):
        for column, (cell, said) in enumerate(zip_longest(one, other)):
            if not _same(cell, said, guarded=guarded):
                yield f"{path}[{number}][{column}]: {cell!r} but found {said!r}"


def _same(cell: Any, said: Any, *, guarded: bool) -> bool:
    # A cell is guarded in the default profile of CSV: no program takes it for a formula.
    if cell is None or cell == "":
        return said in (None, "")
    if isinstance(cell, str):
        return bool(said == (f"'{cell}" if guarded and cell.startswith(_DANGEROUS) else cell))
    if isinstance(cell, bool):
        return bool(said == ("true" if cell else "false"))
    if isinstance(cell, int | Decimal):
        # A number of XLSX is a double, as every spreadsheet program reads it.
        return float(said) == float(cell) if isinstance(said, float) else Decimal(said) == cell
    try:
        return bool(loads(said, parse_float=Decimal) == cell)
    except JSONDecodeError:
        return False
