"""A database that is laid out, once for each test."""

import pytest

from shared.storage.schema import migrate
from tests.integration.shared.storage.lane_owner import PARTITIONS


@pytest.fixture
def laid_out(database_url: str) -> str:
    """The URL of a fresh database that holds an installation and nothing else."""
    migrate(database_url, PARTITIONS)
    return database_url
