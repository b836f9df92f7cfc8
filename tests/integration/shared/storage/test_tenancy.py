"""Tenancy in the database: what the two reading roles see and may do, asked by direct SQL."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from shared.storage.connection import connect
from shared.storage.generation_schemas import create_generation, index_generation
from shared.storage.generations import BUILDING
from shared.storage.report_connections import ReportConnections
from shared.storage.schema import engine_of, migrate
from shared.storage.tenancy import RAW_ROLE, READ_ROLE, SET_TENANT
from tests.integration.shared.storage.lane_owner import PARTITIONS
from tests.integration.shared.storage.two_generations import fold, given_events
from tests.servers import ServersForTests, fresh_database

#: The organizations of `given_events`.
_TENANTS = ("acme", "zeta")
_POLICY = (
    "(organization_id = NULLIF(current_setting('callfold.organization_id'::text, true), ''::text))"
)
#: What has no organization in it, and is the same for all.
_FOR_ALL = {"callfold.generations", "callfold.installation"}
_SUBJECTS = {"attempts", "attributes", "contacts", "executions", "flows"}
_TABLES = (
    "SELECT n.nspname, c.relname, c.relrowsecurity, EXISTS (SELECT FROM pg_attribute a"
    " WHERE a.attrelid = c.oid AND a.attname = 'organization_id' AND NOT a.attisdropped)"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname ~ '^(callfold|gen_.*)$'"
    " ORDER BY 1, 2"
)
_POLICIES = (
    "SELECT schemaname, tablename, permissive, cmd, roles::text[], qual FROM pg_policies"
    " ORDER BY 1, 2"
)


class Table:
    """A table of ours, as the catalog describes it."""

    def __init__(self, schema: str, name: str, is_limited: bool, has_tenants: bool) -> None:
        self.schema = schema
        self.table = name
        self.name = f"{schema}.{name}"
        self.is_limited = is_limited
        self.has_tenants = has_tenants
        self.is_of_generation = schema != "callfold"


@pytest.fixture(scope="module")
def database(servers: ServersForTests) -> Iterator[str]:
    """Campaigns of two organizations in the live generation, and one that is being built."""
    with fresh_database(servers) as url:
        migrate(url, PARTITIONS)
        fold(url, 1, given_events())
        # No event could say this organization; a reader of nobody must not see it either.
        with connect(url, "plants") as planting:
            planting.execute("INSERT INTO gen_1.execution_mentions VALUES ('', 'spring', 1)")
        engine = engine_of(url)
        with engine.begin() as connection:
            create_generation(connection, 2, BUILDING)
        engine.dispose()
        with connect(url, "fills") as filling:
            for table in tables(filling):
                if table.is_of_generation and table.schema == "gen_1":
                    filling.execute(f"INSERT INTO gen_2.{table.table} TABLE {table.name}".encode())
        yield url


@pytest.fixture
def owner(database: str) -> Iterator[psycopg.Connection]:
    """As the processes connect."""
    with connect(database, "owner") as connection:
        yield connection


@contextmanager
def acting_as(database_url: str, role: str, tenant: str | None) -> Iterator[psycopg.Connection]:
    """A transaction in a role, for one organization; None: for none."""
    with connect(database_url, "tenant") as connection:
        connection.execute(f"SET ROLE {role}".encode())
        with connection.transaction(force_rollback=True):
            if tenant is not None:
                connection.execute(SET_TENANT, (tenant,))
            yield connection


def tables(connection: psycopg.Connection) -> list[Table]:
    """Every table of the installation and of every generation."""
    return [Table(*row) for row in connection.execute(_TABLES)]


def may(connection: psycopg.Connection, statement: str) -> bool:
    """Whether a statement is allowed; it is undone."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement.encode())
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def tenants_seen(connection: psycopg.Connection, table: Table) -> dict[str, int]:
    """How many rows of which organizations are seen."""
    query = sql.SQL("SELECT organization_id, count(*) FROM {} GROUP BY 1").format(
        sql.Identifier(table.schema, table.table)
    )
    return dict(connection.execute(query).fetchall())


