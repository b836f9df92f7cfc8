"""The raw events of one attempt, for whom its report is not enough: the only way to them.

The log mixes organizations, so the role that reads reports sees nothing of it. Here a second role
reads the attempt's journal, by row-level security its organization's alone, and then the segments
that the journal names; whatever else lies in those is left here. Called by the read API.
"""

import asyncio
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg_pool import ConnectionPool

from shared.contracts.envelope import Event
from shared.contracts.event_types import Kind
from shared.contracts.stream_names import partition_of
from shared.errors import NOT_LAID_OUT, GenerationError, SegmentError, StorageError
from shared.folds.journal import Position, unpack_positions
from shared.folds.states import FOLD_VERSION
from shared.storage.connection import BoundedConnection
from shared.storage.generations import all_generations, live_of, partitions_of, schema_name
from shared.storage.log_reading import entries_of, segments_holding
from shared.storage.subject_history import event_about
from shared.storage.tenancy import RAW_ROLE, SET_TENANT

_CONNECTIONS_MAX: Final = 2
_CONNECT_TIMEOUT_S: Final = 3
#: How long a request waits for a connection; psycopg's pool asks again and again meanwhile.
_POOL_PATIENCE_S: Final = 3.0
_RECONNECT_S: Final = 0.5
#: Milliseconds that a statement may take.
_OPTIONS: Final = "-c statement_timeout=15000"
#: Beyond that the answer itself is lost.
_ANSWER_S: Final = 20.0
_JOURNAL: Final = "SELECT positions FROM {} WHERE organization_id = %s AND attempt_id = %s"


_Pool = ConnectionPool[BoundedConnection]


class RawEvents:
    """Reads in threads, over connections of its own that open when they are needed."""

    def __init__(self, database_url: str) -> None:
        """`open` must be awaited before use; the URL's user may become the role for raw events."""
        self._pool: _Pool = ConnectionPool(
            database_url,
            connection_class=BoundedConnection,
            min_size=0,
            max_size=_CONNECTIONS_MAX,
            open=False,
            timeout=_POOL_PATIENCE_S,
            reconnect_timeout=_RECONNECT_S,
            configure=_become_reader,
            check=ConnectionPool.check_connection,
            kwargs={
                "autocommit": True,
                "connect_timeout": _CONNECT_TIMEOUT_S,
                "application_name": "callfold raw-events",
                "options": _OPTIONS,
            },
        )

    async def open(self) -> None:
        await asyncio.to_thread(self._pool.open)

    async def close(self) -> None:
        await asyncio.to_thread(self._pool.close)

    async def of_attempt(self, organization_id: str, attempt_id: str) -> list[Event] | None:
        """What was folded into an attempt, by time; None where the organization has none such.

        Duplicates, conflicts and what was parked are not in it.

        Raises:
            StorageError: the database does not answer or is not laid out, or the log lacks some.
        """
        return await asyncio.to_thread(self._read, organization_id, attempt_id)

    def _read(self, organization_id: str, attempt_id: str) -> list[Event] | None:
        try:
            with self._pool.connection() as connection, connection.transaction():
                connection.execute(SET_TENANT, (organization_id,))
                return _events(connection, organization_id, attempt_id)
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            raise StorageError(NOT_LAID_OUT) from None
        except psycopg.OperationalError as error:
            raise StorageError("PostgreSQL does not answer") from error


def _become_reader(connection: BoundedConnection) -> None:
    connection.answer_s = _ANSWER_S
    connection.execute(f"SET ROLE {RAW_ROLE}")


def _events(
    connection: psycopg.Connection[tuple[Any, ...]], organization_id: str, attempt_id: str
) -> list[Event] | None:
    live = live_of(all_generations(connection))
    if live.fold_version != FOLD_VERSION:
        raise GenerationError("the live generation is of another release")
    attempts = sql.Identifier(schema_name(live.number), "attempts")
    row = connection.execute(
        sql.SQL(_JOURNAL).format(attempts), (organization_id, attempt_id)
    ).fetchone()
    if row is None:
        return None
    key = (Kind.ATTEMPT.value, organization_id, attempt_id)
    missing: set[Position] = set(unpack_positions(row[0]))
    events: list[Event] = []
    partition = partition_of(attempt_id, partitions_of(connection))
    for segment in segments_holding(connection, partition, sorted(missing)):
        for entry in entries_of(segment):
            event = event_about(entry, key) if entry.position in missing else None
            if event is not None:
                missing.remove(entry.position)
                events.append(event)
    if missing:
        raise SegmentError(f"the log lacks {len(missing)} events of an attempt")
    return sorted(events, key=lambda event: (event.time_us, event.source, event.id))
