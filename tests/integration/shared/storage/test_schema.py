"""Laying a database out: at any start, from many processes at once, as `tables.py` says."""

import subprocess
import sys
from importlib.resources import files

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, Table
from sqlalchemy.schema import CreateSchema

from shared.errors import GenerationError
from shared.folds.states import FOLD_VERSION
from shared.storage import dictionary
from shared.storage.generation_schemas import create_generation, drop_generation
from shared.storage.generations import installed, live_generation
from shared.storage.schema import engine_of, migrate
from shared.storage.tables import generation_metadata, installation_metadata
from tests.installation import until
from tests.integration.shared.storage.lane_owner import PARTITIONS, everything
from tests.servers import ServersForTests, fresh_database

_MIGRATE = (
    "import sys; from shared.storage.schema import migrate; print(migrate(*sys.argv[1:2], 3))"
)
#: Everything of a schema's tables that an operator could see to differ.
_CATALOG = (
    "SELECT c.relname, c.relkind, c.reloptions, pg_get_partkeydef(c.oid), a.attname, a.attnum,"
    " format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attstorage, l.collname,"
    " pg_get_expr(d.adbin, d.adrelid)"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
    " LEFT JOIN pg_collation l ON l.oid = a.attcollation"
    " LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum"
    " WHERE n.nspname = 'callfold' AND NOT c.relispartition AND c.relname !~ '^alembic'"
    " ORDER BY c.relname, a.attnum"
)
_CONSTRAINTS = (
    "SELECT conrelid::regclass::text, contype, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace = 'callfold'::regnamespace AND conrelid::regclass::text !~ 'alembic'"
    " ORDER BY 1, 2, 3"
)
_INDEXES = (
    "SELECT indexdef FROM pg_indexes WHERE schemaname = 'callfold' AND tablename !~ '^alembic'"
    " ORDER BY 1"
)


def catalog(database_url: str) -> list[object]:
    """What the database says of the installation's tables."""
    with psycopg.connect(database_url) as connection:
        return [
            connection.execute(query).fetchall() for query in (_CATALOG, _CONSTRAINTS, _INDEXES)
        ]


def contents(database_url: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row."""
    with psycopg.connect(database_url) as connection:
        return everything(connection)


def downgrade(database_url: str, revision: str = "base") -> None:
    """Take migrations back, all of them or down to a revision."""
    engine = engine_of(database_url)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(files("shared.storage") / "migrations"))
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
    engine.dispose()


def test_installation_is_laid_out_once_and_keeps_its_partitions(database_url: str) -> None:
    """Who comes later with another N finds the one that was chosen, and changes nothing."""
    assert 3 == migrate(database_url, 3)
    before = contents(database_url)

    assert 3 == migrate(database_url, 16)
    assert before == contents(database_url)
    assert [(-1,), (0,), (1,), (2,)] == [row[:1] for row in before["lanes"]]
    assert [(1, 3, 1)] == before["installation"]
    assert [(dictionary.VERSION, dictionary.load())] == before["log_dictionaries"]
    assert (1, 3) == installed(database_url)


def test_processes_that_migrate_at_once_all_find_it_done(empty_database_url: str) -> None:
    """A fleet that starts together lays the database out once."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", _MIGRATE, empty_database_url],
            stdout=subprocess.PIPE,
        )
        for _ in range(4)
    ]

    answers = [(process.communicate(timeout=50)[0], process.returncode) for process in processes]

    assert [(b"3\n", 0)] * 4 == answers
    found = contents(empty_database_url)
    assert 4 == len(found["lanes"])
    assert 1 == len(found["generations"])


def test_migrations_make_what_tables_say(laid_out: str) -> None:
    """Alembic finds nothing that a further migration would have to change."""
    # Not the schema that is named like the role, which would be the default one otherwise.
    engine = engine_of(f"{laid_out}?options=-csearch_path%3Dpublic")
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "include_name": lambda name, kind, _parents: kind != "schema" or name == "callfold",
                "include_object": lambda _object, name, kind, _reflected, _to: (
                    not (kind == "table" and name.startswith(("alembic_", "log_segments_")))
                ),
                "compare_server_default": True,
            },
        )
        found = compare_metadata(context, installation_metadata)
    engine.dispose()

    assert [] == found


def test_catalog_equals_that_of_tables(laid_out: str, servers: ServersForTests) -> None:
    """Collations, fill factors, checks and defaults too, which Alembic does not compare."""
    with fresh_database(servers, empty=True) as from_tables:
        engine = engine_of(from_tables)
        with engine.begin() as connection:
            connection.execute(CreateSchema("callfold"))
            installation_metadata.create_all(connection)
        engine.dispose()

        assert catalog(from_tables) == catalog(laid_out)


