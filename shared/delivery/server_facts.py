"""What a Redis says of itself, as far as its user may ask. Called by `callfold doctor`."""

import time
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any, Final, NamedTuple

import redis

from shared.contracts.stream_names import (
    CONTROL_CHANNEL,
    INBOX_LANE,
    PARTITIONS_KEY,
    WATERMARK_GROUP,
    aside_stream,
    lane_stream,
)
from shared.delivery.stream_lag import server_ms

_PINGS = 5
_SETTINGS = ("appendfsync", "timeout", "dir")
_STREAM = lane_stream(INBOX_LANE)

#: One call of each command that a projector, ingest or an operator's command makes.
COMMANDS: Final[tuple[Sequence[str], ...]] = (
    ("GET", PARTITIONS_KEY),
    ("SET", PARTITIONS_KEY, "16"),
    ("TIME",),
    ("PING",),
    ("INFO",),
    ("XADD", _STREAM, "*", "event", "{}"),
    ("XREAD", "STREAMS", _STREAM, "0"),
    ("XRANGE", _STREAM, "-", "+"),
    ("XREVRANGE", _STREAM, "+", "-"),
    ("XLEN", _STREAM),
    ("XTRIM", _STREAM, "MINID", "0"),
    ("XINFO", "STREAM", _STREAM),
    ("XGROUP", "CREATE", _STREAM, WATERMARK_GROUP, "0", "MKSTREAM"),
    ("XSETID", _STREAM, "0-1"),
    ("XDEL", _STREAM, "0-1"),
    ("TYPE", _STREAM),
    ("RENAME", _STREAM, aside_stream(INBOX_LANE)),
    ("DEL", aside_stream(INBOX_LANE)),
    ("EVAL", "return 0", "1", _STREAM),
    ("WATCH", _STREAM),
    ("UNWATCH",),
    ("MULTI",),
    ("EXEC",),
    ("PUBLISH", CONTROL_CHANNEL, "x"),
    ("SUBSCRIBE", CONTROL_CHANNEL),
)


class RedisFacts(NamedTuple):
    """How the server is, and how it is set."""

    latency_ms: float
    #: Its clock against ours, in milliseconds; positive where it is ahead.
    ahead_ms: float
    #: `INFO`, all of it.
    info: dict[str, Any]
    #: Of `CONFIG GET`; empty where the user may not ask.
    settings: dict[str, str]


def redis_facts(client: redis.Redis) -> RedisFacts:
    """Ask the server.

    Raises:
        redis.RedisError: it is away, or refuses even `PING` or `INFO`.
    """
    info: Any = client.info()
    latencies_s, aheads_s = [], []
    for _ in range(_PINGS):
        began_s, began_at_s = time.perf_counter(), time.time()
        server_s = server_ms(client) / 1000
        latencies_s.append(time.perf_counter() - began_s)
        aheads_s.append(server_s - began_at_s - latencies_s[-1] / 2)
    return RedisFacts(median(latencies_s) * 1000, median(aheads_s) * 1000, info, _settings(client))


def _settings(client: redis.Redis) -> dict[str, str]:
    try:
        found: Any = client.config_get(*_SETTINGS)
    except redis.ResponseError:
        return {}
    return {str(name): str(value) for name, value in found.items()}


def refused_commands(client: Any) -> list[str] | None:
    """Which commands its user may not give; None where the server does not tell this user."""
    try:
        user = client.acl_whoami()
        answers = [
            (words[0], client.execute_command("ACL", "DRYRUN", user, *words)) for words in COMMANDS
        ]
    except redis.ResponseError:
        return None
    return [name for name, answer in answers if answer != b"OK"]


def streams_bytes(client: Any, lanes: Iterable[int]) -> int | None:
    """About what the streams of these lanes take in memory; None where the user may not ask."""
    pipeline = client.pipeline(transaction=False)
    for lane in lanes:
        pipeline.memory_usage(lane_stream(lane))
    try:
        return sum(size or 0 for size in pipeline.execute())
    except redis.ResponseError:
        return None
