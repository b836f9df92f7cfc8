"""Where the live generation stands, whatever release made it; asked by `callfold replay`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import msgspec
import psycopg

from shared.errors import GenerationError
from shared.folds.journal import Position
from shared.storage.generations import Generation, all_generations, live_of, partitions_of
from shared.storage.lanes import fold_positions


class LiveStanding(NamedTuple):
    """The live generation, and how far it is folded: below that the log never changes."""

    generation: Generation
    partitions: int
    positions: dict[int, Position]


def live_standing(connection: psycopg.Connection) -> LiveStanding:
    """Where live stands now; errors as `live_snapshot`."""
    with live_snapshot(connection) as live:
        return live


@contextmanager
def live_snapshot(connection: psycopg.Connection) -> Iterator[LiveStanding]:
    """Where live stands, and within the block all of the database as it was then.

    Raises:
        GenerationError: there is no live generation, or this release cannot read it.
    """
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        live = live_of(all_generations(connection))
        with live_tables(live):
            positions = fold_positions(connection, live.number)
            yield LiveStanding(live, partitions_of(connection), positions)


@contextmanager
def live_tables(live: Generation) -> Iterator[None]:
    """Around reading the tables of a generation that another release may have laid out.

    Raises:
        GenerationError: this release cannot read them.
    """
    try:
        yield
    except (
        psycopg.errors.UndefinedTable,
        psycopg.errors.UndefinedColumn,
        psycopg.errors.InvalidSchemaName,
        msgspec.DecodeError,
    ) as error:
        why = str(error).strip().partition("\n")[0]
        raise GenerationError(
            f"generation {live.number} has fold version {live.fold_version}, and this release"
            f" cannot read it ({why}); ask the release that made it, or run `callfold rebuild`"
        ) from error
