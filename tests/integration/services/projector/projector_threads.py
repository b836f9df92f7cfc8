"""A projector's threads inside the test's own process, so that a test can change its code."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from structlog.testing import capture_logs

from services.projector.app import Projector
from shared.settings import Settings
from shared.storage.schema import migrate
from tests.installation import until


@contextmanager
def projector_threads(
    redis_url: str, database_url: str, *, partitions: int = 16, **settings: object
) -> Iterator[Projector]:
    """A projector that holds all lanes; ended cleanly afterwards, and it must not have failed."""
    found = migrate(database_url, partitions)
    values = {"redis_url": redis_url, "database_url": database_url, "lease_ms": 1500, **settings}
    projector = Projector(Settings.model_validate(values), found)
    ended: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: ended.append(number))
    with capture_logs():  # traces would fill the screen
        projector.start()
        try:
            until(lambda: len(projector.health.lanes) == found + 1, "all lanes are held", 20)
            yield projector
        finally:
            projector.stop()
            signal.signal(signal.SIGTERM, before)
    assert projector.health.failed is None
    assert [] == ended, f"process {os.getpid()} was asked to end"
