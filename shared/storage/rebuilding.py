"""What a rebuild asks of the database beside folding: how much waits, and statistics."""

import psycopg
from psycopg import sql

from shared.storage.generations import schema_name
from shared.storage.tables import generation_metadata

_WAITING = (
    "SELECT s.partition, sum(s.events)::bigint FROM callfold.log_segments s"
    " LEFT JOIN {positions} p ON p.lane = s.partition"
    " WHERE p.lane IS NULL OR (s.last_ms, s.last_seq) > (p.ms, p.seq) GROUP BY 1"
)


def archived_events(connection: psycopg.Connection) -> int:
    """Events of the whole log."""
    row = connection.execute(
        "SELECT coalesce(sum(events), 0)::bigint FROM callfold.log_segments"
    ).fetchone()
    return int(row[0]) if row else 0


def waiting_events(connection: psycopg.Connection, generation: int) -> dict[int, int]:
    """By partition, the events of segments that a generation is not folded to the end of."""
    positions = sql.Identifier(schema_name(generation), "positions")
    return dict(connection.execute(sql.SQL(_WAITING).format(positions=positions)).fetchall())


def analyze(connection: psycopg.Connection, generation: int) -> None:
    """Let the planner know the tables; autovacuum would come later than the first reports."""
    for table in generation_metadata.sorted_tables:
        name = sql.Identifier(schema_name(generation), table.name)
        connection.execute(sql.SQL("ANALYZE {}").format(name))


def wait_for_no_disk(connection: psycopg.Connection) -> None:
    """Let commits return before they are on disk; a crash of the server takes the last ones back.

    Positions go back with them, so a rebuild folds them again; the switch waits for the disk.
    """
    connection.execute("SET synchronous_commit = off")


def begin_snapshot(connection: psycopg.Connection) -> None:
    """See the database as it is now, until the transaction ends, however long that takes."""
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    connection.execute("SELECT 1 FROM callfold.installation")  # a snapshot begins with a question


def still_there(connection: psycopg.Connection) -> None:
    """Ask for nothing.

    Raises:
        psycopg.OperationalError: the connection is gone, and its session with it.
    """
    connection.execute("SELECT 1")
