"""Keeps streams: trims behind the cursor, advertises how far it is, forwards, announces N."""

from collections.abc import Sequence
from typing import Any

import redis

from shared.contracts.stream_names import (
    INBOX_STREAM,
    PARTITIONS_KEY,
    WATERMARK_GROUP,
    lane_stream,
    partition_stream,
)
from shared.delivery.cluster_client import primaries
from shared.delivery.stream_resuming import pages
from shared.delivery.stream_watch import entry_position, is_wrong_type
from shared.folds.journal import Position
from shared.limits import PARTITIONS_DEFAULT, PARTITIONS_MAX
from shared.projections.write_set import Forward

#: Entries dropped by one command: Redis does nothing else meanwhile.
_TRIM_ENTRIES_MAX = 50_000
#: How often a trim is tried that others' additions keep from being sure of its stream.
_TRIM_TRIES = 5
#: XADD though memory is used up; Redis lets only scripts do that which say so.
_ADD_THOUGH_FULL = "#!lua flags=allow-oom\nreturn redis.call('XADD', KEYS[1], '*', unpack(ARGV))"


def announce_where_none(client: redis.Redis, partitions: int) -> None:
    """Write N where publishers read it, unless anything stands there: the owner of the inbox looks.

    Raises:
        redis.OutOfMemoryError: Redis takes no writes at the moment.
    """
    client.set(PARTITIONS_KEY, str(partitions), nx=True)


def announce_partitions(client: redis.Redis, partitions: int) -> str | None:
    """Write N where publishers read it, unless it stands there.

    Returns: what stood there instead, where publishers would have taken another N by it or failed.

    Raises:
        redis.OutOfMemoryError: Redis takes no writes at the moment.
    """
    wanted = str(partitions)
    try:
        said: Any = client.get(PARTITIONS_KEY)
    except redis.ResponseError as error:
        if not is_wrong_type(error):
            raise
        said = b"no text"
    if said == wanted.encode():
        return None
    client.set(PARTITIONS_KEY, wanted)
    if said is None:
        return None if partitions == PARTITIONS_DEFAULT else "nothing"
    return str(said.decode("utf-8", "backslashreplace"))


def forward(client: redis.Redis, forwards: Sequence[Forward]) -> None:
    """Add entries to the partitions that they belong to; returns once Redis acknowledged all.

    What they are moved from can be trimmed only then, so they go in when memory is used up as well.
    """
    added = [("XADD", partition_stream(one.partition), "*", *one.fields) for one in forwards]
    refused = [forwards[number] for number in _add(client, added)]
    _add(
        client,
        [
            ("EVAL", _ADD_THOUGH_FULL, 1, partition_stream(one.partition), *one.fields)
            for one in refused
        ],
    )


def _add(client: redis.Redis, commands: Sequence[Sequence[Any]]) -> list[int]:
    """Send commands; returns the numbers of those that were refused for want of memory.

    Raises:
        redis.RedisError: any other error of any of them.
    """
    pipeline: Any = client.pipeline(transaction=False)
    for words in commands:
        pipeline.execute_command(*words)
    refused = []
    for number, answer in enumerate(pipeline.execute(raise_on_error=False)):
        if isinstance(answer, redis.exceptions.OutOfMemoryError):
            refused.append(number)
        elif isinstance(answer, Exception):
            raise answer
    return refused


def move_strays(client: redis.Redis, partitions: int) -> int:
    """Move to the inbox what publishers with a larger N added where nobody reads; returns how many.

    Cut short it is done again, and what is moved twice counts once.
    """
    pipeline: Any = client.pipeline(transaction=False)
    beyond = [partition_stream(number) for number in range(partitions, PARTITIONS_MAX)]
    for stream in beyond:
        pipeline.xlen(stream)
    moved = 0
    for stream, length in zip(beyond, pipeline.execute(raise_on_error=False), strict=True):
        if not isinstance(length, int) or not length:
            continue  # there is none, or it is none
        for entries in pages(client, stream):
            for entry in entries:
                pipeline.execute_command("XADD", INBOX_STREAM, "*", *entry.fields)
            pipeline.execute()
            client.xdel(stream, *(f"{entry.ms}-{entry.seq}" for entry in entries))
            moved += len(entries)
    return moved


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


def evictions(client: redis.Redis) -> tuple[str, int]:
    """What Redis does when its memory is used up, and how many keys it dropped since its start."""
    policy, evicted = "unknown", 0
    for node in primaries(client):
        memory: Any = node.info("memory")
        stats: Any = node.info("stats")
        policy = str(memory.get("maxmemory_policy", policy))
        evicted += int(stats.get("evicted_keys", 0))
    return policy, evicted


def memory_share(client: redis.Redis) -> float:
    """How much of its `maxmemory` Redis uses; a cluster's fullest node; 0 where none is set."""
    return max(_memory_share(node) for node in primaries(client))


def _memory_share(node: Any) -> float:
    memory = node.info("memory")
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
