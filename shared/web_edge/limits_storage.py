"""Where counts of requests lie: in the Redis of a URL, whichever of its three kinds that is.

Asked by the rate limits' own task on the loop, so with asyncio's clients.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any, Final

from limits.aio.storage import RedisClusterStorage, RedisStorage
from limits.errors import StorageError
from redis.asyncio import ConnectionPool, sentinel
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException

from shared.contracts.stream_names import LIMITS_PREFIX
from shared.delivery.connection import connection_options, sentinel_options
from shared.redis_url import RedisUrl, Topology, parse_redis_url

_ANSWER_S: Final = 2.0
_OPTIONS: Final[dict[str, Any]] = {
    "protocol": 2,
    "socket_timeout": _ANSWER_S,
    "socket_connect_timeout": _ANSWER_S,
    "retry": Retry(NoBackoff(), 0),
}
_STORAGE: Final[dict[str, Any]] = {
    "wrap_exceptions": True,
    "implementation": "redispy",
    "key_prefix": LIMITS_PREFIX,
}
#: Of redis-py, which has no types for them.
_Sentinel: Any = sentinel.Sentinel
_SentinelPool: Any = sentinel.SentinelConnectionPool
#: What says that Redis did not answer; a cluster of which no node does is told by redis-py's own.
AWAY: Final = (StorageError, RedisClusterException)


@asynccontextmanager
async def limits_storage(redis_url: str) -> AsyncIterator[RedisStorage]:
    """Counts in that Redis, which is connected to when first asked; closed behind the block."""
    parsed = parse_redis_url(redis_url)
    if parsed.topology is Topology.CLUSTER:
        storage = _in_cluster(parsed)
        bridge: Any = storage.bridge
        async with aclosing(bridge.get_connection()):
            yield storage
        return
    async with AsyncExitStack() as stack:
        if parsed.topology is Topology.SINGLE:
            pool: Any = ConnectionPool.from_url(parsed.single, **_OPTIONS)
        else:
            sentinels = _Sentinel(
                parsed.addresses, sentinel_kwargs=sentinel_options(parsed, _OPTIONS)
            )
            await stack.enter_async_context(aclosing(sentinels))
            options = {**_OPTIONS, **connection_options(parsed)}
            uses_tls = options.pop("connection_class", None) is not None
            pool = _SentinelPool(parsed.service, sentinels, ssl=uses_tls, **options)
        await stack.enter_async_context(aclosing(pool))
        yield RedisStorage(parsed.single, connection_pool=pool, **_STORAGE)


def _in_cluster(parsed: RedisUrl) -> RedisStorage:
    options = {**_OPTIONS, **connection_options(parsed)}
    options["ssl"] = options.pop("connection_class", None) is not None
    nodes = (
        f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in parsed.addresses
    )
    return RedisClusterStorage(f"redis+cluster://{','.join(nodes)}", **_STORAGE, **options)
