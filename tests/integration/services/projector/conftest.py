"""What most tests of a projector begin with: both servers at hand, streams looked at often."""

from collections.abc import Iterator

import pytest
import redis

from services.projector import stream_keeper
from tests.installation import Installation
from tests.integration.services.projector.incidents_at_hand import ROUND_S


@pytest.fixture
def installed(redis_url: str, database_url: str) -> Installation:
    """Looks at the servers; projectors run in this process."""
    return Installation(redis_url, database_url)


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """A client of the installation's Redis."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as connected:
        yield connected


@pytest.fixture
def quick_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the streams ten times a second."""
    monkeypatch.setattr(stream_keeper, "_EVERY_S", ROUND_S)
