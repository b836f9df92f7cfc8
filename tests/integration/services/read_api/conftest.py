"""Fixtures of the read API's tests: one database and one process for each module."""

from collections.abc import Iterator

import pytest

from shared.storage.api_keys import create_api_key
from shared.storage.schema import engine_of, migrate
from tests.integration.services.read_api.batches import Batches, ended
from tests.integration.services.read_api.given import ORGANIZATION, Generation
from tests.integration.services.read_api.process import ReadApi, running_read_api
from tests.integration.shared.storage.lane_owner import PARTITIONS, lane_owner
from tests.servers import ServersForTests, fresh_database


@pytest.fixture(scope="module")
def read_url(servers: ServersForTests) -> Iterator[str]:
    """A database laid out for four partitions, the module's own."""
    with fresh_database(servers) as url:
        migrate(url, 4)
        yield url


@pytest.fixture(scope="module")
def read_api(read_url: str) -> Iterator[ReadApi]:
    """The real process above it; it keeps no reports, since rows written by hand are not told."""
    with running_read_api(read_url, CALLFOLD_REPORT_CACHE_BYTES="0") as running:
        yield running


@pytest.fixture(scope="module")
def key(read_url: str) -> str:
    """A key that reads for the organization `acme`."""
    return create_api_key(read_url, ORGANIZATION, ["read"], "tests")


@pytest.fixture(scope="module")
def generation(read_url: str) -> Iterator[Generation]:
    """Writes rows for the execution `spring` of `acme`."""
    engine = engine_of(read_url)
    yield Generation(engine)
    engine.dispose()


@pytest.fixture
def laid_out(database_url: str) -> str:
    """A database that holds an installation and nothing else."""
    migrate(database_url, PARTITIONS)
    return database_url


@pytest.fixture
def batches(laid_out: str) -> Iterator[Batches]:
    """Batches of the owner of all lanes; the first is committed."""
    with lane_owner(laid_out, "one") as one:
        committed = Batches(one)
        committed.commit(ended("call-0"))
        yield committed


@pytest.fixture
def api_key(laid_out: str) -> str:
    """A key that reads for `acme`."""
    return create_api_key(laid_out, ORGANIZATION, ["read"], "tests")
