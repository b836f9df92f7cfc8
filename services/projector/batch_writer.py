"""Where batches go: what belongs elsewhere to Redis, all else to PostgreSQL."""

from collections.abc import Mapping, Sequence

import psycopg

from shared.delivery.connection import redis_client
from shared.delivery.stream_keeping import forward
from shared.projections.write_set import Forward, WriteSet
from shared.settings import Settings
from shared.storage.commits import Committer
from shared.storage.parking import ParkQuota, Scope
from shared.storage.stalled_commits import connect_commits


class BatchWriter:
    """Writes the batches of one projector; used by the commit thread alone."""

    def __init__(
        self, settings: Settings, projector: str, partitions: int, generation: int
    ) -> None:
        """Connects at the first batch, and again after `disconnect`."""
        self._database_url = settings.require_database_url()
        self._redis = redis_client(settings.require_redis_url())
        quota = ParkQuota(settings.parked_events_whole, settings.parked_bytes_whole)
        self._identity = (projector, partitions, generation, quota)
        self._connection: psycopg.Connection | None = None
        self._committer: Committer | None = None

    def forward(self, forwards: Sequence[Forward]) -> None:
        """Add entries to the streams that they belong to.

        Raises:
            redis.RedisError: some may be there, and some not.
        """
        forward(self._redis, forwards)

    def commit(self, writes: WriteSet, epochs: Mapping[int, int]) -> list[Scope]:
        """Write a batch; errors as `Committer.commit`.

        Returns: sources that it took over their quota of parked events.
        """
        if self._committer is None:
            self._connection = connect_commits(self._database_url, self._identity[0])
            self._committer = Committer(self._connection, *self._identity)
        self._committer.commit(writes, dict(epochs))
        return self._committer.newly_over_quota

    def disconnect(self) -> None:
        """Drop the connection: nobody knows in what state an error left it."""
        self._committer = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None
