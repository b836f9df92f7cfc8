"""Secured servers, started once: what they are is the same for every test."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.secured.secured_installation import SecuredServers, secured_servers


@pytest.fixture(scope="package")
def secured() -> Iterator[SecuredServers]:
    """Redis and PostgreSQL of this package."""
    # Not below pytest's own folder, which the server's account cannot reach.
    with tempfile.TemporaryDirectory(prefix="callfold-secured-") as folder:
        Path(folder).chmod(0o711)
        with secured_servers(Path(folder)) as servers:
            yield servers