def check_generation(connection: psycopg.Connection, schema: str) -> None:
    """Every table is closed; where there are organizations, but for a reader's own rows."""
    of_schema = [table for table in tables(connection) if table.schema == schema]
    assert len(of_schema) > len(_SUBJECTS)
    policies: dict[str, list[tuple[Any, ...]]] = {}
    for found_schema, name, *policy in connection.execute(_POLICIES):
        if found_schema == schema:
            policies.setdefault(name, []).append(tuple(policy))
    for table in of_schema:
        assert table.is_limited, f"{table.name} has no row-level security"
        readers = [READ_ROLE]
        if table.table in _SUBJECTS:
            readers.insert(0, RAW_ROLE)
        own = [("PERMISSIVE", "SELECT", readers, _POLICY)] if table.has_tenants else []
        assert own == policies.pop(table.table, []), table.name
    assert {} == policies


def test_every_table_of_every_generation_is_closed(
    database: str, owner: psycopg.Connection
) -> None:
    """Live or being built, before and after its indexes: a table that was forgotten fails here."""
    check_generation(owner, "gen_1")
    check_generation(owner, "gen_2")
    engine = engine_of(database)
    with engine.begin() as connection:
        index_generation(connection, 2)
    engine.dispose()
    check_generation(owner, "gen_2")


@pytest.mark.parametrize("tenant", _TENANTS)
def test_reader_sees_rows_of_its_organization_alone(
    database: str, owner: psycopg.Connection, tenant: str
) -> None:
    """In every table of every generation, whatever the statement asks for."""
    with acting_as(database, READ_ROLE, tenant) as reader:
        full = set()
        for table in tables(owner):
            if not (table.is_of_generation and table.has_tenants):
                continue
            there = tenants_seen(owner, table)
            own = {tenant: there[tenant]} if tenant in there else {}
            assert own == tenants_seen(reader, table), table.name
            full |= {table.table} if set(_TENANTS) <= set(there) else set()
            (other,) = set(_TENANTS) - {tenant}
            assert (
                []
                == reader.execute(
                    f"SELECT * FROM {table.name} WHERE organization_id = '{other}'".encode()
                ).fetchall()
            )
    assert _SUBJECTS | {"attempt_tallies", "node_tallies", "flow_versions"} <= full


@pytest.mark.parametrize("role", (READ_ROLE, RAW_ROLE))
def test_reader_of_nobody_sees_nothing(database: str, owner: psycopg.Connection, role: str) -> None:
    """Unset, empty or unknown: no row of any table."""
    limited = [table for table in tables(owner) if table.is_of_generation and table.has_tenants]
    for tenant in (None, "", "acm", "acme ", "ACME", "' OR true --"):
        with acting_as(database, role, tenant) as reader:
            for table in limited:
                if role == READ_ROLE or table.table in _SUBJECTS:
                    assert {} == tenants_seen(reader, table), table.name


def test_tenant_is_forgotten_with_its_transaction(database: str) -> None:
    """Nothing has to be reset: the next transaction sees nothing until it says whose."""
    with connect(database, "reader") as connection:
        connection.execute(f"SET ROLE {READ_ROLE}".encode())
        count = "SELECT count(*) > 0 FROM gen_1.attempts"
        for end in ("COMMIT", "ROLLBACK"):
            connection.execute("BEGIN")
            connection.execute(SET_TENANT, ("acme",))
            assert [(True,)] == connection.execute(count).fetchall()
            connection.execute(end.encode())
            assert [(False,)] == connection.execute(count).fetchall()


