"""How processes connect to Redis or Valkey: bounded waits, kept-alive sockets, raw bytes."""

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

#: A server that does not answer within this is treated as away.
ANSWER_S = 10
#: A connection that is not made within this is given up.
CONNECT_S = 3


def redis_client(url: str) -> redis.Redis:
    """A client that answers bytes; errors surface at once, because callers back off themselves."""
    return redis.Redis.from_url(
        url,
        protocol=2,
        decode_responses=False,
        socket_timeout=ANSWER_S,
        socket_connect_timeout=CONNECT_S,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),
    )
