"""One connection in libpq's pipeline mode: what is asked in one turn of the loop leaves together.

Used by `report_connections.py` alone. psycopg makes the connection and wraps libpq; what psycopg
itself would do with it is not used from then on. Statements that leave together end with one sync:
where one fails, the server skips those behind it, and they are asked again. Under load that saves
most of the system calls and wake-ups on both sides.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Final, NamedTuple, Self

import psycopg
from psycopg import pq

from shared.storage.read_pool import PLANS

_CONNECT_TIMEOUT_S: Final = 3
_BINARY: Final = 1

#: Errors with which the server ends the connection.
_ENDS: Final = (b"57P01", b"57P02", b"57P03")

#: Values in PostgreSQL's binary form; None is null.
RawRow = list[bytes | None]


class _Asked(NamedTuple):
    """A statement whose answer is awaited."""

    answer: asyncio.Future[RawRow | None]
    command: bytes
    values: list[bytes | None]


class _Prepare(NamedTuple):
    """A statement that is prepared, ahead of its first asking."""

    command: bytes


class _Sync:
    """Where a group of statements ends, and an error with it."""


_SYNC: Final = _Sync()


class PipelinedConnection:
    """Takes statements at any time, answers each."""

    def __init__(self, connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
        """Made by `connect`."""
        self._connection = connection
        self._libpq = connection.pgconn
        self._libpq.enter_pipeline_mode()
        self._socket = self._libpq.socket
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._guarded, self._read)
        self._prepared: dict[bytes, bytes] = {}
        self._numbers = count()
        #: What the server answers next, in this order.
        self._awaited: deque[_Asked | _Prepare | _Sync] = deque()
        self._result: pq.abc.PGresult | None = None
        self._unprepared: psycopg.Error | None = None
        self._sync_is_due = False
        self.closed = False

    @classmethod
    async def connect(cls, database_url: str) -> Self:
        """Connect.

        Raises:
            psycopg.OperationalError: the database is away.
        """
        connection = await psycopg.AsyncConnection.connect(
            database_url,
            autocommit=True,
            connect_timeout=_CONNECT_TIMEOUT_S,
            application_name="callfold read-api",
            client_encoding="utf8",
        )
        try:
            await connection.execute(PLANS)
            return cls(connection)
        except BaseException:
            await connection.close()
            raise

    def under_way(self) -> int:
        """About how many statements are not answered yet."""
        return len(self._awaited)

    async def ask(self, command: bytes, values: list[bytes | None]) -> RawRow | None:
        """The first row of the answer.

        Raises:
            psycopg.OperationalError: the connection is lost.
            psycopg.Error: the statement failed.
        """
        asked = _Asked(self._loop.create_future(), command, values)
        try:
            self._send(asked)
        except psycopg.OperationalError as error:
            self._lost(error)
            raise
        return await asked.answer

    def give_up(self) -> None:
        """Believe in no more answers; what is under way fails."""
        self._lost(psycopg.OperationalError("PostgreSQL does not answer"))

    async def close(self) -> None:
        """Disconnect; what is under way fails."""
        self._lost(psycopg.OperationalError("the connection was closed"))
        await self._connection.close()

    def _send(self, asked: _Asked) -> None:
        """Hand a statement to libpq, which sends it at the end of this turn."""
        name = self._prepared.get(asked.command)
        if name is None:
            name = self._prepared[asked.command] = f"report_{next(self._numbers)}".encode()
            self._libpq.send_prepare(name, asked.command)
            self._awaited.append(_Prepare(asked.command))
        self._libpq.send_query_prepared(name, asked.values, result_format=_BINARY)
        self._awaited.append(asked)
        if not self._sync_is_due:
            self._sync_is_due = True
            self._loop.call_soon(self._guarded, self._sync)

    def _sync(self) -> None:
        self._sync_is_due = False
        self._libpq.pipeline_sync()
        self._awaited.append(_SYNC)
        self._flush()

    def _flush(self) -> None:
        """Send what libpq still holds, now or when the socket takes it."""
        self._loop.remove_writer(self._socket)
        if self._libpq.flush():
            self._loop.add_writer(self._socket, self._guarded, self._flush)

    def _read(self) -> None:
        self._libpq.consume_input()
        while self._awaited and not self._libpq.is_busy():
            self._take(self._libpq.get_result())

    def _guarded(self, act: Callable[[], None]) -> None:
        """Act on the connection, unless it is lost; it may be lost by that."""
        if self.closed:
            return
        try:
            act()
        except psycopg.OperationalError as error:
            self._lost(error)

    def _take(self, result: pq.abc.PGresult | None) -> None:
        """One part of what the server says; nothing ends a statement, a sync ends a group."""
        if result is not None and result.status != pq.ExecStatus.PIPELINE_SYNC:
            if result.error_field(pq.DiagnosticField.SQLSTATE) in _ENDS:
                raise psycopg.errors.error_from_result(result)
            self._result = result
            return
        awaited, said, self._result = self._awaited.popleft(), self._result, None
        if isinstance(awaited, _Asked):
            self._answer(awaited, said)
        elif isinstance(awaited, _Prepare) and not _is(said, pq.ExecStatus.COMMAND_OK):
            del self._prepared[awaited.command]
            if said is not None and not _is(said, pq.ExecStatus.PIPELINE_ABORTED):
                self._unprepared = psycopg.errors.error_from_result(said)

    def _answer(self, asked: _Asked, said: pq.abc.PGresult | None) -> None:
        unprepared, self._unprepared = self._unprepared, None
        if asked.answer.done():
            return  # nobody waits any more
        if said is not None and said.status == pq.ExecStatus.TUPLES_OK:
            fields = range(said.nfields)
            row = [said.get_value(0, field) for field in fields] if said.ntuples else None
            asked.answer.set_result(row)
        elif unprepared is not None:
            asked.answer.set_exception(unprepared)
        elif said is None or said.status == pq.ExecStatus.PIPELINE_ABORTED:
            self._send(asked)  # skipped, since one before it failed
        else:
            asked.answer.set_exception(psycopg.errors.error_from_result(said))

    def _lost(self, error: psycopg.Error) -> None:
        if self.closed:
            return
        self.closed = True
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._libpq.finish()
        while self._awaited:
            awaited = self._awaited.popleft()
            if isinstance(awaited, _Asked) and not awaited.answer.done():
                awaited.answer.set_exception(psycopg.OperationalError(str(error)))


def _is(result: pq.abc.PGresult | None, status: pq.ExecStatus) -> bool:
    return result is not None and result.status == status
