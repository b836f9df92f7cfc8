"""The connections that reports are read over: many statements under way on each.

psycopg's cursors wait for each answer before the next statement leaves, and cost several turns of
the event loop each: more than the arithmetic of a report. Here libpq's pipeline mode is driven
directly. Statements are prepared once a connection; every one is a transaction, and so a snapshot,
of its own. `report_queries.py` asks.
"""

import asyncio
import re
from functools import cache
from typing import Final, NamedTuple

import psycopg

from shared.errors import StorageError
from shared.storage.pipelined_connection import PipelinedConnection, RawRow
from shared.storage.read_pool import Parameters

#: How long a statement may take, a lost network included.
_STATEMENT_PATIENCE_S: Final = 15.0
#: Statements under way on the least busy connection from which on another one is opened.
_BUSY: Final = 4
_PLACEHOLDER: Final = re.compile(r"%\((\w+)\)s")


class _Statement(NamedTuple):
    """A statement as libpq takes it: numbered placeholders, and whose values they are."""

    command: bytes
    names: tuple[str, ...]


class ReportConnections:
    """Up to so many connections, opened when they are needed."""

    def __init__(self, database_url: str, connections_max: int) -> None:
        self._database_url = database_url
        self._connections_max = connections_max
        self._open: list[PipelinedConnection] = []
        self._opening: asyncio.Task[PipelinedConnection] | None = None

    async def close(self) -> None:
        """Close all; what is under way fails."""
        if self._opening is not None:
            self._opening.cancel()
        for connection in self._open:
            await connection.close()
        self._open.clear()

    async def fetch_one(self, text: str, parameters: Parameters) -> RawRow | None:
        """The first row of a statement, each value in PostgreSQL's binary form.

        Raises:
            StorageError: the database does not answer; trying again later may help.
            psycopg.Error: the statement itself failed.
        """
        statement = _statement(text)
        values = [_value(parameters[name]) for name in statement.names]
        try:
            connection = await self._connection()
            try:
                return await _ask(connection, statement.command, values)
            except psycopg.OperationalError:
                # The server may have restarted under idle connections: they are dropped by now.
                return await _ask(await self._connection(), statement.command, values)
        except (psycopg.OperationalError, TimeoutError) as error:
            raise StorageError("PostgreSQL does not answer") from error

    async def _connection(self) -> PipelinedConnection:
        """The least busy connection; another one is opened beside it where all are busy."""
        self._open = [connection for connection in self._open if not connection.closed]
        if not self._open:
            # Whoever goes away must not take the connection from the others.
            await asyncio.shield(self._opening or self._open_another())
        least = min(self._open, key=PipelinedConnection.under_way)
        if least.under_way() >= _BUSY and len(self._open) < self._connections_max:
            self._opening = self._opening or self._open_another()
        return least

    def _open_another(self) -> asyncio.Task[PipelinedConnection]:
        self._opening = asyncio.create_task(PipelinedConnection.connect(self._database_url))
        self._opening.add_done_callback(self._opened)
        return self._opening

    def _opened(self, opening: asyncio.Task[PipelinedConnection]) -> None:
        self._opening = None
        if not opening.cancelled() and opening.exception() is None:
            self._open.append(opening.result())


async def _ask(
    connection: PipelinedConnection, command: bytes, values: list[bytes | None]
) -> RawRow | None:
    """Ask; the first whose time is up ends the connection, so that those behind ask elsewhere.

    Raises:
        TimeoutError: it was this one.
    """
    expired = False

    def give_up() -> None:
        nonlocal expired
        expired = True
        connection.give_up()

    # Cheaper than the context of `asyncio.timeout`.
    patience = asyncio.get_running_loop().call_later(_STATEMENT_PATIENCE_S, give_up)
    try:
        return await connection.ask(command, values)
    except psycopg.OperationalError:
        if expired:
            raise TimeoutError from None
        raise
    finally:
        patience.cancel()


@cache
def _statement(text: str) -> _Statement:
    names = tuple(dict.fromkeys(_PLACEHOLDER.findall(text)))
    numbers = {name: f"${number}" for number, name in enumerate(names, 1)}
    return _Statement(_PLACEHOLDER.sub(lambda found: numbers[found[1]], text).encode(), names)


def _value(value: object) -> bytes | None:
    """A parameter as PostgreSQL reads it; the statement's text says its type."""
    return None if value is None else str(value).encode()
