"""The servers of a benchmark run: embedded ones with production's durability, fresh each round."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import redis
from psycopg import sql

from services.tooling.embedded import EmbeddedServers
from shared.contracts.stream_names import partition_stream
from shared.folds.journal import Position
from tests.bench.load import PARTITIONS
from tests.bench.process_figures import process_cpu_s

_POLL_S = 0.02
_REWRITE_PATIENCE_S = 300.0


class BenchServers:
    """A Redis and a PostgreSQL that belong to this run alone."""

    def __init__(self, embedded: EmbeddedServers) -> None:
        """`embedded` must be running."""
        self._embedded = embedded
        self.redis_url = embedded.redis_url

    @contextmanager
    def fresh_database(self) -> Iterator[str]:
        """The URL of an empty database that is dropped afterwards."""
        name = f"bench_{uuid.uuid4().hex}"
        admin_url = self._embedded.database_url
        with psycopg.connect(admin_url, autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name))
            )
        try:
            yield urlunsplit(urlsplit(admin_url)._replace(path=f"/{name}"))
        finally:
            with psycopg.connect(admin_url, autocommit=True) as connection:
                connection.execute(
                    sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
                )

    def empty_redis(self) -> None:
        """Drop all streams, and the append-only file that still holds them."""
        with redis.Redis.from_url(self.redis_url) as client:
            client.flushall()
            _wait_for_rewrite(client)
            client.bgrewriteaof()
            _wait_for_rewrite(client)

    def settle(self) -> None:
        """Finish what the servers still do for what came before: rewriting, checkpointing."""
        with redis.Redis.from_url(self.redis_url) as client:
            _wait_for_rewrite(client)
        with psycopg.connect(self._embedded.database_url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")

    def stream_ends(self) -> dict[int, Position]:
        """The last entry of each partition's stream that has any."""
        ends: dict[int, Position] = {}
        with redis.Redis.from_url(self.redis_url) as client:
            for partition in range(PARTITIONS):
                newest: Any = client.xrevrange(partition_stream(partition), count=1)
                if newest:
                    ms, _, seq = newest[0][0].partition(b"-")
                    ends[partition] = (int(ms), int(seq))
        return ends

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds that each server has used since it started, its children included."""
        return {
            "postgres": process_cpu_s(self._embedded.postgres.pid),
            "redis": process_cpu_s(self._embedded.redis.pid),
        }


@contextmanager
def bench_servers(folder: Path) -> Iterator[BenchServers]:
    """Servers in a folder of their own, stopped afterwards."""
    with EmbeddedServers.start(folder / "servers") as embedded:
        yield BenchServers(embedded)


def _wait_for_rewrite(client: redis.Redis) -> None:
    deadline_s = time.monotonic() + _REWRITE_PATIENCE_S
    while True:
        state: Any = client.info("persistence")
        if not state["aof_rewrite_in_progress"] and not state["aof_rewrite_scheduled"]:
            return
        if time.monotonic() > deadline_s:
            raise TimeoutError("Redis does not finish the rewrite of its append-only file")
        time.sleep(_POLL_S)
