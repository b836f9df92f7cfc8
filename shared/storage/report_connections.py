"""The connections that reports are read over: many statements under way on each.

psycopg's cursors wait for each answer before the next statement leaves, and cost several turns of
the event loop each: more than the arithmetic of a report. Here libpq's pipeline mode is driven
directly. Statements are prepared once a connection; every one is a transaction, and so a snapshot,
of its own, asked in a role that sees the rows of one organization alone. `live_queries.py` asks.
"""

import asyncio
import re
from functools import cache
from typing import Final, NamedTuple

import psycopg

from shared.errors import StorageError
from shared.storage.pipelined_connection import NOBODY, PipelinedConnection, RawRow
from shared.storage.read_pool import Parameters
from shared.storage.tenancy import READ_ROLE

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
    """Connections that are opened when they are needed: for tenants, and one for what has none."""

    def __init__(
        self, database_url: str, connections_max: int, read_database_url: str | None = None
    ) -> None:
        """Nothing is connected yet.

        Args:
            read_database_url: As whom reports are read, if by other credentials than the process'.
        """
        self._reading = _Connections(read_database_url or database_url, connections_max, READ_ROLE)
        self._own = _Connections(database_url, 1, None)

    async def close(self) -> None:
        """Close all; what is under way fails."""
        await self._reading.close()
        await self._own.close()

    async def fetch_one(self, text: str, parameters: Parameters) -> RawRow | None:
        """The first row of a statement, each value in PostgreSQL's binary form.

        It sees rows of the organization in the parameter `organization_id`; nobody's without one.

        Raises:
            StorageError: the database does not answer; trying again later may help.
            psycopg.Error: the statement itself failed.
        """
        return await _fetch(self._reading, text, parameters)

    async def fetch_of_none(self, text: str) -> RawRow | None:
        """The same in the process' own role, for what is of no organization: all rows are seen."""
        return await _fetch(self._own, text, {})


class _Connections:
    """Up to so many in one role."""

    def __init__(self, database_url: str, connections_max: int, role: str | None) -> None:
        self._database_url = database_url
        self._connections_max = connections_max
        self._role = role
        self._open: list[PipelinedConnection] = []
        self._opening: asyncio.Task[PipelinedConnection] | None = None

    async def close(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
        for connection in self._open:
            await connection.close()
        self._open.clear()

    async def least_busy(self) -> PipelinedConnection:
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
        connecting = PipelinedConnection.connect(self._database_url, self._role)
        self._opening = asyncio.create_task(connecting)
        self._opening.add_done_callback(self._opened)
        return self._opening

    def _opened(self, opening: asyncio.Task[PipelinedConnection]) -> None:
        self._opening = None
        if not opening.cancelled() and opening.exception() is None:
            self._open.append(opening.result())


async def _fetch(connections: _Connections, text: str, parameters: Parameters) -> RawRow | None:
    statement = _statement(text)
    values = [_value(parameters[name]) for name in statement.names]
    tenant = _value(parameters.get("organization_id")) or NOBODY
    try:
        connection = await connections.least_busy()
        try:
            return await _ask(connection, statement.command, values, tenant)
        except psycopg.OperationalError:
            # The server may have restarted under idle connections: they are dropped by now.
            connection = await connections.least_busy()
            return await _ask(connection, statement.command, values, tenant)
    except (psycopg.OperationalError, TimeoutError) as error:
        raise StorageError("PostgreSQL does not answer") from error


async def _ask(
    connection: PipelinedConnection, command: bytes, values: list[bytes | None], tenant: bytes
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
        return await connection.ask(command, values, tenant)
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
