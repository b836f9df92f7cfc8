"""Keeps streams: trims behind the cursor, advertises how far it is, forwards, announces N."""

from collections.abc import Sequence
from typing import Any

import redis

from shared.contracts.stream_names import (
    PARTITIONS_KEY,
    WATERMARK_GROUP,
    lane_stream,
    partition_stream,
)
from shared.delivery.stream_watch import entry_position
from shared.folds.journal import Position
from shared.projections.write_set import Forward

#: Entries dropped by one command: Redis does nothing else meanwhile.
_TRIM_ENTRIES_MAX = 50_000
#: How often a trim is tried that others' additions keep from being sure of its stream.
_TRIM_TRIES = 5


def announce_partitions(client: redis.Redis, partitions: int) -> None:
    """Write N where publishers read it."""
    client.set(PARTITIONS_KEY, str(partitions))


def forward(client: redis.Redis, forwards: Sequence[Forward]) -> None:
    """Add entries to the partitions that they belong to; returns once Redis acknowledged all."""
    pipeline: Any = client.pipeline(transaction=False)
    for partition, fields in forwards:
        pipeline.execute_command("XADD", partition_stream(partition), "*", *fields)
    pipeline.execute()


def trim(client: Any, lane: int, archived: Position, keep_from_ms: int) -> int:
    """Drop entries that are archived and older than `keep_from_ms`; never the cursor's own.

    The inbox's targets archive on their own, so the caller passes a `keep_from_ms` behind them.

    Returns: how many went; whole nodes of the stream only.
    """
    ms, seq = min(archived, (keep_from_ms, 0))
    if ms <= 0:
        return 0
    words = ("XTRIM", lane_stream(lane), "MINID", "~", f"{ms}-{seq}", "LIMIT", _TRIM_ENTRIES_MAX)
    trimmed = removed = _trim_once(client, archived, words)
    while removed > _TRIM_ENTRIES_MAX // 2:
        removed = _trim_once(client, archived, words)
        trimmed += removed
    return trimmed


def _trim_once(client: Any, archived: Position, words: Sequence[Any]) -> int:
    """Trim, but for a stream that began anew since it was looked at: its low ids are unread."""
    stream = words[1]
    for _ in range(_TRIM_TRIES):
        with client.pipeline(transaction=True) as pipeline:
            pipeline.watch(stream)
            if not pipeline.exists(stream):
                return 0
            if entry_position(pipeline.xinfo_stream(stream)["last-generated-id"]) < archived:
                return 0
            pipeline.multi()
            pipeline.execute_command(*words)
            try:
                return int(pipeline.execute()[0])
            except redis.WatchError:
                continue
    # Added to all the time: it was ours a moment ago, and must not grow for ever.
    return int(client.execute_command(*words))


def memory_share(client: Any) -> float:
    """How much of its `maxmemory` Redis uses; 0 where none is set."""
    memory = client.info("memory")
    maxmemory_bytes = int(memory.get("maxmemory", 0))
    return int(memory["used_memory"]) / maxmemory_bytes if maxmemory_bytes else 0.0


def advertise(client: Any, lane: int, archived: Position, entries_read: int) -> None:
    """Set the watermark group to the cursor, so that the usual Redis tools show the true lag."""
    stream, (ms, seq) = lane_stream(lane), archived
    setid: tuple[Any, ...] = ("XGROUP", "SETID", stream, WATERMARK_GROUP, f"{ms}-{seq}")
    try:
        client.execute_command(*setid, "ENTRIESREAD", entries_read)
    except redis.ResponseError as error:
        if "NOGROUP" not in str(error) and "requires the key to exist" not in str(error):
            raise
        client.execute_command(
            "XGROUP", "CREATE", stream, WATERMARK_GROUP, f"{ms}-{seq}", "MKSTREAM"
        )
        client.execute_command(*setid, "ENTRIESREAD", entries_read)
