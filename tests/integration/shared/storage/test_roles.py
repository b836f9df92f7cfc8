"""The two roles are created once for a cluster, whoever migrates first, or it is said who must."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from urllib.parse import urlsplit

import psycopg
import pytest

from shared.errors import StorageError
from shared.storage import roles
from shared.storage.roles import create_roles
from shared.storage.schema import engine_of

_AT_ONCE = 6
_BECOME = "SELECT pg_has_role(current_user, %s, 'MEMBER')"


@pytest.fixture
def names(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    """Two roles that this cluster does not know, in place of those that other tests use."""
    mark = uuid.uuid4().hex
    names = f"read_{mark}", f"raw_{mark}"
    for constant, name in zip(("READ_ROLE", "RAW_ROLE"), names, strict=True):
        monkeypatch.setattr(roles, constant, name)
    yield names
    with psycopg.connect(database_url, autocommit=True) as connection:
        for name in names:
            connection.execute(f"DROP ROLE IF EXISTS {name}".encode())


@pytest.fixture
def small_url(database_url: str) -> Iterator[str]:
    """The database as a user sees it who may create no roles."""
    address, name = urlsplit(database_url), f'small "{uuid.uuid4().hex[:8]}"'
    quoted = '"' + name.replace('"', '""') + '"'
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {quoted} LOGIN PASSWORD 'pw'".encode())
        user = name.replace(" ", "%20").replace('"', "%22")
        yield address._replace(netloc=f"{user}:pw@{address.hostname}:{address.port}").geturl()
        connection.execute(f"DROP ROLE {quoted}".encode())


def create(database_url: str) -> None:
    """Create the roles in a transaction, as a migration does."""
    engine = engine_of(database_url)
    try:
        with engine.begin() as connection:
            create_roles(connection)
    finally:
        engine.dispose()


def administer(database_url: str, message: str) -> list[str]:
    """Run what an error tells an administrator to run."""
    statements = message.partition("let an administrator run: ")[2].split("; ")
    with psycopg.connect(database_url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())
    return [statement.split()[0] for statement in statements]


def test_roles_that_many_create_at_once_are_there_once(
    database_url: str, names: tuple[str, str]
) -> None:
    """Installations of one cluster may be laid out at the same time; no lock spans databases."""
    ready = Barrier(_AT_ONCE)

    def create_together(_number: int) -> None:
        ready.wait(timeout=20)
        create(database_url)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(create_together, range(_AT_ONCE)))
    create(database_url)

    with psycopg.connect(database_url, autocommit=True) as connection:
        for name in names:
            assert (True,) == connection.execute(_BECOME, (name,)).fetchone()
            connection.execute(f"SET ROLE {name}".encode())
            connection.execute("RESET ROLE")


def test_user_who_may_not_create_them_is_told_what_an_administrator_runs(
    database_url: str, small_url: str, names: tuple[str, str]
) -> None:
    """Two statements, which are all that it takes; also where the roles are somebody else's."""
    with pytest.raises(StorageError, match="may not create or become two roles") as refused:
        create(small_url)
    assert ["CREATE", "CREATE"] == administer(database_url, str(refused.value))
    create(small_url)

    with psycopg.connect(database_url, autocommit=True) as connection:
        for name in names:
            connection.execute(f"DROP ROLE {name}".encode())
    create(database_url)
    with pytest.raises(StorageError, match=f"GRANT {names[0]} TO") as refused:
        create(small_url)
    assert ["GRANT", "GRANT"] == administer(database_url, str(refused.value))
    create(small_url)
