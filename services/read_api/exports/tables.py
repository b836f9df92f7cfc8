"""What every format writes: tables, each with a header; rows are taken as they are written."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from shared.reports.call_export_columns import Column
from shared.reports.call_export_rows import Row

#: Rows that are written between two pieces of a file.
BATCH_ROWS: Final = 500

#: What a spreadsheet takes for the beginning of a formula (reports.md, Exports).
FORMULA_STARTS: Final = frozenset("=+-@\t\r")


class Table(NamedTuple):
    """A sheet, a section, or the whole file where there is only one."""

    name: str
    columns: list[Column]
    rows: Iterable[Row]
    #: About how many rows there are.
    rows_expected: int


#: Writes tables as the pieces of a file; an empty piece only tells that it goes on.
Format = Callable[[list[Table]], Iterator[bytes]]


def batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """The rows, some at a time."""
    iterator = iter(rows)
    while batch := list(islice(iterator, BATCH_ROWS)):
        yield batch
