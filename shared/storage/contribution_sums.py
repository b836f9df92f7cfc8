"""Whether tallies are the sums of what the subjects contribute, each asked in one statement.

Called by `callfold verify`, by repairs in place, and by tests after every fault.
"""

from collections.abc import Collection
from decimal import Decimal
from importlib.resources import files
from typing import Any

import psycopg
from msgspec import Struct
from psycopg import sql
from sqlalchemy import Table

from shared.projections.contributions import TALLIES
from shared.storage.generations import schema_name
from shared.storage.tally_tables import TALLY_TABLES


class WrongTally(Struct, frozen=True, rename="camel"):
    """A row that is not the sum of what the subjects contribute."""

    tally: str
    key: dict[str, str | int]
    #: By column the number that is there, and the one that should be; 0 where there is no row.
    found: dict[str, int | Decimal]
    right: dict[str, int | Decimal]


def wrong_tallies(
    connection: psycopg.Connection,
    generation: int,
    limit: int,
    organization_id: str | None = None,
    execution_id: str | None = None,
) -> list[WrongTally]:
    """The tallies that are wrong, of everything or of one organization or execution.

    Each table is asked in one snapshot; so many rows at most in all, by table and key.
    """
    wrong: list[WrongTally] = []
    scope = {"organization_id": organization_id, "execution_id": execution_id}
    for table in TALLY_TABLES:
        statement = _statement(table, generation, limit - len(wrong))
        rows = connection.execute(statement, scope).fetchall()
        wrong += [_wrong(table, row) for row in rows]
    return wrong


def contributions_that_differ(
    connection: psycopg.Connection, generation: int, tallies: Collection[str] = TALLIES
) -> list[str]:
    """Those of the tallies that are not the sum of their contributions, by table."""
    wrong = []
    for table in (table for table in TALLY_TABLES if table.name in tallies):
        text = _text(table).replace("{generation}", schema_name(generation))
        row = connection.execute(text.encode()).fetchone()
        if row is None or row[0]:
            wrong.append(str(table.name))
    return wrong


def _text(table: Table) -> str:
    folder = files("shared.storage") / "sql" / "contributions"
    return (folder / f"{table.name}.sql").read_text("utf-8")


def _statement(table: Table, generation: int, limit: int) -> sql.Composed:
    """The table's own statement of its contributions, with another question asked of it."""
    contributed, _, _ = _text(table).partition("SELECT count(*)")
    schema = schema_name(generation)
    keys = sql.SQL(", ").join(sql.Identifier(name) for name in _names(table, key=True))
    numbers = _names(table, key=False)
    found = [sql.SQL("coalesce({}, 0)").format(sql.Identifier("t", name)) for name in numbers]
    right = [sql.SQL("coalesce({}, 0)").format(sql.Identifier("c", name)) for name in numbers]
    return sql.SQL(
        "{contributed} SELECT {keys}, {found}, {right} FROM contributed AS c"
        " FULL JOIN {table} AS t USING ({keys})"
        " WHERE (%(organization_id)s::text IS NULL OR organization_id = %(organization_id)s)"
        " AND (%(execution_id)s::text IS NULL OR execution_id = %(execution_id)s)"
        " AND ({differ}) ORDER BY {keys} LIMIT {limit}"
    ).format(
        contributed=sql.SQL(contributed.replace("{generation}", schema)),
        keys=keys,
        found=sql.SQL(", ").join(found),
        right=sql.SQL(", ").join(right),
        table=sql.Identifier(schema, table.name),
        differ=sql.SQL(" OR ").join(
            sql.SQL("{} <> {}").format(*pair) for pair in zip(found, right, strict=True)
        ),
        limit=sql.Literal(limit),
    )


def _names(table: Table, *, key: bool) -> list[str]:
    """The columns of the key, or the others; not as SQLAlchemy's own kind of string."""
    return [str(c.name) for c in table.columns if (c.name in table.primary_key.columns) == key]


def _wrong(table: Table, row: tuple[Any, ...]) -> WrongTally:
    keys, numbers = _names(table, key=True), _names(table, key=False)
    begin, middle = len(keys), len(keys) + len(numbers)
    return WrongTally(
        tally=str(table.name),
        key=dict(zip(keys, row[:begin], strict=True)),
        found=dict(zip(numbers, map(_number, row[begin:middle]), strict=True)),
        right=dict(zip(numbers, map(_number, row[middle:]), strict=True)),
    )


def _number(number: int | Decimal) -> int | Decimal:
    """Without the zeros that PostgreSQL puts behind a sum."""
    whole = int(number)
    return whole if whole == number else Decimal(number).normalize()
