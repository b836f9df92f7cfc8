"""Fixtures for all levels: real servers, started when first asked for, and the faults' tally."""

import signal
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest

from tests.faults.tally import FaultRow, FaultTally
from tests.servers import ServersForTests, fresh_database, fresh_redis, servers_for_tests

_TALLY = pytest.StashKey[FaultTally]()
_SENT = "fault tally"


def pytest_configure(config: pytest.Config) -> None:
    """Begin an empty tally, and take Ctrl-C even where a shell ignores it in the background.

    Whoever ignores a signal has children that ignore it, and tests interrupt commands.
    """
    config.stash[_TALLY] = FaultTally()
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


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> FaultTally:
    """Where a fault test says what it injected and found."""
    return request.config.stash[_TALLY]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of xdist sends its tally home."""
    if isinstance(sent := getattr(session.config, "workeroutput", None), dict):
        sent[_SENT] = [(fault, asdict(row)) for fault, row in session.config.stash[_TALLY].rows()]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add up what the workers sent; one that died sent nothing."""
    for fault, row in getattr(node, "workeroutput", {}).get(_SENT, []):
        node.config.stash[_TALLY].add(fault, FaultRow(**row))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tally as a table."""
    lines = list(terminalreporter.config.stash[_TALLY].lines())
    if lines:
        terminalreporter.section("faults injected")
        for line in lines:
            terminalreporter.line(line)
