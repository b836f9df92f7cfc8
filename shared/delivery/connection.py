"""How processes connect to Redis or Valkey: bounded waits, kept-alive sockets, raw bytes.

One client for all three ways to run it: a single server, a cluster, a service behind Sentinel.
"""

from typing import Any, Final

import redis
from redis import connection, sentinel
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared.delivery.cluster_client import ClusterClient
from shared.delivery.cluster_nodes import ClusterNodes
from shared.delivery.reply_limit import ReplyLimit
from shared.redis_url import RedisUrl, Topology, parse_redis_url

#: A server that does not answer within this is treated as away.
ANSWER_S = 10
#: A connection that is not made within this is given up.
CONNECT_S = 3

#: Of redis-py, which has no types for them.
_parse_url: Any = connection.parse_url
_SentinelPool: Any = sentinel.SentinelConnectionPool

_OPTIONS: Final[dict[str, Any]] = {
    "protocol": 2,
    "decode_responses": False,
    "socket_timeout": ANSWER_S,
    "socket_connect_timeout": CONNECT_S,
    "socket_keepalive": True,
    "retry": Retry(NoBackoff(), 0),
}


def redis_client(url: str, limit: ReplyLimit | None = None) -> redis.Redis:
    """A client that answers bytes; errors surface at once, because callers back off themselves.

    It connects at its first command. Behind Sentinel it asks for the primary whenever it connects.
    Replies beyond `limit` are given up.

    Raises:
        ValueError: the URL has none of the forms of `shared/redis_url.py`.
    """
    parsed = parse_redis_url(url)
    options = dict(_OPTIONS)
    if limit is not None:
        options["parser_class"] = limit.parser
    if parsed.topology is Topology.SINGLE:
        return redis.Redis.from_url(url, **options)
    options |= connection_options(parsed)
    if parsed.topology is Topology.CLUSTER:
        return ClusterClient(ClusterNodes(parsed.addresses, options))
    uses_tls = options.pop("connection_class", None) is not None
    sentinels: Any = _QuietSentinels  # which redis-py has no types for
    pool = _SentinelPool(
        parsed.service,
        sentinels(parsed.addresses, sentinel_kwargs=sentinel_options(parsed, _OPTIONS)),
        ssl=uses_tls,
        redis_connect_func=_connect_to_primary,
        **options,
    )
    return redis.Redis.from_pool(pool)


def connection_options(parsed: RedisUrl) -> dict[str, Any]:
    """What a URL says of connections besides the addresses, as redis-py names it."""
    options: dict[str, Any] = dict(_parse_url(parsed.single))
    for name in ("host", "port"):
        options.pop(name, None)
    if parsed.topology is Topology.CLUSTER:
        options.pop("db", None)
    return options


def sentinel_options(parsed: RedisUrl, defaults: dict[str, Any]) -> dict[str, Any]:
    """How the Sentinels are connected to: TLS as the servers, but with a login of their own."""
    options = connection_options(parsed)
    tls = {name: value for name, value in options.items() if name.startswith("ssl_")}
    return {
        **defaults,
        **tls,
        **dict(parsed.sentinel_login),
        "ssl": "connection_class" in options,
    }


class _QuietSentinels(sentinel.Sentinel):
    """Says in few words that there is no primary: it stands in logs and readiness."""

    def discover_master(self, service_name: str) -> Any:
        discover: Any = super().discover_master
        try:
            return discover(service_name)
        except sentinel.MasterNotFoundError:
            words = f"no Sentinel that answers knows a primary of {service_name!r} that is up"
            raise sentinel.MasterNotFoundError(words) from None


def _connect_to_primary(connected: Any) -> None:
    """Make sure of the role: a Sentinel that was cut off may name a server that is demoted.

    A demoted server would be read without any error, and what it lacks would not be missed.
    """
    connected.on_connect()
    connected.send_command("ROLE", check_health=False)
    if connected.read_response()[0] != b"master":
        raise redis.ConnectionError("what Sentinel named is not, or not yet, the primary")
