"""Fixtures for all levels: real servers, started when the first test asks for them."""

import signal
from collections.abc import Iterator

import pytest

from tests.servers import ServersForTests, fresh_database, fresh_redis, servers_for_tests


def pytest_configure() -> None:
    """Take Ctrl-C even where a shell ignores it for what it runs in the background.

    Whoever ignores a signal has children that ignore it, and tests interrupt commands.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def servers() -> Iterator[ServersForTests]:
    """A Redis and a PostgreSQL for the whole session; see `tests/servers.py` for which."""
    with servers_for_tests() as started:
        yield started


@pytest.fixture
def database_url(servers: ServersForTests) -> Iterator[str]:
    """The URL of a database that is this test's own and not laid out yet; see `fresh_database`."""
    with fresh_database(servers) as url:
        yield url


@pytest.fixture
def empty_database_url(servers: ServersForTests) -> Iterator[str]:
    """The same, but without even a migration."""
    with fresh_database(servers, empty=True) as url:
        yield url


@pytest.fixture
def redis_url(servers: ServersForTests) -> str:
    """The URL of a Redis database that is empty and, until it ends, this test's own."""
    return fresh_redis(servers)
