"""One connection in libpq's pipeline mode: what is asked in one turn of the loop leaves together.

Used by `report_connections.py` alone. psycopg makes the connection and wraps libpq; what psycopg
itself would do with it is not used from then on. Statements that leave together end with one sync:
where one fails, the server skips those behind it, and they are asked again. Under load that saves
most of the system calls and wake-ups on both sides.

A group is one transaction to the server, so the tenant that is set before a statement holds until
another one is set or the group ends; each group begins with none.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Final, NamedTuple, Self

import psycopg
from psycopg import pq, sql

from shared.errors import NOT_LAID_OUT, StorageError
from shared.storage.read_pool import PLANS
from shared.storage.tenancy import TENANT_SETTING

_CONNECT_TIMEOUT_S: Final = 3
_BINARY: Final = 1

#: Errors with which the server ends the connection.
_ENDS: Final = (b"57P01", b"57P02", b"57P03")

_UNKNOWN_STATEMENT: Final = b"26000"

#: Prepared with the connection, so that it cannot fail with a group.
_SET_TENANT: Final = b"tenant"
_PREPARE_TENANT: Final = f"PREPARE tenant (text) AS SELECT set_config('{TENANT_SETTING}', $1, true)"
#: The tenant of who asks for none: nobody's rows are seen.
NOBODY: Final = b""

#: Values in PostgreSQL's binary form; None is null.
RawRow = list[bytes | None]


class _Asked(NamedTuple):
    """A statement whose answer is awaited."""

    answer: asyncio.Future[RawRow | None]
    command: bytes
    values: list[bytes | None]
    tenant: bytes


class _Prepare(NamedTuple):
    """A statement that is prepared, ahead of its first asking."""

    command: bytes
    name: bytes


class _Mark:
    """What is awaited between the statements."""


#: Whose rows the statements behind it see is said here.
_TENANT: Final = _Mark()
#: A group of statements ends here, and an error with it.
_SYNC: Final = _Mark()


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
        self._awaited: deque[_Asked | _Prepare | _Mark] = deque()
        self._result: pq.abc.PGresult | None = None
        #: Why the statement that is answered next had no chance.
        self._hindered: psycopg.Error | None = None
        self._sync_is_due = False
        #: As what the group that is being filled was last set to.
        self._tenant = NOBODY
        self.closed = False

    @classmethod
    async def connect(cls, database_url: str, role: str | None = None) -> Self:
        """Connect, and become a role; None: stay who the URL says.

        Raises:
            psycopg.OperationalError: the database is away.
            StorageError: there is no such role, or this user may not become it.
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
            await connection.execute(_PREPARE_TENANT)
            if role is not None:
                await _become(connection, role)
            return cls(connection)
        except BaseException:
            await connection.close()
            raise

    def under_way(self) -> int:
        """About how many statements are not answered yet."""
        return len(self._awaited)

    async def ask(
        self, command: bytes, values: list[bytes | None], tenant: bytes = NOBODY
    ) -> RawRow | None:
        """The first row of the answer; of a role that row-level security limits, the tenant's.

        Raises:
            psycopg.OperationalError: the connection is lost.
            psycopg.Error: the statement failed.
        """
        asked = _Asked(self._loop.create_future(), command, values, tenant)
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
        if asked.tenant != self._tenant:
            self._libpq.send_query_prepared(_SET_TENANT, [asked.tenant])
            self._awaited.append(_TENANT)
            self._tenant = asked.tenant
        name = self._prepared.get(asked.command) or self._prepare(asked.command)
        self._libpq.send_query_prepared(name, asked.values, result_format=_BINARY)
        self._awaited.append(asked)
        if not self._sync_is_due:
            self._sync_is_due = True
            self._loop.call_soon(self._guarded, self._sync)

    def _prepare(self, command: bytes) -> bytes:
        name = self._prepared[command] = f"report_{next(self._numbers)}".encode()
        self._libpq.send_prepare(name, command)
        self._awaited.append(_Prepare(command, name))
        return name

    def _sync(self) -> None:
        """End the group that is being filled, unless it has ended meanwhile."""
        if not self._sync_is_due:
            return
        self._sync_is_due = False
        self._tenant = NOBODY
        self._libpq.pipeline_sync()
        self._awaited.append(_SYNC)
        self._flush()

    def _flush(self) -> None:
        """Send what libpq still holds, now or when the socket takes it."""
        self._loop.remove_writer(self._socket)
        if self._libpq.flush():
            self._loop.add_writer(self._socket, self._guarded, self._flush)

    def _read(self) -> None:
        # Reading sends what waits. Were the error of a group read before its end is sent, all that
        # is asked again would join that group, and be skipped at once, for ever.
        self._sync()
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
            if self._prepared.get(awaited.command) == awaited.name:
                del self._prepared[awaited.command]
            self._hinder(said)
        elif awaited is _TENANT and not _is(said, pq.ExecStatus.TUPLES_OK):
            self._hinder(said)

    def _hinder(self, said: pq.abc.PGresult | None) -> None:
        """The next statement fails with this error, unless it is skipped with others."""
        if said is not None and not _is(said, pq.ExecStatus.PIPELINE_ABORTED):
            self._hindered = psycopg.errors.error_from_result(said)

    def _answer(self, asked: _Asked, said: pq.abc.PGresult | None) -> None:
        hindered, self._hindered = self._hindered, None
        if asked.answer.done():
            return  # nobody waits any more
        if said is not None and said.status == pq.ExecStatus.TUPLES_OK:
            fields = range(said.nfields)
            row = [said.get_value(0, field) for field in fields] if said.ntuples else None
            asked.answer.set_result(row)
        elif hindered is not None:
            asked.answer.set_exception(hindered)
        elif said is None or said.status == pq.ExecStatus.PIPELINE_ABORTED:
            self._send(asked)  # skipped, since one before it failed
        elif said.error_field(pq.DiagnosticField.SQLSTATE) == _UNKNOWN_STATEMENT:
            # It left while the group that was to prepare it failed. A later name may be of such
            # a group as well.
            self._prepared.pop(asked.command, None)
            self._send(asked)
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


async def _become(connection: psycopg.AsyncConnection[tuple[object, ...]], role: str) -> None:
    try:
        await connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
    except psycopg.errors.InvalidParameterValue:
        raise StorageError(NOT_LAID_OUT) from None  # no such role
    except psycopg.errors.InsufficientPrivilege as error:
        raise StorageError(f"{error.diag.message_primary}; see `callfold doctor`") from None


def _is(result: pq.abc.PGresult | None, status: pq.ExecStatus) -> bool:
    return result is not None and result.status == status
