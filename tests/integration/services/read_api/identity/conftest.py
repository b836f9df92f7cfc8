"""One database, one issuer and one read API for all tests of who may read what."""

from collections.abc import Iterator

import pytest

from shared.storage.api_keys import create_api_key
from shared.storage.schema import migrate
from tests.integration.services.read_api.identity.asking import ORIGIN
from tests.integration.services.read_api.process import ReadApi, running_read_api
from tests.jwt_issuer import AUDIENCE, JwtIssuer, jwt_issuer
from tests.servers import ServersForTests, fresh_database


@pytest.fixture(scope="package")
def identity_url(servers: ServersForTests) -> Iterator[str]:
    """A database that is laid out."""
    with fresh_database(servers) as url:
        migrate(url, 1)
        yield url


@pytest.fixture(scope="package")
def issuer() -> Iterator[JwtIssuer]:
    """An issuer that is trusted, or would be where it is told of."""
    with jwt_issuer() as running:
        yield running


@pytest.fixture(scope="package")
def api(servers: ServersForTests, identity_url: str, issuer: JwtIssuer) -> Iterator[ReadApi]:
    """The real process."""
    with running_read_api(
        identity_url,
        CALLFOLD_REDIS_URL=servers.redis_url,
        CALLFOLD_JWT_ISSUER=issuer.url,
        CALLFOLD_JWT_AUDIENCE=AUDIENCE,
        CALLFOLD_RATE_LIMIT_PER_MINUTE="100",
        CALLFOLD_CORS_ORIGINS=f"https://other.example, {ORIGIN}",
    ) as running:
        running.wait_until("/readyz", 200)
        yield running


@pytest.fixture
def read_key(identity_url: str) -> str:
    """A key of `acme` that no other test uses, so that nobody uses up its requests."""
    return create_api_key(identity_url, "acme", ["read", "publish"], "tests")
