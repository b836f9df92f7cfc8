"""Hears what commits change in reports, and proves again and again that nothing was missed.

A beat asks which generation is live and how far it is folded, and notifies this very connection in
the same statement. PostgreSQL delivers notifications in the order of commits, so once our own is
back, all changes that the statement could see have been heard: what a cache still holds is as
fresh as the beat. The read API runs one feed beside its requests.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final, NoReturn

import psycopg
import structlog
from msgspec import Struct
from psycopg import sql

from shared.clock import monotonic_s
from shared.folds.states import FOLD_VERSION
from shared.storage.generations import schema_name
from shared.storage.read_pool import statement_text
from shared.storage.report_changes import Touched, channel_name, decode_touched

_log = structlog.get_logger()

#: How often the feed proves that it hears.
BEAT_S: Final = 0.25
#: How long a proof holds: a cache is never behind by more, whatever becomes of the connection.
PROOF_S: Final = 2.0
#: How many beats pass until the feed asks again which incidents are open.
_INCIDENT_BEATS: Final = 40
_RECONNECT_S: Final = 0.5
_CONNECT_TIMEOUT_S: Final = 3

Connection = psycopg.AsyncConnection[tuple[object, ...]]


class Standing(Struct, frozen=True):
    """How the live generation stood at the last beat that was proven."""

    generation: int
    #: Every entry received up to here is folded, in milliseconds; None while unknown.
    as_of_ms: int | None
    #: When the beat was sent, by the monotonic clock.
    sent_s: float


class ChangeFeed:
    """One connection that listens to the commits of the live generation."""

    def __init__(
        self,
        database_url: str,
        forget: Callable[[Touched | None], None],
        *,
        clock_s: Callable[[], float] = monotonic_s,
    ) -> None:
        """`forget` is told what changed, None being everything; `run` must run for any of this."""
        self._database_url = database_url
        self._forget = forget
        self._clock_s = clock_s
        self._standing: Standing | None = None
        self._incidents: dict[str, int] = {}

    def incidents(self, organization_id: str) -> int:
        """Open incidents that may concern an organization, as the feed last heard."""
        return self._incidents.get(organization_id, 0) + self._incidents.get("", 0)

    def standing(self) -> Standing | None:
        """The last proof while it holds; None while changes may be missed."""
        found = self._standing
        if found is None or self._clock_s() - found.sent_s >= PROOF_S:
            return None
        return found

    def distrust(self) -> None:
        """Another generation was seen to be live: nothing is proven before the next beat."""
        self._standing = None

    async def run(self) -> NoReturn:
        """Follow, for ever; a lost database is tried again."""
        down = False
        while True:
            try:
                async with await self._connect() as connection:
                    down = False
                    await self._follow(connection)
            except (psycopg.Error, OSError, TimeoutError) as error:
                if not down:
                    _log.warning("report cache bypassed", reason=str(error).strip())
                down = True
            finally:
                self._standing = None
            await asyncio.sleep(_RECONNECT_S)

    async def _connect(self) -> Connection:
        return await psycopg.AsyncConnection.connect(
            self._database_url,
            autocommit=True,
            connect_timeout=_CONNECT_TIMEOUT_S,
            application_name="callfold report-changes",
        )

    async def _follow(self, connection: Connection) -> None:
        """Follow one live generation after the other; returns where there is none to follow."""
        # A notification makes its transaction write to the WAL; nothing hangs on that write.
        await connection.execute("SET synchronous_commit = off")
        own = f"callfold_beat_{connection.info.backend_pid}"
        await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(own)))
        while (generation := await _live_generation(connection)) is not None:
            channel = sql.Identifier(channel_name(generation))
            await connection.execute(sql.SQL("LISTEN {}").format(channel))
            # What was missed before is not known, so all that is kept may be outdated.
            self._forget(None)
            try:
                await self._beat(connection, own, generation)
            finally:
                self._standing = None
            await connection.execute(sql.SQL("UNLISTEN {}").format(channel))

    async def _beat(self, connection: Connection, own: str, generation: int) -> None:
        """Beat until another generation is live."""
        statement = statement_text("standing", schema_name(generation))
        number = 0
        while True:
            if number % _INCIDENT_BEATS == 0:
                async with asyncio.timeout(PROOF_S):
                    self._incidents = await _open_incidents(connection)
            number += 1
            sent_s = self._clock_s()
            async with asyncio.timeout(PROOF_S):
                cursor = await connection.execute(statement, {"channel": own, "number": number})
                row = await cursor.fetchone()
            if row is None or row[0] != generation:
                return
            as_of_ms = row[1] if isinstance(row[1], int) and row[1] > 0 else None
            async for heard in connection.notifies(timeout=BEAT_S):
                if heard.channel != own:
                    self._forget(decode_touched(heard.payload))
                elif heard.payload == str(number):
                    self._standing = Standing(generation, as_of_ms, sent_s)


async def _open_incidents(connection: Connection) -> dict[str, int]:
    """Incidents by organization; an empty one stands for all."""
    try:
        cursor = await connection.execute(statement_text("open_incidents"))
    except psycopg.errors.UndefinedTable:
        return {}  # not migrated yet
    counts: Counter[str] = Counter()
    for organization_id, _, count in await cursor.fetchall():
        counts[str(organization_id)] += int(str(count))
    return counts


async def _live_generation(connection: Connection) -> int | None:
    """The live generation, where this release can read it."""
    try:
        cursor = await connection.execute(statement_text("live_generation"))
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return None  # not laid out yet
    row = await cursor.fetchone()
    if row is None or row[1] != FOLD_VERSION:
        return None
    generation = row[0]
    assert isinstance(generation, int)
    return generation
