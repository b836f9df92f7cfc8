"""Whether two generations hold the same rows, told by EXCEPT: an oracle beside `comparing`."""

import psycopg
from psycopg import sql

from shared.storage.generations import schema_name
from shared.storage.tables import generation_metadata, positions
from shared.storage.tally_tables import TALLY_TABLES


def differing_tables(
    connection: psycopg.Connection, one: int, other: int
) -> dict[str, tuple[int, int]]:
    """By table that differs: rows that only one generation has, and rows that only the other has.

    Revisions count batches, so they do not count; nor do tallies that came back to nothing.
    """
    differing = {}
    for table in generation_metadata.sorted_tables:
        if table.name == positions.name:
            continue
        names = [column.name for column in table.columns if column.name != "revision"]
        numbers = [c.name for c in table.columns if c.name not in table.primary_key.columns]
        said = [f"{name} <> 0" for name in numbers] if table in TALLY_TABLES else ["true"]
        here, there = (
            sql.SQL("(SELECT {} FROM {} WHERE {})").format(
                sql.SQL(", ").join(map(sql.Identifier, names)),
                sql.Identifier(schema_name(generation), table.name),
                sql.SQL(" OR ".join(said)),
            )
            for generation in (one, other)
        )
        row = connection.execute(
            sql.SQL(
                "SELECT (SELECT count(*) FROM ({here} EXCEPT ALL {there}) a),"
                " (SELECT count(*) FROM ({there} EXCEPT ALL {here}) b)"
            ).format(here=here, there=there)
        ).fetchone()
        if row != (0, 0):
            assert row is not None
            differing[str(table.name)] = (int(row[0]), int(row[1]))
    return differing
