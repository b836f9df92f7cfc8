"""No wait for PostgreSQL is without end, and nobody keeps a lane who stands still in a commit."""

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from shared.storage.connection import BoundedConnection, connect
from shared.storage.lanes import Lanes
from shared.storage.schema import migrate
from shared.storage.stalled_commits import connect_commits
from tests.installation import until

_ZOMBIE = "host:1:0123abcd"


@pytest.fixture
def zombie(database_url: str) -> Iterator[BoundedConnection]:
    """A projector whose lease has run out, and which holds its lane by an open COPY."""
    migrate(database_url, 2)
    with closing(connect(database_url, "test")) as leases:
        assert len(Lanes(leases, _ZOMBIE, 1000).take(3, 1)) == 3
        leases.execute("UPDATE callfold.leases SET expires_at = now() - interval '1500 ms'")
    with closing(connect_commits(database_url, _ZOMBIE)) as connection:
        connection.execute("CREATE TEMPORARY TABLE stage (number int)")
        connection.execute("BEGIN")
        connection.execute("SELECT FROM callfold.leases FOR KEY SHARE")
        connection.pgconn.send_query(b"COPY stage FROM STDIN")
        yield connection


def _alive(connection: psycopg.Connection, pid: int) -> bool:
    row = connection.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone()
    return row is not None


def test_statement_without_an_answer_ends_its_connection_here_and_on_the_server(
    database_url: str,
) -> None:
    """Within a transaction and a pipeline, too: the error says how long nothing was answered."""
    with closing(connect(database_url, "test", answer_s=0.2)) as connection:
        pid = connection.info.backend_pid
        with (
            pytest.raises(psycopg.OperationalError, match="no answer for"),
            connection.pipeline(),
            connection.transaction(),
        ):
            connection.execute("SELECT pg_sleep(60)").fetchall()
        assert connection.closed
    with closing(connect(database_url, "test")) as other:
        until(lambda: not _alive(other, pid), "the server has ended the session")


def test_lanes_of_who_stands_still_within_a_copy_are_taken_a_lease_after_his_ran_out(
    database_url: str, zombie: BoundedConnection
) -> None:
    """His session is ended for it; before that lease is over, he is left in peace."""
    pid = zombie.info.backend_pid
    with closing(connect(database_url, "test")) as connection:
        patient = Lanes(connection, "patient", 60_000)
        assert patient.take(3, 1) == {}
        assert _alive(connection, pid)
        successor = Lanes(connection, "successor", 1000)
        assert successor.take(3, 1) == {}
        until(lambda: not _alive(connection, pid), "the zombie's session is ended")
        assert successor.take(3, 1).keys() == {-1, 0, 1}


def test_projector_that_connects_again_ends_the_session_that_it_gave_up(
    database_url: str, zombie: BoundedConnection
) -> None:
    """Its open transaction would hold the lanes of its own projector; another's is left alone."""
    pid = zombie.info.backend_pid
    with closing(connect_commits(database_url, "host:1:ffffffff")) as other:
        assert _alive(other, pid)
        with closing(connect_commits(database_url, _ZOMBIE)) as again:
            until(lambda: not _alive(again, pid), "its earlier session is ended")
        assert not other.closed
