"""Brings a database to what this release needs: migrations, lanes, the first generation.

Safe to run from every process at every start: one runs at a time, the others find it done.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from sqlalchemy import Connection, Engine, create_engine, select, text
from sqlalchemy.dialects.postgresql import insert

from shared.contracts.stream_names import INBOX_LANE
from shared.errors import StorageError
from shared.storage import dictionary
from shared.storage.generation_schemas import create_generation
from shared.storage.tables import SCHEMA, dictionaries, installation, lanes, leases

#: Any number that no other use of the same database takes.
_ADVISORY_LOCK = 0x0CA11F01D


def engine_of(database_url: str) -> Engine:
    """A SQLAlchemy engine on psycopg for a `postgresql://` URL."""
    scheme, _, rest = database_url.partition("://")
    return create_engine(f"{scheme.partition('+')[0]}+psycopg://{rest}")


def migrate(database_url: str, partitions: int | Callable[[], int]) -> int:
    """Migrate, and lay the installation out for `partitions` where it is new.

    Only then they are asked for: whatever stands in Redis later keeps no projector from starting.

    Returns: the installation's number of partitions, which is never changed here.
    """
    with _locked(database_url) as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        found = connection.scalar(select(installation.c.partitions))
        if found is None:
            found = partitions if isinstance(partitions, int) else partitions()
            _install(connection, found)
        return int(found)


def pending_migrations(database_url: str) -> list[str]:
    """What `migrate` would apply, in order: the number of each and what it brings.

    Raises:
        StorageError: a newer release has migrated this database.
    """
    engine = engine_of(database_url)
    try:
        with engine.connect() as connection:
            options = {"version_table_schema": SCHEMA}
            at = MigrationContext.configure(connection, opts=options).get_current_revision()
    finally:
        engine.dispose()
    scripts = ScriptDirectory.from_config(_config())
    try:
        pending = list(scripts.iterate_revisions("head", at or "base"))
    except RevisionError:
        raise StorageError(
            f"a newer release has migrated this database, to {at}, which is unknown here"
        ) from None
    return [f"{script.revision}: {script.doc}" for script in reversed(pending)]


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("shared.storage") / "migrations"))
    return config


@contextmanager
def _locked(database_url: str) -> Iterator[Connection]:
    engine = engine_of(database_url)
    try:
        with engine.begin() as connection:
            connection.execute(
                text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK}
            )
            yield connection
    finally:
        engine.dispose()


def _install(connection: Connection, partitions: int) -> None:
    create_generation(connection, 1)
    connection.execute(insert(installation).values(id=1, partitions=partitions, live_generation=1))
    connection.execute(
        insert(dictionaries).values(version=dictionary.VERSION, dictionary=dictionary.load())
    )
    all_lanes = [INBOX_LANE, *range(partitions)]
    connection.execute(
        insert(lanes), [{"lane": lane, "ms": 0, "seq": 0, "entries_read": 0} for lane in all_lanes]
    )
    connection.execute(
        insert(leases),
        [{"lane": lane, "epoch": 0, "expires_at": "-infinity"} for lane in all_lanes],
    )
