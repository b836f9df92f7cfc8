"""What a PostgreSQL says of itself and its database. Called by `callfold doctor`."""

import time
from statistics import median
from typing import Final, NamedTuple

import psycopg

_PINGS = 5
#: Settings that the answers of other processes hang on.
_SETTINGS: Final = ("fsync", "full_page_writes", "synchronous_commit", "server_encoding")
_FACTS = (
    "SELECT current_setting('server_version_num')::int, current_setting('server_version'),"
    " pg_is_in_recovery(), current_setting('max_connections')::int,"
    " current_setting('superuser_reserved_connections')::int,"
    " (SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend'),"
    " (SELECT count(*)::int FROM pg_stat_activity WHERE application_name LIKE 'callfold%'),"
    " has_database_privilege(current_user, current_database(), 'CREATE'),"
    " current_user::text, pg_database_size(current_database()),"
    " CASE WHEN pg_has_role(current_user, 'pg_read_all_settings', 'USAGE')"
    " THEN current_setting('data_directory') END"
)
_CLOCK = "SELECT extract(epoch FROM clock_timestamp())::float8"
# Rights of which one is enough are asked for by name; these are all needed.
_LACKING = (
    "SELECT n.nspname || '.' || c.relname FROM pg_class c"
    " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p')"
    " AND (n.nspname = 'callfold' OR n.nspname ~ '^gen_[0-9]+$')"
    " AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')"
    " AND has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE')"
    " AND has_table_privilege(c.oid, 'DELETE')) ORDER BY 1"
)


class PostgresFacts(NamedTuple):
    """How the server is, and how it is set."""

    latency_ms: float
    #: Its clock against ours, in milliseconds; positive where it is ahead.
    ahead_ms: float
    settings: dict[str, str]
    version_number: int
    version: str
    in_recovery: bool
    connections_max: int
    connections_reserved: int
    connections: int
    #: Of these, those of Callfold's processes.
    connections_ours: int
    may_create: bool
    user: str
    database_bytes: int
    #: None where the user may not ask.
    data_directory: str | None


def postgres_facts(connection: psycopg.Connection) -> PostgresFacts:
    """Ask the server, on a connection in autocommit."""
    latencies_s, aheads_s = [], []
    for _ in range(_PINGS):
        began_s, began_at_s = time.perf_counter(), time.time()
        row = connection.execute(_CLOCK).fetchone()
        assert row is not None
        latencies_s.append(time.perf_counter() - began_s)
        aheads_s.append(row[0] - began_at_s - latencies_s[-1] / 2)
    settings = {name: _setting(connection, name) for name in _SETTINGS}
    facts = connection.execute(_FACTS).fetchone()
    assert facts is not None
    return PostgresFacts(median(latencies_s) * 1000, median(aheads_s) * 1000, settings, *facts)


def _setting(connection: psycopg.Connection, name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
    assert row is not None
    return str(row[0])


def tables_out_of_reach(connection: psycopg.Connection) -> list[str]:
    """Tables of ours that this user may not read or write."""
    return [row[0] for row in connection.execute(_LACKING)]
