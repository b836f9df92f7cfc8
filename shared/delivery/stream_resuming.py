"""Lets a stream that is older than its cursor go on behind the cursor, without losing an entry.

A stream that was deleted, recreated or restored from an older copy may give ids that lie before
the cursor: nobody would ever read them. So its next id is set to follow the cursor, and what it
holds that was never archived is added again, in one transaction of Redis. An entry that is added
twice counts once: the journals of its subject know it.

`resume` is what a projector does by itself. An operator sets the stream aside and adds its entries
again page by page, however many there are; what is left aside says how far that is.
"""

from collections.abc import Callable, Iterator
from typing import Any

import redis

from shared.contracts.entries import Entry
from shared.contracts.stream_names import WATERMARK_GROUP, aside_stream, lane_stream
from shared.delivery.stream_watch import StreamFacts, entry_position
from shared.errors import UnreadStreamError
from shared.folds.journal import Position

#: Entries looked at in one go, from the newest to the oldest; each may hold a MiB.
_PAGE_ENTRIES = 64
#: What is added again in one transaction at most: Redis holds it twice then.
_UNREAD_ENTRIES_MAX = 10_000
_UNREAD_BYTES_MAX = 64 * 1024 * 1024

#: Which of some entries, in the order of the stream, were archived as they are.
Archived = Callable[[list[Entry]], set[Position]]


def resume(
    client: redis.Redis, lane: int, cursor: Position, facts: StreamFacts, archived: Archived
) -> int | None:
    """Let the stream of a lane go on behind the cursor.

    Returns: how many entries were added again; None where the stream changed meanwhile, so that
    it has to be looked at anew.

    Raises:
        UnreadStreamError: it holds too much that was never archived; an operator must decide.
    """
    stream = lane_stream(lane)
    client.set_response_callback("XREVRANGE", _as_it_came)
    pipeline: Any = client.pipeline(transaction=True)
    with pipeline:
        pipeline.watch(stream)
        if not facts.exists or pipeline.xinfo_stream(stream)["entries-added"] != facts.added:
            return None
        unread = _unread(pipeline, stream, archived)
        pipeline.multi()
        pipeline.execute_command("XSETID", stream, f"{cursor[0]}-{cursor[1]}")
        for entry in reversed(unread):
            pipeline.execute_command("XADD", stream, "*", *entry.fields)
        try:
            pipeline.execute()
        except redis.WatchError:
            return None
    return len(unread)


def set_aside(client: redis.Redis, lane: int, cursor: Position, counted: int) -> bool:
    """Rename a lane's stream, and begin a new one behind the cursor and our count, at once.

    Returns: False where it changed meanwhile, so that it has to be looked at anew.
    """
    stream, aside, after = lane_stream(lane), aside_stream(lane), f"{cursor[0]}-{cursor[1]}"
    pipeline: Any = client.pipeline(transaction=True)
    with pipeline:
        pipeline.watch(stream, aside)
        if pipeline.xlen(aside):
            return False
        pipeline.multi()
        pipeline.execute_command("RENAME", stream, aside)
        pipeline.execute_command("XGROUP", "CREATE", stream, WATERMARK_GROUP, after, "MKSTREAM")
        pipeline.execute_command("XSETID", stream, after, "ENTRIESADDED", counted)
        try:
            pipeline.execute()
        except redis.WatchError:
            return False
    return True


def pages(client: Any, stream: str) -> Iterator[list[Entry]]:
    """The entries of a stream in order, some at a time; they may be removed meanwhile."""
    client.set_response_callback("XRANGE", _as_it_came)
    begin = "-"
    while page := client.execute_command("XRANGE", stream, begin, "+", "COUNT", _PAGE_ENTRIES):
        yield [Entry(*entry_position(raw[0]), raw[1]) for raw in page]
        begin = f"({page[-1][0].decode()}"


def add_again(client: redis.Redis, lane: int, archived: Archived) -> Iterator[tuple[int, int]]:
    """Move what was set aside back to the end of its lane's stream, but for what is archived.

    Each page is one transaction of Redis, so a run that was cut short is gone on with.

    Yields: of each page, how many entries there were, and how many were added again.
    """
    stream, aside = lane_stream(lane), aside_stream(lane)
    for entries in pages(client, aside):
        known = archived(entries)
        unread = [entry for entry in entries if (entry.ms, entry.seq) not in known]
        pipeline: Any = client.pipeline(transaction=True)
        for entry in unread:
            pipeline.execute_command("XADD", stream, "*", *entry.fields)
        pipeline.xdel(aside, *(f"{entry.ms}-{entry.seq}" for entry in entries))
        pipeline.execute()
        yield len(entries), len(unread)
    with client.pipeline(transaction=True) as pipeline:
        pipeline.watch(aside)
        if not pipeline.xlen(aside):
            pipeline.multi()
            pipeline.delete(aside)
            pipeline.execute()


def _unread(pipeline: Any, stream: str, archived: Archived) -> list[Entry]:
    """Entries behind the newest one that was archived, the newest first."""
    unread: list[Entry] = []
    size_bytes, end = 0, "+"
    while page := pipeline.execute_command("XREVRANGE", stream, end, "-", "COUNT", _PAGE_ENTRIES):
        entries = [Entry(*entry_position(raw[0]), raw[1]) for raw in page]
        known = archived(entries[::-1])
        newest = next((i for i, e in enumerate(entries) if (e.ms, e.seq) in known), len(entries))
        fresh = entries[:newest]
        unread += fresh
        size_bytes += sum(len(part) for entry in fresh for part in entry.fields)
        if len(fresh) < len(entries):
            break
        if len(unread) > _UNREAD_ENTRIES_MAX or size_bytes > _UNREAD_BYTES_MAX:
            raise UnreadStreamError
        end = f"({entries[-1].ms}-{entries[-1].seq}"
    return unread


def _as_it_came(response: Any, **_options: Any) -> Any:
    """Names of fields may repeat: a dictionary would lose what it came with."""
    return response
