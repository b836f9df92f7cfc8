"""Lays generations of the projections out: one schema each, created whole, dropped whole."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Index, insert
from sqlalchemy.schema import CreateIndex, CreateSchema, DropIndex, DropSchema

from shared.folds.states import FOLD_VERSION
from shared.storage.generations import BUILDING, COMPLETE, schema_name
from shared.storage.tables import GENERATION, generation_metadata, generations


def create_generation(connection: Connection, generation: int, state: str = COMPLETE) -> None:
    """Create a generation of this release's fold version, empty, with its own positions.

    One that is to be built has no secondary indexes before `index_generation`.
    """
    connection.execute(CreateSchema(schema_name(generation)))
    with _inside(connection, generation) as inside:
        generation_metadata.create_all(inside)
        for index in _indexes() if state == BUILDING else ():
            inside.execute(DropIndex(index))
    connection.execute(
        insert(generations).values(generation=generation, fold_version=FOLD_VERSION, state=state)
    )


def index_generation(connection: Connection, generation: int) -> None:
    """Create the secondary indexes that are not there: once is faster than row by row."""
    with _inside(connection, generation) as inside:
        for index in _indexes():
            inside.execute(CreateIndex(index, if_not_exists=True))


def drop_generation(connection: Connection, generation: int) -> None:
    """Drop a generation with all that it holds."""
    connection.execute(generations.delete().where(generations.c.generation == generation))
    connection.execute(DropSchema(schema_name(generation), cascade=True, if_exists=True))


def _indexes() -> Iterator[Index]:
    for table in generation_metadata.sorted_tables:
        yield from sorted(table.indexes, key=lambda index: str(index.name))


@contextmanager
def _inside(connection: Connection, generation: int) -> Iterator[Connection]:
    schemas = {GENERATION: schema_name(generation)}
    yield connection.execution_options(schema_translate_map=schemas)
    connection.execution_options(schema_translate_map={})
