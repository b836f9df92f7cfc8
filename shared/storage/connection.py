"""How processes connect to PostgreSQL: bounded waits, so that nothing hangs on a dead network."""

import psycopg

#: Seconds for a connection to be made; milliseconds without an answer before it is given up.
_CONNECT_S = 5
_DEAD_MS = 15_000
#: A process that is stopped or killed within a transaction holds its leases and tallies no longer
#: than this, so that others can take its lanes and commit.
_OPTIONS = (
    "-c lock_timeout=30s -c idle_in_transaction_session_timeout=10s"
    " -c client_connection_check_interval=1s"
)


def connect(database_url: str, part: str) -> psycopg.Connection:
    """Open a connection in autocommit; `part` tells operators in pg_stat_activity what it is."""
    return psycopg.connect(
        database_url,
        autocommit=True,
        connect_timeout=_CONNECT_S,
        application_name=f"callfold {part}",
        keepalives=1,
        keepalives_idle=5,
        keepalives_interval=3,
        keepalives_count=3,
        tcp_user_timeout=_DEAD_MS,
        options=_OPTIONS,
    )
