"""Real servers for tests: given by URL, in containers, or embedded; asked for in this order.

Called by the fixtures in `conftest.py`; tests that kill servers start embedded ones of their own.
Each worker of pytest-xdist starts its own servers, except where URLs are given.
"""

import contextlib
import os
import socket
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import redis
from psycopg import sql

from services.tooling.embedded import EmbeddedServers, postgres_cluster, postgres_server
from shared.storage import schema

_DOCKER_ADDRESS = "unix:///var/run/docker.sock"
_DOCKER_PATIENCE_S = 2.0
_POSTGRES_IMAGE = "postgres:18"
_VALKEY_IMAGE = "valkey/valkey:9"


@dataclass(frozen=True, slots=True)
class ServersForTests:
    """Where a Redis and a PostgreSQL run that tests may do anything with."""

    redis_url: str
    database_url: str  #: of a role that may create databases and roles
    migrated: str  #: a database that every migration was applied to, and that nobody laid out


@contextlib.contextmanager
def servers_for_tests() -> Iterator[ServersForTests]:
    """Servers for one test session; what was started is gone afterwards.

    `CALLFOLD_TEST_REDIS_URL` and `CALLFOLD_TEST_DATABASE_URL` name servers of your own: their
    Redis database is EMPTIED by tests.
    """
    with _urls() as (redis_url, database_url), _database(database_url, "template0") as migrated:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(schema, "_install", lambda _connection, _partitions: None)
            schema.migrate(migrated, 1)
        yield ServersForTests(redis_url, database_url, urlsplit(migrated).path.removeprefix("/"))


@contextlib.contextmanager
def _urls() -> Iterator[tuple[str, str]]:
    redis_url = os.environ.get("CALLFOLD_TEST_REDIS_URL")
    database_url = os.environ.get("CALLFOLD_TEST_DATABASE_URL")
    if redis_url and database_url:
        yield _redis_url_of_this_worker(redis_url), database_url
    elif redis_url or database_url:
        raise ValueError("set both CALLFOLD_TEST_REDIS_URL and CALLFOLD_TEST_DATABASE_URL")
    elif _docker_answers():
        with _containers() as urls:
            yield urls
    else:
        with (
            tempfile.TemporaryDirectory(prefix="callfold-tests-") as folder,
            embedded_servers(Path(folder) / "data") as embedded,
        ):
            yield embedded.redis_url, embedded.database_url


def embedded_servers(data_directory: Path) -> EmbeddedServers:
    """Servers that do not wait for the disk: they survive a kill of theirs, but no power cut."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(postgres_server._SETTINGS, "fsync", "off")
        # Statements are counted (`tests/statement_counts.py`); only a superuser may make that.
        patch.setitem(postgres_server._SETTINGS, "shared_preload_libraries", "pg_stat_statements")
        setup = postgres_cluster._setup_statements
        patch.setattr(
            postgres_cluster,
            "_setup_statements",
            lambda password: setup(password) + "CREATE EXTENSION pg_stat_statements;\n",
        )
        return EmbeddedServers.start(data_directory)


@contextlib.contextmanager
def fresh_database(servers: ServersForTests, *, empty: bool = False) -> Iterator[str]:
    """The URL of a database that is dropped afterwards, with whoever is connected to it.

    It holds no row. Unless it shall be `empty`, migrations were applied already: `migrate` has
    only to lay it out, which takes a quarter of the time.
    """
    with _database(servers.database_url, "template0" if empty else servers.migrated) as url:
        yield url


@contextlib.contextmanager
def _database(database_url: str, template: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    words = {"name": sql.Identifier(name), "template": sql.Identifier(template)}
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {name} TEMPLATE {template}").format(**words))
    try:
        yield urlunsplit(urlsplit(database_url)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {name} WITH (FORCE)").format(**words))


def fresh_redis(servers: ServersForTests) -> str:
    """The URL of the session's Redis, whose database was just emptied."""
    with redis.Redis.from_url(servers.redis_url) as client:
        client.flushdb()
    return servers.redis_url


def _redis_url_of_this_worker(url: str) -> str:
    """Another database number for each pytest-xdist worker: they share the server."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if not worker.startswith("gw"):
        return url
    return urlunsplit(urlsplit(url)._replace(path=f"/{int(worker.removeprefix('gw')) + 1}"))


def _docker_answers() -> bool:
    """Ask the engine for its ping over a plain socket; without one this takes no time at all."""
    address = urlsplit(os.environ.get("DOCKER_HOST") or _DOCKER_ADDRESS)
    family = socket.AF_UNIX if address.scheme == "unix" else socket.AF_INET
    target = address.path if address.scheme == "unix" else (address.hostname, address.port or 2375)
    with socket.socket(family) as connection:
        connection.settimeout(_DOCKER_PATIENCE_S)
        try:
            connection.connect(target)
            connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
            return b" 200 " in connection.recv(64)
        except OSError:
            return False


@contextlib.contextmanager
def _containers() -> Iterator[tuple[str, str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of testcontainers' own imports
        from testcontainers.postgres import PostgresContainer  # noqa: PLC0415 -- slow to import
        from testcontainers.redis import RedisContainer  # noqa: PLC0415

    postgres = PostgresContainer(_POSTGRES_IMAGE, username="callfold", dbname="callfold")
    postgres.with_env("POSTGRES_INITDB_ARGS", "--encoding=UTF8 --locale=C")
    with postgres, RedisContainer(_VALKEY_IMAGE) as valkey:
        host, port = valkey.get_container_host_ip(), valkey.get_exposed_port(6379)
        yield f"redis://{host}:{port}/0", postgres.get_connection_url(driver=None)
