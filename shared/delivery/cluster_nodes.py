"""The nodes of a Redis or Valkey Cluster, and which of them serves a key.

Used by `ClusterClient` alone. What is known is asked for at the first use, corrected by each
redirection, and forgotten when a node does not answer, so that a failover is noticed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import ClusterDownError, MovedError

from shared.redis_url import Address

#: Errors after which the cluster may look different.
LOST = (redis.ConnectionError, redis.TimeoutError, ClusterDownError)


class ClusterNodes:
    """One client for each node, by address; connects when first asked."""

    def __init__(self, addresses: Sequence[Address], options: dict[str, Any]) -> None:
        """`addresses` are asked for the others; `options` are for every connection."""
        self._first = tuple(addresses)
        self._options = options
        self._clients: dict[Address, redis.Redis] = {}
        #: Slot → who serves it, None for nobody; empty until asked.
        self._owners: list[Address | None] = []
        #: Who is asked for the others; last who did not answer.
        self._known = list(addresses)

    def at(self, address: Address) -> redis.Redis:
        """The client of the node at an address."""
        client = self._clients.get(address)
        if client is None:
            host, port = address
            pool = redis.ConnectionPool(**self._options, host=host, port=port)
            client = self._clients[address] = redis.Redis.from_pool(pool)
        return client

    def serving(self, key: str | None) -> Address:
        """Who serves a key; who answered last where there is none.

        Raises:
            redis.RedisError: no node answers, or nobody serves it.
        """
        owners = self._owners or self._ask_around()
        if key is None:
            return self._known[0]
        owner = owners[key_slot(key.encode())]
        if owner is None:
            self._owners = []
            raise ClusterDownError(f"no node serves the slot of {key}")
        return owner

    def primaries(self) -> list[redis.Redis]:
        """The clients of all nodes that serve slots."""
        owners = self._owners or self._ask_around()
        return [self.at(address) for address in dict.fromkeys(owners) if address is not None]

    @contextmanager
    def learning(self, asked: Address) -> Iterator[None]:
        """Let an error of a node tell how the cluster looks now, and pass it on."""
        try:
            yield
        except MovedError as error:
            if self._owners:
                self._owners[error.slot_id] = (error.host or asked[0], error.port)
            raise
        except LOST:
            self.lost(asked)
            raise

    def lost(self, asked: Address) -> None:
        """A node did not answer: before the next command all is asked anew, of it last."""
        self._owners = []
        self._known.sort(key=lambda address: address == asked)

    def close(self) -> None:
        """Close every connection; they are made again where needed."""
        for client in self._clients.values():
            client.close()

    def _ask_around(self) -> list[Address | None]:
        error: redis.RedisError | None = None
        for asked in dict.fromkeys([*self._known, *self._first]):
            client: Any = self.at(asked)
            try:
                ranges = client.execute_command("CLUSTER SLOTS")
            except redis.RedisError as failure:
                error = failure
                continue
            self._owners = _owners(ranges, asked)
            others = {owner for owner in self._owners if owner is not None}
            self._known = [asked, *sorted(others - {asked})]
            return self._owners
        assert error is not None
        raise error


def _owners(ranges: Any, asked: Address) -> list[Address | None]:
    """Slot → primary, of an answer to CLUSTER SLOTS."""
    owners: list[Address | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
    for first, last, primary, *_replicas in ranges:
        host = (primary[0] or b"").decode()
        address = (asked[0] if host in {"", "?"} else host, int(primary[1]))
        owners[first : last + 1] = [address] * (last + 1 - first)
    return owners
