"""How often PostgreSQL ran a statement in one database, by its own count (pg_stat_statements)."""

from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

_CALLS = (
    "SELECT coalesce(sum(s.calls), 0)::int FROM pg_stat_statements AS s"
    " JOIN pg_database AS d ON d.oid = s.dbid WHERE d.datname = %s AND strpos(s.query, %s) > 0"
)


def calls(database_url: str, part: str) -> int:
    """Runs of the statements of a database that hold a text; skips where nobody counts them."""
    address = urlsplit(database_url)
    # The extension lives in one database, and counts those of all.
    counting = urlunsplit(address._replace(path="/postgres"))
    with psycopg.connect(counting, autocommit=True) as connection:
        try:
            row = connection.execute(_CALLS, (address.path.removeprefix("/"), part)).fetchone()
        except (psycopg.errors.UndefinedTable, psycopg.errors.ObjectNotInPrerequisiteState):
            pytest.skip("this PostgreSQL does not count statements (pg_stat_statements)")
    assert row is not None
    return int(row[0])
