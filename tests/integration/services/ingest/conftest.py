"""Fixtures of ingest's tests: one database and one process for each module."""

from collections.abc import Iterator

import pytest

from shared.storage.api_keys import create_api_key
from shared.storage.schema import migrate
from tests.integration.services.ingest.process import Ingest, running_ingest
from tests.integration.services.ingest.streams import ORGANIZATION
from tests.jwt_issuer import AUDIENCE, JwtIssuer, jwt_issuer
from tests.servers import ServersForTests, fresh_database


@pytest.fixture(scope="module")
def issuer() -> Iterator[JwtIssuer]:
    """An issuer whose tokens ingest trusts."""
    with jwt_issuer() as running:
        yield running


@pytest.fixture(scope="module")
def ingest(servers: ServersForTests, issuer: JwtIssuer) -> Iterator[Ingest]:
    """The real process, above a database that has keys and nothing else."""
    trust = {"jwt_issuer": issuer.url, "jwt_audience": AUDIENCE}
    with fresh_database(servers) as database_url:
        migrate(database_url, 1)
        with running_ingest(servers.redis_url, database_url, **trust) as running:
            yield running


@pytest.fixture(scope="module")
def key(ingest: Ingest) -> str:
    """A key that publishes for the organization `acme`."""
    return create_api_key(ingest.database_url, ORGANIZATION, ["publish"], "tests")