def test_migrations_can_be_taken_back_and_applied_again(laid_out: str) -> None:
    """Down to nothing but the generations, which are no migration's affair, and up again."""
    before = catalog(laid_out)
    downgrade(laid_out)
    with psycopg.connect(laid_out) as connection:
        left = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'callfold'"
        ).fetchall()
        connection.execute("DROP SCHEMA gen_1 CASCADE")

    assert [("alembic_version",)] == left
    assert 5 == migrate(laid_out, 5)
    assert before == catalog(laid_out)


def test_what_was_parked_before_it_was_counted_is_counted(laid_out: str) -> None:
    """By source, and our own verdicts at the first and the last place that are known."""
    downgrade(laid_out, "0001")
    park = (
        "INSERT INTO callfold.parked_events (lane, digest, reason, detail, source, first_ms,"
        " first_seq, last_ms, last_seq, entries, mode, length_bytes, sha256, body)"
        " VALUES (%s, %s, %s, '', %s, %s, 0, %s, 1, 3, 'structured', 3, %s, 'bad')"
    )
    with psycopg.connect(laid_out) as connection:
        for lane, digest, reason, source in (
            (0, b"1", "not_json", None),
            (0, b"2", "crashed", "/dialer"),
            (1, b"3", "fold_failed", "/dialer"),
            (1, b"4", "unknown_type", "/dialer"),
        ):
            place = 10 * int(digest)
            connection.execute(park, (lane, digest, reason, source, place, place + 5, digest))
    migrate(laid_out, PARTITIONS)

    with psycopg.connect(laid_out) as connection:
        sources = connection.execute(
            "SELECT source, lane, events, body_bytes FROM callfold.parked_sources ORDER BY 1, 2"
        ).fetchall()
        left_out = connection.execute(
            "SELECT lane, ms, seq, reason FROM callfold.left_out_entries ORDER BY 1, 2"
        ).fetchall()
    assert [("", 0, 1, 3), ("/dialer", 0, 1, 3), ("/dialer", 1, 2, 6)] == sources
    assert [
        (0, 20, 0, "crashed"),
        (0, 25, 1, "crashed"),
        (1, 30, 0, "fold_failed"),
        (1, 35, 1, "fold_failed"),
    ] == left_out


def test_generation_is_created_whole_and_dropped_whole(laid_out: str) -> None:
    """Each has its own tables and positions; the other is not touched."""
    engine = engine_of(laid_out)
    with engine.begin() as connection:
        create_generation(connection, 2)
    both = generation_tables(laid_out)
    with engine.begin() as connection:
        drop_generation(connection, 2)
    engine.dispose()

    tables = {table.name for table in generation_metadata.sorted_tables}
    assert {("gen_1", name) for name in tables} | {("gen_2", name) for name in tables} == both
    assert {("gen_1", name) for name in tables} == generation_tables(laid_out)


def generation_tables(database_url: str) -> set[tuple[str, str]]:
    """Schema and name of each table of a generation."""
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname LIKE 'gen%'"
        ).fetchall()
    return set(rows)


def test_generation_has_the_columns_and_indexes_of_tables(laid_out: str) -> None:
    """The placeholder's name goes nowhere: each table reflects as it is declared."""
    engine = engine_of(laid_out)
    for table in generation_metadata.sorted_tables:
        found = Table(table.name, MetaData(schema="gen_1"), autoload_with=engine)
        assert [c.name for c in table.columns] == [c.name for c in found.columns]
        assert [c.name for c in table.primary_key] == [c.name for c in found.primary_key]
        assert {i.name for i in table.indexes} == {i.name for i in found.indexes}
    engine.dispose()


def test_generation_of_another_fold_version_is_refused(laid_out: str) -> None:
    """A release folds only what its own folds have made, and says what to do."""
    with psycopg.connect(laid_out) as connection:
        connection.execute("UPDATE callfold.generations SET fold_version = fold_version + 1")

    with pytest.raises(GenerationError, match=f"fold version {FOLD_VERSION + 1}.*callfold rebuild"):
        live_generation(laid_out)


def test_database_without_an_installation_is_refused(database_url: str) -> None:
    """An empty installation table is told from a generation of the wrong version."""
    migrate(database_url, PARTITIONS)
    with psycopg.connect(database_url) as connection:
        connection.execute("DELETE FROM callfold.installation")

    with pytest.raises(GenerationError, match="no installation"):
        live_generation(database_url)


def test_migrating_waits_for_whoever_does_it(laid_out: str) -> None:
    """One at a time: the second comes when the first has ended, not into its middle."""
    with psycopg.connect(laid_out) as holder, psycopg.connect(laid_out, autocommit=True) as seen:
        holder.execute("SELECT pg_advisory_xact_lock(%s)", (0x0CA11F01D,))
        process = subprocess.Popen(
            [sys.executable, "-c", _MIGRATE, laid_out], stdout=subprocess.PIPE
        )
        until(
            lambda: bool(seen.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchall()),
            "the other waits",
        )
        assert process.poll() is None
        holder.rollback()
        assert b"4\n" == process.communicate(timeout=30)[0]
