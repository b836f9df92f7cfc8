"""A generation that only one session sees: what reports read, as temporary tables.

`callfold replay` fills it and asks it like any generation. It is gone with its connection, however
that ends.
"""

from collections.abc import Iterable
from typing import Any, Final

import psycopg
from psycopg import sql
from sqlalchemy import MetaData, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement

from shared.contracts.amounts import nano_decimal
from shared.projections.attempts import AttemptRow
from shared.projections.contributions import Differences
from shared.storage.tables import attempts, executions, flow_versions
from shared.storage.tally_tables import TALLY_TABLES

#: PostgreSQL's name for the temporary tables of whoever asks.
TEMPORARY_SCHEMA: Final = "pg_temp"


class TemporaryGeneration:
    """Add all rows, then read reports, on one connection."""

    def __init__(self, connection: psycopg.Connection) -> None:
        """From here on the database lets this session write nothing else.

        `connection` is in autocommit.
        """
        self._connection = connection
        copies = MetaData()
        for table in (attempts, executions, flow_versions, *TALLY_TABLES):
            copy = table.to_metadata(copies, schema=TEMPORARY_SCHEMA)
            for column in copy.columns:
                # Journals and the like, which no report reads, stay empty.
                column.nullable = not column.primary_key
            connection.execute(_text(CreateTable(copy)))
            for index in copy.indexes:
                connection.execute(_text(CreateIndex(index)))
        connection.execute("SET default_transaction_read_only = on")

    def add_execution(self, organization_id: str, execution_id: str, state: bytes) -> None:
        """The state of the execution, encoded."""
        row = (organization_id, execution_id, state)
        self._copy(executions, ("organization_id", "execution_id", "state"), [row])

    def add_attempts(self, organization_id: str, rows: Iterable[tuple[str, AttemptRow]]) -> None:
        """Attempts, with their ids."""
        columns = ("organization_id", "attempt_id", *AttemptRow._fields)
        self._copy(attempts, columns, ((organization_id, *row) for row in _flat(rows)))

    def add_flow_versions(self, rows: Iterable[tuple[str, str, int, int, str]]) -> None:
        """Published versions, as `flow_version_rows` gives them."""
        self._copy(flow_versions, [column.name for column in flow_versions.columns], rows)

    def add_tallies(self, sums: Differences) -> None:
        """All that the subjects contribute."""
        for table in TALLY_TABLES:
            names = [column.name for column in table.columns]
            costs = [name == "cost" for name in names]
            rows = (
                [nano_decimal(int(n)) if cost else n for n, cost in zip(row, costs, strict=True)]
                for row in sums.rows(table.name)
            )
            self._copy(table, names, rows)

    def _copy(self, table: Table, columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(TEMPORARY_SCHEMA, table.name),
            sql.SQL(", ").join(map(sql.Identifier, columns)),
        )
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(tuple(row))


def _flat(rows: Iterable[tuple[str, AttemptRow]]) -> Iterable[tuple[Any, ...]]:
    return ((attempt_id, *row) for attempt_id, row in rows)


def _text(statement: ExecutableDDLElement) -> bytes:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's
    return str(statement.compile(dialect=dialect)).encode()
