"""One database and one read API for the package, above the events of `given`."""

from collections.abc import Iterator

import pytest

from shared.storage.api_keys import create_api_key
from shared.storage.schema import migrate
from tests.integration.services.read_api.campaigns.given import EVENTS
from tests.integration.services.read_api.flow_events import fold
from tests.integration.services.read_api.given import ORGANIZATION
from tests.integration.services.read_api.process import ReadApi, running_read_api
from tests.integration.shared.storage.lane_owner import PARTITIONS
from tests.servers import ServersForTests, fresh_database


@pytest.fixture(scope="package")
def read_url(servers: ServersForTests) -> Iterator[str]:
    """The package's own database, with all events."""
    with fresh_database(servers) as url:
        migrate(url, PARTITIONS)
        fold(url, *EVENTS)
        yield url


@pytest.fixture(scope="package")
def read_api(read_url: str) -> Iterator[ReadApi]:
    """The real process above it."""
    with running_read_api(read_url) as running:
        yield running


@pytest.fixture(scope="package")
def key(read_url: str) -> str:
    """A key of the organization that all events but two are of."""
    return create_api_key(read_url, ORGANIZATION, ["read"], "tests")


@pytest.fixture(scope="package")
def foreign_key(read_url: str) -> str:
    """A key of the other organization."""
    return create_api_key(read_url, "globex", ["read"], "tests")
