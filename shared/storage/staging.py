"""COPY into a temporary table, then one statement: the fastest way to change many rows.

The temporary tables are made once per connection and are empty again before each commit. They do
not empty themselves (`ON COMMIT DELETE ROWS`): that truncates all of them at every commit that
touches one, measured 4.8 ms against 0.4 ms for a small batch.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Column, Table
from sqlalchemy.dialects import postgresql

from shared.storage.generations import schema_name

#: Rows deleted from a temporary table before it is truncated.
_DEAD_ROWS_MAX = 5_000
_COPY_TYPES = {
    "TEXT": "text",
    "BIGINT": "int8",
    "INTEGER": "int4",
    "BYTEA": "bytea",
    "NUMERIC": "numeric",
    "NUMERIC(20, 0)": "numeric",
}


class StagedTable:
    """One table of a generation, written through its temporary twin."""

    def __init__(
        self, connection: psycopg.Connection, table: Table, generation: int, on_conflict: str
    ) -> None:
        """`on_conflict` is what happens to a row whose key is there; `t` is the old row."""
        self._connection = connection
        target = sql.Identifier(schema_name(generation), table.name)
        stage = sql.Identifier(f"stage_{table.name}")
        columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)
        keys = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.primary_key)
        connection.execute(
            sql.SQL("CREATE TEMPORARY TABLE {} (LIKE {}) ON COMMIT PRESERVE ROWS").format(
                stage, target
            )
        )
        self._types = [_copy_type(column) for column in table.columns]
        self._copy = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(stage, columns)
        self._delete = sql.SQL("DELETE FROM {}").format(stage)
        self._truncate = sql.SQL("TRUNCATE {}").format(stage)
        self._dead_rows = 0
        self._merge = sql.SQL(
            "INSERT INTO {target} AS t ({columns}) SELECT {columns} FROM {stage}"
            " ON CONFLICT ({keys}) DO UPDATE SET "
        ).format(target=target, columns=columns, stage=stage, keys=keys) + sql.SQL(on_conflict)

    def write(self, rows: Iterable[Sequence[Any]]) -> int:
        """Write rows, which must come in key order; returns how many rows were changed."""
        with self._connection.cursor() as cursor:
            with cursor.copy(self._copy) as copy:
                copy.set_types(self._types)
                for row in rows:
                    copy.write_row(row)
            cursor.execute(self._merge)
            changed = cursor.rowcount
            self._empty(cursor, changed)
            return changed

    def _empty(self, cursor: psycopg.Cursor, rows: int) -> None:
        # Autovacuum passes temporary tables by: what deleting leaves behind is truncated in time.
        self._dead_rows += rows
        if self._dead_rows > _DEAD_ROWS_MAX:
            cursor.execute(self._truncate)
            self._dead_rows = 0
        else:
            cursor.execute(self._delete)


def _copy_type(column: Column[Any]) -> str:
    if column.name == "contribution":
        return "bytea"  # encoded already: text and bytes are the same on the wire
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's
    name = str(column.type.compile(dialect=dialect))
    return _COPY_TYPES[name.partition(" COLLATE")[0]]


def replace_newer(table: Table) -> str:
    """Take every column of a row whose revision follows the one that is there."""
    return _assign(table) + " WHERE t.revision = excluded.revision - 1"


def replace(table: Table) -> str:
    """Take every column."""
    return _assign(table)


def _assign(table: Table) -> str:
    names = [c.name for c in table.columns if c.name not in table.primary_key.columns]
    return ", ".join(f"{name} = excluded.{name}" for name in names)


def add(table: Table) -> str:
    """Add every number."""
    names = [c.name for c in table.columns if c.name not in table.primary_key.columns]
    return ", ".join(f"{name} = t.{name} + excluded.{name}" for name in names)
