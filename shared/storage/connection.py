"""How processes connect to PostgreSQL: bounded waits, so that nothing hangs on a dead network.

The kernel bounds what it can see: a peer that acknowledges nothing any more. A server that stands
still, or a middleman that lost its other side, acknowledges all and answers nothing for ever: only
a bound on the answer itself ends that.
"""

from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

from shared.clock import monotonic_s

#: Seconds for a connection to be made; milliseconds without an answer before it is given up.
_CONNECT_S = 5
_DEAD_MS = 15_000
_LOCK_S = 30
#: How long a process that serves waits for an answer: longer than the server waits for a lock.
ANSWER_S = 45.0
#: The same where every statement is by key and waits for nobody.
ANSWER_SHORT_S = 10.0
#: A process that is stopped or killed within a transaction holds its leases and tallies no longer
#: than this, so that others can take its lanes and commit. The server looks at the network as
#: often as we do: by its own defaults, one that waits for the rest of a COPY does so for hours.
_OPTIONS = (
    f"-c lock_timeout={_LOCK_S}s -c idle_in_transaction_session_timeout=10s"
    " -c client_connection_check_interval=1s"
    " -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=3 -c tcp_keepalives_count=3"
    f" -c tcp_user_timeout={_DEAD_MS}"
)

_Answer = TypeVar("_Answer")


class BoundedConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that is closed when the server takes too long to answer."""

    #: Seconds for one answer, or for a full buffer to be taken; None waits as long as the kernel.
    answer_s: float | None = None

    def wait(
        self, gen: PQGen[_Answer], interval: float = 0.1, timeout: float | None = None
    ) -> _Answer:
        """Wait for the server, as psycopg does wherever it must.

        Raises:
            psycopg.OperationalError: no answer in time; what was asked may have been done.
        """
        patience_s = self.answer_s if timeout is None else timeout
        began_s = monotonic_s()
        try:
            return super().wait(gen, interval, patience_s)
        except psycopg.OperationalError as error:
            if timeout is None and patience_s and monotonic_s() - began_s >= patience_s:
                self.pgconn.finish()  # an answer that comes now is to nothing that is asked
                raise psycopg.OperationalError(f"no answer for {patience_s:g} s") from error
            raise


def connect(database_url: str, part: str, answer_s: float | None = None) -> BoundedConnection:
    """Open a connection in autocommit; `part` tells operators in pg_stat_activity what it is.

    Args:
        answer_s: see `BoundedConnection`; None is for commands, whose statements may take long.
    """
    connection = BoundedConnection.connect(
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
    connection.answer_s = answer_s
    return connection
