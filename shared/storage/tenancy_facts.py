"""Whether the database itself keeps organizations apart. Called by `callfold doctor`."""

from typing import Final, NamedTuple

import psycopg

from shared.storage.generations import schema_name
from shared.storage.tenancy import RAW_ROLE, READ_ROLE, TENANT_SETTING

# PostgreSQL 16 tells being a member of a role from being allowed to become it.
_ROLES: Final = (
    "SELECT rolname::text, rolsuper OR rolbypassrls, pg_has_role(current_user, oid,"
    " CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END)"
    " FROM pg_roles WHERE rolname = ANY(%s)"
)
# Policies are alternatives: one that demands less than the others would be the one that counts.
_OPEN: Final = (
    "SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = to_regnamespace(%(schema)s)"
    " AND c.relkind IN ('r', 'p') AND (NOT c.relrowsecurity"
    " OR EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid"
    " AND position(%(setting)s IN pg_get_expr(p.polqual, p.polrelid)) = 0)"
    " OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid"
    " AND a.attname = 'organization_id' AND NOT a.attisdropped)"
    " AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)"
    ") ORDER BY 1"
)


class ReadingRole(NamedTuple):
    """One of the two roles, as the cluster knows it."""

    name: str
    #: Row-level security is nothing to it.
    sees_all: bool
    #: Whether this user may become it.
    is_ours: bool


def reading_roles(connection: psycopg.Connection) -> list[ReadingRole]:
    """Those of the two roles that are there."""
    rows = connection.execute(_ROLES, ([READ_ROLE, RAW_ROLE],)).fetchall()
    return [ReadingRole(*row) for row in rows]


def open_tables(connection: psycopg.Connection, generation: int) -> list[str]:
    """Tables of a generation that lack row-level security, or a policy for an organization."""
    found = {"schema": schema_name(generation), "setting": f"current_setting('{TENANT_SETTING}'"}
    return [row[0] for row in connection.execute(_OPEN, found)]


def is_limited(connection: psycopg.Connection, generation: int) -> bool:
    """Whether row-level security hides rows from this user as well: it does not own the tables."""
    row = connection.execute(
        "SELECT row_security_active(%s)", (f"{schema_name(generation)}.attempts",)
    ).fetchone()
    return row == (True,)
