"""Lays generations of the projections out: one schema each, created whole, dropped whole.

With its tables each creates who may read what of them. A reader sees the rows of the organization
that its transaction names; the tables' owner, as whom projectors and commands work, sees all.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Index, Table, insert
from sqlalchemy.schema import CreateIndex, CreateSchema, DropIndex, DropSchema

from shared.folds.states import FOLD_VERSION
from shared.storage.generations import BUILDING, COMPLETE, schema_name
from shared.storage.tables import GENERATION, SUBJECT_TABLES, generation_metadata, generations
from shared.storage.tenancy import OWN_ROWS, RAW_ROLE, READ_ROLE


def create_generation(connection: Connection, generation: int, state: str = COMPLETE) -> None:
    """Create a generation of this release's fold version, empty, with its own positions.

    One that is to be built has no secondary indexes before `index_generation`.
    """
    connection.execute(CreateSchema(schema_name(generation)))
    with _inside(connection, generation) as inside:
        generation_metadata.create_all(inside)
        for index in _indexes() if state == BUILDING else ():
            inside.execute(DropIndex(index))
    _limit_readers(connection, schema_name(generation))
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


def _limit_readers(connection: Connection, schema: str) -> None:
    statements = [f"GRANT USAGE ON SCHEMA {schema} TO {READ_ROLE}, {RAW_ROLE}"]
    for table in generation_metadata.sorted_tables:
        statements += _limits(table, f"{schema}.{table.name}")
    # At once, since each installation and each of its rebuilds waits for them.
    connection.exec_driver_sql(
        "; ".join(statements), execution_options={"no_parameters": True}
    ).close()


def _limits(table: Table, name: str) -> Iterator[str]:
    """Nothing but the owner reads a table without policy; for a table of tenants there is one."""
    yield f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"
    if "organization_id" not in table.columns:
        return
    readers = READ_ROLE
    yield f"GRANT SELECT ON {name} TO {READ_ROLE}"
    if table in SUBJECT_TABLES.values():
        readers += f", {RAW_ROLE}"
        columns = [column.name for column in table.primary_key] + ["positions"]
        yield f"GRANT SELECT ({', '.join(columns)}) ON {name} TO {RAW_ROLE}"
    yield f"CREATE POLICY own_rows ON {name} FOR SELECT TO {readers} USING ({OWN_ROWS})"


def _indexes() -> Iterator[Index]:
    for table in generation_metadata.sorted_tables:
        yield from sorted(table.indexes, key=lambda index: str(index.name))


@contextmanager
def _inside(connection: Connection, generation: int) -> Iterator[Connection]:
    schemas = {GENERATION: schema_name(generation)}
    yield connection.execution_options(schema_translate_map=schemas)
    connection.execution_options(schema_translate_map={})