@pytest.mark.parametrize("role", (READ_ROLE, RAW_ROLE))
def test_roles_write_nothing(database: str, owner: psycopg.Connection, role: str) -> None:
    """No row, no table, in no schema of ours."""
    with acting_as(database, role, "acme") as reader:
        for table in tables(owner):
            for statement in (
                f"INSERT INTO {table.name} DEFAULT VALUES",
                f"DELETE FROM {table.name}",
                f"TRUNCATE {table.name}",
                f"ALTER TABLE {table.name} DISABLE ROW LEVEL SECURITY",
                f"DROP TABLE {table.name}",
            ):
                assert not may(reader, statement), statement
        for schema in ("callfold", "gen_1", "public"):
            assert not may(reader, f"CREATE TABLE {schema}.mine (a int)")
        assert not may(reader, "UPDATE gen_1.attempts SET revision = 0")
        assert not may(reader, "CREATE SCHEMA mine")


def test_reader_sees_nothing_that_mixes_organizations(
    database: str, owner: psycopg.Connection
) -> None:
    """Of the schema `callfold` what names no organization, and what has a policy of its own."""
    policies = {f"{row[0]}.{row[1]}": row[5] for row in owner.execute(_POLICIES)}
    with acting_as(database, READ_ROLE, "acme") as reader:
        for table in tables(owner):
            seen = may(reader, f"SELECT 1 FROM {table.name} LIMIT 1")
            if table.is_of_generation:
                assert seen == table.has_tenants, table.name
            elif table.name not in _FOR_ALL:
                assert not seen or _POLICY == policies.get(table.name), table.name
                assert not seen or table.is_limited, table.name
            else:
                assert seen, table.name


def test_raw_reader_sees_journals_and_the_log_alone(
    database: str, owner: psycopg.Connection
) -> None:
    """Of subjects where their events are, not what they say; the log through its parent."""
    with acting_as(database, RAW_ROLE, "acme") as reader:
        for table in tables(owner):
            seen = may(reader, f"SELECT 1 FROM {table.name} LIMIT 1")
            if table.is_of_generation:
                assert seen == (table.table in _SUBJECTS), table.name
                assert not may(reader, f"SELECT * FROM {table.name}")
            else:
                assert seen == (table.name in _FOR_ALL | {"callfold.log_segments"}), table.name
        positions = "SELECT positions FROM gen_1.attempts WHERE organization_id = '{}'"
        assert [] != reader.execute(positions.format("acme").encode()).fetchall()
        assert [] == reader.execute(positions.format("zeta").encode()).fetchall()
        assert not may(reader, "SELECT state FROM gen_1.attempts")


def test_roles_are_no_way_in(owner: psycopg.Connection) -> None:
    """They cannot log in, pass by row-level security, nor act as anybody else."""
    found = owner.execute(
        "SELECT rolname::text, rolcanlogin, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb,"
        " rolinherit, (SELECT count(*)::int FROM pg_auth_members m WHERE m.member = r.oid)"
        " FROM pg_roles r WHERE rolname IN ('callfold_read', 'callfold_raw') ORDER BY 1"
    ).fetchall()
    assert [(role, *(False,) * 6, 0) for role in (RAW_ROLE, READ_ROLE)] == found


async def test_reader_with_credentials_of_its_own_has_no_way_back(database: str) -> None:
    """A user that may only become the two roles reads reports, and nothing else ever."""
    address, name = urlsplit(database), f"reader_{uuid.uuid4().hex}"
    url = address._replace(netloc=f"{name}:pw@{address.hostname}:{address.port}").geturl()
    with connect(database, "administrator") as administrator:
        roles = f"IN ROLE {READ_ROLE}, {RAW_ROLE}"
        administrator.execute(f"CREATE ROLE {name} LOGIN NOINHERIT PASSWORD 'pw' {roles}".encode())
        connections = ReportConnections(database, 1, url)
        try:
            place = {"organization_id": "zeta"}
            asked = "SELECT session_user::text, min(organization_id) FROM gen_1.attempts"
            assert [name.encode(), b"zeta"] == await connections.fetch_one(asked, place)
            with connect(url, "reader") as reader:
                assert not may(reader, "SELECT 1 FROM callfold.lanes")
                assert not may(reader, "SELECT 1 FROM callfold.api_keys")
                assert not may(reader, "SET ROLE callfold")
        finally:
            await connections.close()
            administrator.execute(f"DROP ROLE {name}".encode())
