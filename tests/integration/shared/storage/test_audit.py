"""The audit on a real PostgreSQL: a row before the deed, its outcome after it."""

from datetime import timedelta

import psycopg
import pytest

from shared.clock import utc_now
from shared.storage.audit import AuditRow, audited, latest_audit
from shared.storage.connection import connect


def rows(database_url: str) -> list[AuditRow]:
    """The latest deeds, as another connection sees them."""
    with connect(database_url, "test") as connection:
        return latest_audit(connection, 10)


def test_deed_is_noted_before_it_is_done(laid_out: str) -> None:
    """So that one that is cut short leaves a row; what came of it follows."""
    with connect(laid_out, "test") as connection:
        said = {"ids": ["3-ab"], "reason": None}
        with audited(connection, "Zoë\x00", "parked discard", said) as details:
            (under_way,) = rows(laid_out)
            details["discarded"] = 1

    (row,) = rows(laid_out)
    assert ("started", {}) == (under_way.outcome, under_way.details)
    assert ("done", {"discarded": 1}, {"ids": ["3-ab"]}, "Zoë\ufffd") == (
        row.outcome, row.details, row.arguments, row.who
    )  # fmt: skip
    assert timedelta() == row.at.utcoffset()
    assert abs(utc_now() - row.at) < timedelta(minutes=5)


def test_deed_that_fails_says_why_and_fails(laid_out: str) -> None:
    """What was done until then is kept beside the error."""

    def fail(connection: psycopg.Connection) -> None:
        with audited(connection, "me", "retry", {}) as details:
            details["sent"] = 5
            _ = 1 // 0

    with connect(laid_out, "test") as connection:
        with pytest.raises(ZeroDivisionError):
            fail(connection)
        with audited(connection, "me", "later", {}):
            pass

    later, failed = rows(laid_out)
    assert ("later", "done") == (later.command, later.outcome)
    assert "failed" == failed.outcome
    assert 5 == failed.details["sent"]
    assert failed.details["error"].startswith("ZeroDivisionError: ")


def test_deed_whose_connection_is_lost_stays_started(laid_out: str) -> None:
    """Nobody knows how far it came; the error of the deed itself is the one that is told."""

    def lose(connection: psycopg.Connection, other: psycopg.Connection) -> None:
        with audited(connection, "me", "parked retry", {}):
            other.execute("SELECT pg_terminate_backend(%s, 5000)", (connection.info.backend_pid,))
            connection.execute("SELECT 1")

    with (
        connect(laid_out, "test") as connection,
        connect(laid_out, "other") as other,
        pytest.raises(psycopg.OperationalError),
    ):
        lose(connection, other)

    (row,) = rows(laid_out)
    assert "started" == row.outcome
