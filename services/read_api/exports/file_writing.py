"""Writes one file: what the execution's snapshot gives, in the format that was asked for."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from services.read_api.exports.csv_file import machine_csv, spreadsheet_csv
from services.read_api.exports.frames import Head, Order
from services.read_api.exports.parquet_file import parquet
from services.read_api.exports.tables import Format, Table
from services.read_api.exports.xlsx_file import xlsx
from shared.limits import SHEET_COLUMNS_MAX
from shared.reports.call_export_columns import Column, call_export_columns
from shared.reports.call_export_rows import CallExportRows, Row
from shared.reports.summary_export import summary_export
from shared.storage.export_snapshot import ExportSnapshot, export_snapshot
from shared.storage.report_reading import ReportRows, answered

_CALLS: Final = "Calls"
_FORMATS: Final[dict[tuple[str, str], Format]] = {
    ("csv", "default"): spreadsheet_csv,
    ("csv", "machine"): machine_csv,
    ("xlsx", "default"): xlsx,
    ("xlsx", "machine"): xlsx,
    ("parquet", "default"): parquet,
    ("parquet", "machine"): parquet,
}


class File:
    """A file that is about to be written.

    Attributes:
        head: What is known of it before.
        rows: How many have been read from the database so far.
    """

    def __init__(self, head: Head, write: Format, tables: list[Table]) -> None:
        self.head = head
        self.rows = 0
        self._write = write
        self._tables = [table._replace(rows=self._counted(table.rows)) for table in tables]

    def pieces(self) -> Iterator[bytes]:
        """The file, piece by piece; may be asked for once."""
        return self._write(self._tables)

    def _counted(self, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            self.rows += 1
            yield row


@contextmanager
def opened_file(order: Order) -> Iterator[File]:
    """The file of an order, read in one snapshot.

    Raises:
        StorageError: the database is away or not laid out.
    """
    with export_snapshot(order.database_url, order.organization_id, order.execution_id) as snapshot:
        reports = snapshot.reports()
        write = _FORMATS[order.format, order.profile]
        if reports is None:
            yield File(Head(found=False), write, [])
        elif order.kind == "summary":
            yield File(Head(), write, _summary_tables(order, reports))
        else:
            yield _calls_file(order, snapshot, reports, write)


def _summary_tables(order: Order, reports: ReportRows) -> list[Table]:
    found = answered(order.organization_id, order.execution_id, reports, order.now_us)
    return [
        Table(section.name, list(map(Column, section.header)), section.rows, len(section.rows))
        for section in summary_export(found.main, found.breakdown, found.node_stats)
    ]


def _calls_file(order: Order, snapshot: ExportSnapshot, reports: ReportRows, write: Format) -> File:
    columns = call_export_columns(snapshot.attributes(), reports.flow)
    calls = sum(row.calls for row in reports.breakdown)
    if order.format == "xlsx" and len(columns.columns) > SHEET_COLUMNS_MAX:
        refused = (
            f"{len(columns.columns):,} columns do not fit a sheet, which holds "
            f"{SHEET_COLUMNS_MAX:,}; ask for format=csv"
        )
        return File(Head(rows=calls, refused=refused), write, [])
    rows = map(CallExportRows(columns).row, snapshot.calls(columns))
    return File(Head(rows=calls), write, [Table(_CALLS, columns.columns, rows, calls)])
