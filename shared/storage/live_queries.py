"""Asks the generation that is live: whatever the read API reads of projections passes here.

A statement names its generation in its text. Its first column says which generation is live, so
that a switch is seen in the same snapshot: then the statement is asked again of the other one.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import psycopg

from shared.errors import NOT_LAID_OUT, GenerationError, StorageError
from shared.folds.states import FOLD_VERSION
from shared.storage.generations import schema_name
from shared.storage.pipelined_connection import RawRow
from shared.storage.read_pool import Parameters, statement_text
from shared.storage.report_connections import ReportConnections

#: The generation may change under a statement, but not for ever.
_ROUNDS_MAX: Final = 5
#: No tables, or none that the role for reports may read yet.
_NOT_MIGRATED: Final = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.InvalidSchemaName,
    psycopg.errors.InsufficientPrivilege,
)


class LiveQueries:
    """Statements of `.sql` files about the live generation.

    All raise StorageError where the database is away or not laid out, GenerationError where
    another release folded it.
    """

    def __init__(self, connections: ReportConnections) -> None:
        self._connections = connections
        self._generation: int | None = None

    async def fetch(
        self, name: str, parameters: Parameters, *, owner: str = ""
    ) -> tuple[int, RawRow]:
        """The generation that answered, and the statement's first row without that.

        Args:
            owner: Of lists of attempts: see `statement_text`.
        """
        return await self._fetch(
            lambda schema: self._connections.fetch_one(
                statement_text(name, schema, owner), parameters
            )
        )

    async def _fetch(self, ask: Callable[[str], Awaitable[RawRow | None]]) -> tuple[int, RawRow]:
        for _round in range(_ROUNDS_MAX):
            if self._generation is None:
                self._generation = await self.live_generation()
            generation = self._generation
            try:
                row = await ask(schema_name(generation))
            except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
                row = None  # dropped after a switch
            if row is not None and raw_integer(row[0]) == generation:
                return generation, row[1:]
            self._generation = None
        raise GenerationError("the live generation changes faster than it can be read")

    async def as_of_ms(self) -> int | None:
        """Every entry received up to here is folded, in milliseconds; None while unknown."""
        # Lanes are everybody's: they are hidden from who reads for an organization.
        _generation, (as_of_ms,) = await self._fetch(
            lambda schema: self._connections.fetch_of_none(statement_text("freshness", schema))
        )
        return raw_integer(as_of_ms) or None

    async def live_generation(self) -> int:
        """The generation that answers, looked up now; the read API is ready when this works."""
        try:
            row = await self._connections.fetch_one(statement_text("live_generation"), {})
        except _NOT_MIGRATED:
            row = None
        if row is None:
            raise StorageError(NOT_LAID_OUT)
        generation, fold_version = map(raw_integer, row)
        if fold_version != FOLD_VERSION:
            raise GenerationError(
                f"generation {generation} is of fold version {fold_version}; "
                f"this release reads {FOLD_VERSION}"
            )
        return generation


def raw_integer(value: bytes | None) -> int:
    """An integer in PostgreSQL's binary form, null being 0."""
    return 0 if value is None else int.from_bytes(value, "big", signed=True)
