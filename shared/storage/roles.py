"""Creates the two database roles that see less than the processes. Called by a migration.

Roles belong to the whole cluster of databases, so several installations share them; what each may
read is granted database by database.
"""

from contextlib import suppress

from psycopg import sql
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from shared.errors import StorageError
from shared.storage.tenancy import RAW_ROLE, READ_ROLE

#: Null where there is no such role. PostgreSQL 16 tells being a member from being allowed this.
_MAY_BECOME = text(
    "SELECT pg_has_role(current_user, oid,"
    " CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END)"
    " FROM pg_roles WHERE rolname = :role"
)


def create_roles(connection: Connection) -> None:
    """Create what is missing of the two roles, and let the current user become them.

    Safe beside others that do the same in other databases of the cluster.

    Raises:
        StorageError: this user may not; the message says which statements an administrator runs.
    """
    lacking = list(filter(None, (_lacking(connection, role) for role in (READ_ROLE, RAW_ROLE))))
    if lacking:
        user = connection.scalar(text("SELECT current_user"))
        raise StorageError(
            f"the database user {user} may not create or become two roles that Callfold needs; "
            f"let an administrator run: {'; '.join(lacking)}"
        )


def _lacking(connection: Connection, role: str) -> str | None:
    """The statement that only somebody else may run; None once the role is as it must be."""
    if connection.scalar(_MAY_BECOME, {"role": role}) is None:
        _attempt(connection, f"CREATE ROLE {role} NOLOGIN NOINHERIT")
    if connection.scalar(_MAY_BECOME, {"role": role}) is False:
        _attempt(connection, f"GRANT {role} TO CURRENT_USER")
    may_become = connection.scalar(_MAY_BECOME, {"role": role})
    if may_become:
        return None
    user = sql.Identifier(str(connection.scalar(text("SELECT current_user")))).as_string()
    if may_become is None:
        return f"CREATE ROLE {role} NOLOGIN NOINHERIT ROLE {user}"
    return f"GRANT {role} TO {user}"


def _attempt(connection: Connection, statement: str) -> None:
    """Whether it worked is looked at afterwards: somebody else may just have done the same."""
    with suppress(DBAPIError), connection.begin_nested():
        connection.execute(text(statement))
