"""The connections that commit, and the end of those whose projector stands still within a commit.

Its locks hold lanes that others should have. Between statements the server ends such a transaction
by itself, but not within a pipeline or a COPY, where it waits for the rest for as long as the
process is stopped or the network silent. Called by the commit thread, and where lanes are taken.
"""

import psycopg
import structlog

from shared.storage.connection import ANSWER_S, BoundedConnection, connect

_log = structlog.get_logger()
#: Of a projector's name so much is unique, and short enough for `application_name`.
_SUFFIX = 8
_PART = "commits "
_OURS = "a.datname = current_database() AND a.usename = current_user AND a.pid <> pg_backend_pid()"
_END_EARLIER = (
    "SELECT a.pid, pg_terminate_backend(a.pid, 1000) FROM pg_stat_activity a"
    f" WHERE {_OURS} AND a.application_name = %s"
)
_END_STALLED = (
    "SELECT a.pid, pg_terminate_backend(a.pid) FROM (SELECT DISTINCT owner FROM callfold.leases"
    " WHERE expires_at < now() - %s::interval AND owner IS NOT NULL) AS late"
    f" JOIN pg_stat_activity a ON a.application_name = %s || right(late.owner, {_SUFFIX})"
    f" WHERE {_OURS} AND a.xact_start IS NOT NULL"
)


def connect_commits(database_url: str, projector: str) -> BoundedConnection:
    """Connect to commit; a session of the same projector that was given up is ended first.

    Its transaction may stand open on the server, and would hold our own lanes.
    """
    part = _PART + projector[-_SUFFIX:]
    connection = connect(database_url, part, ANSWER_S)
    try:
        _log_ended(connection.execute(_END_EARLIER, (f"callfold {part}",)))
    except psycopg.Error:
        connection.close()
        raise
    return connection


def end_stalled(connection: psycopg.Connection, after: str) -> None:
    """End commits of projectors whose leases ran out so long ago, an interval, and hold them."""
    _log_ended(connection.execute(_END_STALLED, (after, f"callfold {_PART}")))


def _log_ended(ended: psycopg.Cursor) -> None:
    for pid, _ in ended:
        _log.warning("ended a session that stood still within a commit", pid=pid)
