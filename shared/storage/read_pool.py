"""Connections of what serves: statements out of `.sql` files, and one named error when it fails.

Connections are in autocommit: each statement sees one snapshot, which is why each report is one.
"""

import asyncio
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

import psycopg
from psycopg.types.numeric import Int8Dumper
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from shared.errors import StorageError

_FRAGMENTS: Final = (
    "report_head",
    "published_flow",
    "call_page",
    "as_of",
    "owned_matching",
    "owned_attempts",
    "campaign_skipped",
    "campaign_contacts",
    "campaign_known",
    "call_execution_rows",
)
_CONNECT_TIMEOUT_S = 3
#: How long a request waits for a connection.
_POOL_PATIENCE_S = 3.0
#: How long a statement may take, a lost network included.
_STATEMENT_PATIENCE_S = 15.0
#: A failed connection is not tried again in the background: the next request does that.
_RECONNECT_S = 0.5

#: Every read is by key. Its plan is made once a connection, so it must not depend on how small a
#: table was then: without statistics yet, a scan of all would look cheap and stay.
PLANS: Final = (
    "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off;"
    " SET enable_bitmapscan = off; SET jit = off"
)

Parameters = Mapping[str, object]
Row = tuple[Any, ...]


class ReadPool:
    """Connections for short reads; opens without waiting for the database."""

    def __init__(self, database_url: str, connections_max: int, process: str = "read-api") -> None:
        """`open` must be awaited before use; the database lists connections under `process`."""
        self._pool = AsyncConnectionPool(
            database_url,
            min_size=0,
            max_size=connections_max,
            open=False,
            timeout=_POOL_PATIENCE_S,
            reconnect_timeout=_RECONNECT_S,
            configure=_configure,
            kwargs={
                "autocommit": True,
                "connect_timeout": _CONNECT_TIMEOUT_S,
                "application_name": f"callfold {process}",
            },
        )

    async def open(self) -> None:
        await self._pool.open()

    async def close(self) -> None:
        await self._pool.close()

    async def fetch_one(self, statement: str, parameters: Parameters) -> Row | None:
        """The first row of a statement, which is prepared once a connection.

        Raises:
            StorageError: the database does not answer; trying again later may help.
            psycopg.Error: the statement itself failed.
        """
        try:
            async with asyncio.timeout(_STATEMENT_PATIENCE_S):
                try:
                    return await self._execute(statement, parameters)
                except PoolTimeout:
                    raise
                except psycopg.OperationalError:
                    # The server may have restarted under idle connections: drop those, once.
                    await self._pool.check()
                    return await self._execute(statement, parameters)
        except (psycopg.OperationalError, TimeoutError) as error:
            raise StorageError("PostgreSQL does not answer") from error

    async def _execute(self, statement: str, parameters: Parameters) -> Row | None:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(statement, parameters, prepare=True, binary=True)
            return await cursor.fetchone()


@cache
def statement_text(name: str, generation: str = "", owner: str = "") -> str:
    """The statement of a `.sql` file, its fragments filled in, about one generation's schema.

    Args:
        owner: Of a list of attempts, the column of whom they belong to, such as `program_id`; the
            file of the same name and `_asked` has the conditions that they meet.
    """
    text = _read(name)
    for fragment in _FRAGMENTS:
        text = text.replace(f"{{{fragment}}}", _read(fragment).rstrip())
    if "{asked}" in text:
        text = text.replace("{asked}", _read(f"{name}_asked").rstrip())
    return text.replace("{owner}", owner).replace("{generation}", generation)


@cache
def _read(name: str) -> str:
    return (files("shared.storage") / "sql" / f"{name}.sql").read_text(encoding="utf-8")


async def _configure(connection: psycopg.AsyncConnection[Row]) -> None:
    await connection.execute(PLANS)
    # One width for all integers: else each width of each parameter is a statement of its own.
    connection.adapters.register_dumper(int, Int8Dumper)
