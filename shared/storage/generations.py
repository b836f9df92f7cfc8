"""Generations of the projections: which there are, and which is live.

One schema each; `generation_schemas` lays them out, `switching` makes another one live.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

import psycopg
from msgspec import Struct
from psycopg import sql

from shared.errors import GenerationError
from shared.folds.states import FOLD_VERSION
from shared.storage.connection import connect

#: Written by a rebuild alone.
BUILDING: Final = "building"
#: As far as live or followed; may be switched to.
COMPLETE: Final = "complete"

#: Advisory locks of a session, which nothing but convenience hangs on.
_OPERATING: Final = (0x0CA11F, 1)
_FOLLOWING: Final = (0x0CA11F, 2)


class Generation(Struct, frozen=True, rename="camel"):
    """One generation."""

    number: int
    fold_version: int
    state: str
    live: bool

    @property
    def is_followed(self) -> bool:
        """Whether projectors of this release fold it beside the live one."""
        return not self.live and self.state == COMPLETE and self.fold_version == FOLD_VERSION


class GenerationFacts(Struct, frozen=True, rename="camel"):
    """What an operator wants to know of one."""

    generation: Generation
    created_at: datetime
    #: When another one was made live in its place.
    live_until: datetime | None
    size_bytes: int
    #: How far its most backward lane is behind the live one, in stream time.
    behind_ms: int


def schema_name(generation: int) -> str:
    """The schema of a generation."""
    return f"gen_{generation}"


def all_generations(connection: psycopg.Connection) -> list[Generation]:
    """Every generation, in order; none before the first projector's start."""
    try:
        rows = connection.execute(
            "SELECT g.generation, g.fold_version, g.state, g.generation = i.live_generation"
            " FROM callfold.generations g, callfold.installation i ORDER BY g.generation"
        ).fetchall()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return []
    return [Generation(*row) for row in rows]


def generation_facts(connection: psycopg.Connection) -> list[GenerationFacts]:
    """Every generation, in order, with what there is to know of it."""
    generations = all_generations(connection)
    facts = []
    for generation in generations:
        row = connection.execute(
            "SELECT created_at, live_until, (SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)"
            " FROM pg_class c WHERE c.relnamespace = to_regnamespace(%s) AND c.relkind = 'r')"
            " FROM callfold.generations WHERE generation = %s",
            (schema_name(generation.number), generation.number),
        ).fetchone()
        if row is not None:  # else it was dropped meanwhile
            behind_ms = _behind_ms(connection, generation.number, live_of(generations).number)
            facts.append(GenerationFacts(generation, row[0], row[1], int(row[2]), behind_ms))
    return facts


def _behind_ms(connection: psycopg.Connection, generation: int, live: int) -> int:
    row = connection.execute(
        sql.SQL(
            "SELECT max(l.ms - coalesce(g.ms, 0)) FROM {} l LEFT JOIN {} g USING (lane)"
        ).format(
            sql.Identifier(schema_name(live), "positions"),
            sql.Identifier(schema_name(generation), "positions"),
        )
    ).fetchone()
    return max(0, int(row[0])) if row and row[0] is not None else 0


def live_of(generations: list[Generation]) -> Generation:
    """The one that is served.

    Raises:
        GenerationError: there is none yet.
    """
    for generation in generations:
        if generation.live:
            return generation
    raise GenerationError("the database holds no installation; start a projector first")


def live_generation(database_url: str) -> int:
    """The generation that is served and folded.

    Raises:
        GenerationError: it was folded by another fold version than this release's.
    """
    with connect(database_url, "generation") as connection:
        live = live_of(all_generations(connection))
    if live.fold_version != FOLD_VERSION:
        raise GenerationError(
            f"generation {live.number} has fold version {live.fold_version}, this release"
            f" {FOLD_VERSION}; run `callfold rebuild`"
        )
    return live.number


def installed(database_url: str) -> tuple[int, int]:
    """The live generation, checked as `live_generation` does, and the number of partitions."""
    generation = live_generation(database_url)
    with connect(database_url, "generation") as connection:
        return generation, partitions_of(connection)


def partitions_of(connection: psycopg.Connection) -> int:
    """The number of partitions of an installation."""
    row = connection.execute("SELECT partitions FROM callfold.installation").fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def operating_alone(connection: psycopg.Connection) -> Iterator[None]:
    """Be the only command that builds, repairs, switches or drops, until the block ends.

    Raises:
        GenerationError: another one is under way.
    """
    row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", _OPERATING).fetchone()
    if row != (True,):
        raise GenerationError(
            f"another rebuild, switch, rollback or drop is under way{_who_operates(connection)};"
            " let it end or stop it, then run this again"
        )
    try:
        yield
    finally:
        if not connection.broken:
            connection.execute("SELECT pg_advisory_unlock(%s, %s)", _OPERATING)


def _who_operates(connection: psycopg.Connection) -> str:
    row = connection.execute(
        "SELECT a.pid, a.application_name, a.backend_start FROM pg_locks l"
        " JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND l.granted"
        " AND l.classid = %s AND l.objid = %s AND l.database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database())",
        _OPERATING,
    ).fetchone()
    if row is None:
        return ""
    pid, name, since = row
    return f" ({name}, since {since:%Y-%m-%d %H:%M:%S %Z}, PostgreSQL process {pid})"


def follows_alone(connection: psycopg.Connection) -> bool:
    """Whether this connection is the one that follows where no projector of its release folds."""
    row = connection.execute(
        "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        " AND classid = %s AND objid = %s",
        _FOLLOWING,
    ).fetchone()
    if row == (True,):
        return True
    row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", _FOLLOWING).fetchone()
    return row == (True,)
