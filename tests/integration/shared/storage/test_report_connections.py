"""Statements in libpq's pipeline mode: each its own answer, error, and snapshot."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest

from shared.errors import StorageError
from shared.storage import report_connections
from shared.storage.report_connections import ReportConnections

_KILL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND backend_type = 'client backend'"
)


@pytest.fixture
async def connections(database_url: str) -> AsyncIterator[ReportConnections]:
    """Up to three of them."""
    opened = ReportConnections(database_url, 3)
    yield opened
    await opened.close()


async def _text(connections: ReportConnections, text: str, **parameters: object) -> bytes | None:
    row = await connections.fetch_one(text, parameters)
    assert row is not None
    return row[0]


async def test_each_of_many_statements_gets_its_own_answer(
    connections: ReportConnections, database_url: str
) -> None:
    """However they are spread; no more connections than allowed, each statement prepared."""
    statement = "SELECT %(word)s::text || %(word)s::text, pg_sleep(0.001)"
    for _burst in range(3):
        asked = [_text(connections, statement, word=str(number)) for number in range(200)]
        assert [f"{n}{n}".encode() for n in range(200)] == await asyncio.gather(*asked)
    with psycopg.connect(database_url) as connection:
        (row,) = connection.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'callfold read-api'"
        ).fetchall()
    assert 3 == row[0]
    prepared = await _text(connections, "SELECT count(*)::text FROM pg_prepared_statements")
    assert b"3" == prepared


async def test_values_come_as_they_are(connections: ReportConnections) -> None:
    """Nulls, empty and large ones, integers in binary; no row is None."""
    statement = "SELECT %(a)s::text, %(b)s::bigint, %(c)s::text, NULL WHERE %(d)s::bool"
    large = "é" * 5_000_000
    given = {"a": "", "b": -(2**63), "c": large, "d": True}
    row = await connections.fetch_one(statement, given)
    assert [b"", b"\x80" + bytes(7), large.encode(), None] == row
    assert None is await connections.fetch_one(statement, {**given, "d": False})
    assert [None, None, None, None] == await connections.fetch_one(
        statement, {"a": None, "b": None, "c": None, "d": True}
    )


async def test_failed_statement_fails_alone(connections: ReportConnections) -> None:
    """Those before and behind it on the same connection are answered."""
    wrong = "SELECT 1 / %(zero)s::int"
    results = await asyncio.gather(
        *(
            _text(connections, wrong, zero=0)
            if number % 3 == 1
            else _text(connections, "SELECT %(n)s::text", n=number)
            for number in range(30)
        ),
        return_exceptions=True,
    )
    for number, result in enumerate(results):
        if number % 3 == 1:
            assert isinstance(result, psycopg.errors.DivisionByZero)
        else:
            assert str(number).encode() == result


async def test_statement_that_could_not_be_prepared_is_prepared_later(
    connections: ReportConnections, database_url: str
) -> None:
    """A table that is missing now may be there soon."""
    statement = "SELECT word FROM public.later"
    with pytest.raises(psycopg.errors.UndefinedTable):
        await _text(connections, statement)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE public.later AS SELECT 'now' AS word")
        connection.execute("GRANT SELECT ON public.later TO callfold_read")
    assert b"now" == await _text(connections, statement)


async def test_caller_who_goes_away_shifts_no_answer(connections: ReportConnections) -> None:
    """Its answer is thrown away, and only its."""
    slow = asyncio.create_task(_text(connections, "SELECT 'slow', pg_sleep(0.2)"))
    await asyncio.sleep(0.05)
    after = asyncio.create_task(_text(connections, "SELECT 'after'"))
    await asyncio.sleep(0)
    slow.cancel()
    assert b"after" == await after


async def test_lost_connections_are_replaced_within_the_request(
    connections: ReportConnections, database_url: str
) -> None:
    """Idle or busy: reads may be asked again."""
    assert b"1" == await _text(connections, "SELECT '1'")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(_KILL)
        assert b"2" == await _text(connections, "SELECT '2'")
        busy = asyncio.create_task(_text(connections, "SELECT '3', pg_sleep(0.3)"))
        await asyncio.sleep(0.1)
        connection.execute(_KILL)
        assert b"3" == await busy


async def test_answer_that_never_comes_is_given_up(
    connections: ReportConnections, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waited behind it is answered over another connection."""
    monkeypatch.setattr(report_connections, "_STATEMENT_PATIENCE_S", 0.5)
    stuck = asyncio.create_task(_text(connections, "SELECT 'stuck', pg_sleep(30)"))
    await asyncio.sleep(0.2)
    assert b"behind" == await _text(connections, "SELECT 'behind'")
    with pytest.raises(StorageError, match="PostgreSQL does not answer"):
        await stuck


async def test_database_that_is_away_is_named() -> None:
    """One error of ours, whatever psycopg says."""
    connections = ReportConnections("postgresql://callfold@127.0.0.1:1/nowhere", 2)
    with pytest.raises(StorageError, match="PostgreSQL does not answer"):
        await connections.fetch_one("SELECT 1", {})
    await connections.close()
