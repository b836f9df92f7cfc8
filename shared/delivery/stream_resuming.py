"""Lets a stream that is not the one that was read go on behind the cursor, losing no entry.

A stream that was deleted, recreated or restored from an older copy may hold ids before the cursor,
and give more of them: nobody would ever read them. So its next id is set to follow the cursor, and
what it holds that was never archived is added again. An entry that is added twice counts once: the
journals of its subject know it. What is too much for that, or cannot be read at all, is set aside
under another name and added again page by page; what is left aside says how far that is.

`services/projector/stream_mending.py` decides; `callfold incidents resume` is for what is too much.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import redis

from shared.contracts.entries import Entry
from shared.contracts.stream_names import (
    WATERMARK_GROUP,
    aside_stream,
    foreign_key,
    lane_stream,
)
from shared.delivery.stream_watch import LAST_ID, entry_position
from shared.errors import UnreadStreamError
from shared.folds.journal import Position

#: Entries looked at in one go, from the newest to the oldest; each may hold a MiB.
_PAGE_ENTRIES = 64
#: What a projector adds again by itself at most; in one transaction, Redis holds it twice then.
_UNREAD_ENTRIES_MAX = 10_000
_UNREAD_BYTES_MAX = 64 * 1024 * 1024


#: Which of some entries, in the order of the stream, were archived as they are.
Archived = Callable[[list[Entry]], set[Position]]


def go_on_behind(client: redis.Redis, lane: int, cursor: Position) -> int | None:
    """Let the next entry of a lane's stream follow the cursor, whoever adds to it meanwhile.

    Returns: the entries that the stream had counted by then; None where its ids have passed the
    cursor already, or it is gone, so that it has to be looked at anew.
    """
    stream = lane_stream(lane)
    pipeline: Any = client.pipeline(transaction=True)
    pipeline.execute_command("XSETID", stream, f"{cursor[0]}-{cursor[1]}")
    pipeline.xinfo_stream(stream)
    moved, said = pipeline.execute(raise_on_error=False)
    for answer in (moved, said):
        if isinstance(answer, redis.ResponseError):
            if "smaller than" in str(answer) or "no such key" in str(answer):
                return None
            raise answer
    return int(said["entries-added"])


class Unread(NamedTuple):
    """What a stream holds up to a cursor and behind the newest entry that was archived."""

    #: The newest first.
    entries: list[Entry]
    #: Whether that is all that it holds up to there: it was never read.
    all_of_it: bool


def add_unread(client: redis.Redis, lane: int, cursor: Position, archived: Archived) -> Unread:
    """Add again what a lane's stream holds up to the cursor and behind what was archived.

    Its ids must have passed the cursor; then nothing more comes before it.
    """
    unread = unread_entries(client, lane, cursor, archived)
    _add(client, lane_stream(lane), unread.entries[::-1])
    return unread


def unread_entries(client: redis.Redis, lane: int, cursor: Position, archived: Archived) -> Unread:
    """Look back from the cursor to the newest entry that was archived.

    Raises:
        UnreadStreamError: they are too many to be added again in one go.
    """
    unread: list[Entry] = []
    size_bytes, end = 0, f"{cursor[0]}-{cursor[1]}"
    client.set_response_callback("XREVRANGE", _as_it_came)
    asked: Any = client
    while page := asked.execute_command(
        "XREVRANGE", lane_stream(lane), end, "-", "COUNT", _PAGE_ENTRIES
    ):
        entries = [Entry(*entry_position(raw[0]), raw[1]) for raw in page]
        known = archived(entries[::-1])
        newest = next((i for i, e in enumerate(entries) if (e.ms, e.seq) in known), len(entries))
        fresh = entries[:newest]
        unread += fresh
        size_bytes += sum(len(part) for entry in fresh for part in entry.fields)
        if len(unread) > _UNREAD_ENTRIES_MAX or size_bytes > _UNREAD_BYTES_MAX:
            raise UnreadStreamError
        if len(fresh) < len(entries):
            return Unread(unread, all_of_it=False)
        end = f"({entries[-1].ms}-{entries[-1].seq}"
    return Unread(unread, all_of_it=True)


def set_aside(client: redis.Redis, lane: int, cursor: Position, counted: int) -> bool:
    """Rename a lane's stream, and begin a new one behind the cursor and our count, at once.

    Returns: False where entries are aside already, which must be added again first.
    """
    aside = aside_stream(lane)
    pipeline: Any = client.pipeline(transaction=True)
    with pipeline:
        pipeline.watch(aside)
        if pipeline.xlen(aside):
            return False
        pipeline.multi()
        try:
            _begin_anew(pipeline, lane, aside, cursor, counted)
        except redis.WatchError:
            return False
    return True


def set_foreign_aside(client: redis.Redis, lane: int, cursor: Position, counted: int) -> str | None:
    """Rename what is no stream, and begin one behind the cursor and our count, at once.

    Returns: its new name, where nothing is kept but the last such; None where it is a stream now.
    """
    pipeline: Any = client.pipeline(transaction=True)
    with pipeline:
        pipeline.watch(lane_stream(lane))
        if pipeline.type(lane_stream(lane)) in {b"stream", b"none"}:
            return None
        pipeline.multi()
        try:
            _begin_anew(pipeline, lane, foreign_key(lane), cursor, counted)
        except redis.WatchError:
            return None
    return foreign_key(lane)


def _begin_anew(transaction: Any, lane: int, new_name: str, cursor: Position, counted: int) -> None:
    stream, after = lane_stream(lane), f"{cursor[0]}-{cursor[1]}"
    transaction.execute_command("RENAME", stream, new_name)
    transaction.execute_command("XGROUP", "CREATE", stream, WATERMARK_GROUP, after, "MKSTREAM")
    transaction.execute_command("XSETID", stream, after, "ENTRIESADDED", counted)
    transaction.execute()


def entries_aside(client: redis.Redis, lanes: Iterable[int]) -> dict[int, int]:
    """Lane → how many of its entries lie aside."""
    pipeline: Any = client.pipeline(transaction=False)
    asked = list(lanes)
    for lane in asked:
        pipeline.xlen(aside_stream(lane))
    return dict(zip(asked, pipeline.execute(), strict=True))


def is_little(entries: int) -> bool:
    """Whether a projector adds so many entries again by itself."""
    return entries <= _UNREAD_ENTRIES_MAX


def entries_at(client: Any, positions: Mapping[int, Position]) -> dict[int, list[Entry]]:
    """Lane → the entry of its stream that has this id; none where there is none."""
    client.set_response_callback("XRANGE", _as_it_came)
    pipeline = client.pipeline(transaction=False)
    for lane, (ms, seq) in positions.items():
        pipeline.execute_command("XRANGE", lane_stream(lane), f"{ms}-{seq}", f"{ms}-{seq}")
    answers = zip(positions.items(), pipeline.execute(), strict=True)
    return {lane: [Entry(*at, raw[1]) for raw in found] for (lane, at), found in answers}


def pages(client: Any, stream: str) -> Iterator[list[Entry]]:
    """The entries of a stream in order, some at a time; they may be removed meanwhile."""
    client.set_response_callback("XRANGE", _as_it_came)
    begin = "-"
    while page := client.execute_command("XRANGE", stream, begin, "+", "COUNT", _PAGE_ENTRIES):
        yield [Entry(*entry_position(raw[0]), raw[1]) for raw in page]
        if entry_position(page[-1][0]) == LAST_ID:
            return  # Redis refuses to look behind it
        begin = f"({page[-1][0].decode()}"


def add_again(client: redis.Redis, lane: int, archived: Archived) -> Iterator[tuple[int, int]]:
    """Move what was set aside back to the end of its lane's stream, but for what is archived.

    Each page is removed there once all of it was added here: what is cut short in between is added
    twice, which counts once. So a run that ended early is gone on with, and two runs beside each
    other do no harm.

    Yields: of each page, how many entries there were, and how many were added again.
    """
    stream, aside = lane_stream(lane), aside_stream(lane)
    for entries in pages(client, aside):
        known = archived(entries)
        unread = [entry for entry in entries if (entry.ms, entry.seq) not in known]
        _add(client, stream, unread)
        client.xdel(aside, *(f"{entry.ms}-{entry.seq}" for entry in entries))
        yield len(entries), len(unread)
    pipeline: Any = client.pipeline(transaction=True)
    with pipeline:
        pipeline.watch(aside)
        if not pipeline.xlen(aside):
            pipeline.multi()
            pipeline.delete(aside)
            pipeline.execute()


def _add(client: redis.Redis, stream: str, entries: list[Entry]) -> None:
    """Add entries in one transaction; an error of any of them is raised."""
    pipeline: Any = client.pipeline(transaction=True)
    for entry in entries:
        pipeline.execute_command("XADD", stream, "*", *entry.fields)
    pipeline.execute()


def _as_it_came(response: Any, **_options: Any) -> Any:
    """Names of fields may repeat: a dictionary would lose what it came with."""
    return response
