"""One database and one read API for the package, above the attempts of `given`."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from shared.storage.api_keys import create_api_key
from shared.storage.schema import migrate
from tests import seed_documents
from tests.http_answers import Answer
from tests.integration.services.read_api.flow_events import FLOW, fold
from tests.integration.services.read_api.given import ORGANIZATION
from tests.integration.services.read_api.process import ReadApi, running_read_api
from tests.integration.services.read_api.workflow.given import EVENTS, Ask
from tests.integration.shared.storage.lane_owner import PARTITIONS
from tests.seed_documents import workflow_execution
from tests.servers import ServersForTests, fresh_database


@pytest.fixture(scope="package")
def read_url(servers: ServersForTests) -> Iterator[str]:
    """The package's own database, with the events of all its tests."""
    with fresh_database(servers) as url:
        migrate(url, PARTITIONS)
        fold(url, *EVENTS, *workflow_execution.EVENTS)
        yield url


@pytest.fixture(scope="package")
def read_api(read_url: str) -> Iterator[ReadApi]:
    """The real process above it."""
    with running_read_api(read_url) as running:
        yield running


@pytest.fixture(scope="package")
def ask(read_url: str, read_api: ReadApi) -> Ask:
    """Ask for executions of a workflow."""
    key = create_api_key(read_url, ORGANIZATION, ["read"], "tests")

    def get(
        path: str = "", workflow: str = FLOW, account: str = ORGANIZATION, **options: Any
    ) -> Answer:
        ids = f"{quote(account, safe='')}/workflows/{quote(workflow, safe='')}"
        return read_api.get(f"/v1/accounts/{ids}/executions{path}", key, **options)

    return get


@pytest.fixture(scope="package")
def seeds_key(read_url: str) -> str:
    """A key of the organization that the vendor's example belongs to."""
    return create_api_key(read_url, seed_documents.ORGANIZATION, ["read"], "tests")
