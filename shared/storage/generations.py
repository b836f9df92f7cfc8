"""Generations of the projections: one schema each, created whole, dropped whole."""

from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.schema import CreateSchema, DropSchema

from shared.errors import GenerationError
from shared.folds.states import FOLD_VERSION
from shared.storage.connection import connect
from shared.storage.tables import (
    GENERATION,
    generation_metadata,
    generations,
)


def schema_name(generation: int) -> str:
    """The schema of a generation."""
    return f"gen_{generation}"


def create_generation(connection: Connection, generation: int) -> None:
    """Create a generation of this release's fold version, empty, with its own positions."""
    connection.execute(CreateSchema(schema_name(generation)))
    in_generation = connection.execution_options(
        schema_translate_map={GENERATION: schema_name(generation)}
    )
    generation_metadata.create_all(in_generation)
    connection.execution_options(schema_translate_map={})
    connection.execute(insert(generations).values(generation=generation, fold_version=FOLD_VERSION))


def drop_generation(connection: Connection, generation: int) -> None:
    """Drop a generation with all that it holds."""
    connection.execute(DropSchema(schema_name(generation), cascade=True, if_exists=True))
    connection.execute(generations.delete().where(generations.c.generation == generation))


def live_generation(database_url: str) -> int:
    """The generation that is served and folded.

    Raises:
        GenerationError: it was folded by another fold version than this release's.
    """
    with connect(database_url, "generation") as connection:
        row = connection.execute(
            "SELECT i.live_generation, g.fold_version FROM callfold.installation i"
            " JOIN callfold.generations g ON g.generation = i.live_generation"
        ).fetchone()
    if row is None:
        raise GenerationError("the database holds no installation; start a projector first")
    generation, fold_version = row
    if fold_version != FOLD_VERSION:
        raise GenerationError(
            f"generation {generation} has fold version {fold_version}, this release {FOLD_VERSION};"
            " run `callfold rebuild`"
        )
    return int(generation)


def installed(database_url: str) -> tuple[int, int]:
    """The live generation, checked as `live_generation` does, and the number of partitions."""
    generation = live_generation(database_url)
    with connect(database_url, "generation") as connection:
        row = connection.execute("SELECT partitions FROM callfold.installation").fetchone()
    assert row is not None
    return generation, int(row[0])


def next_generation(database_url: str) -> int:
    """The number that a new generation gets."""
    with connect(database_url, "generation") as connection:
        row = connection.execute("SELECT max(generation) FROM callfold.generations").fetchone()
    return int(row[0]) + 1 if row and row[0] is not None else 1
