"""Lets a stream go on that is not the one that was read, or that nobody can read.

Called by the stream watch for each finding. What a finding says of our count changes with it: a
stream that began anew begins with our count.
"""

from collections.abc import Callable, Mapping
from functools import partial

import psycopg
import redis

from shared.contracts.incident_kinds import IncidentKind
from shared.contracts.stream_names import INBOX_LANE, lane_stream
from shared.delivery.stream_keeping import evictions
from shared.delivery.stream_resuming import (
    Archived,
    add_again,
    add_unread,
    entries_aside,
    entries_at,
    go_on_behind,
    is_little,
    set_aside,
    set_foreign_aside,
    unread_entries,
)
from shared.delivery.stream_watch import LAST_ID, Finding, StreamFacts, to_resume
from shared.errors import UnreadStreamError
from shared.limits import ENTRY_MS_MAX
from shared.storage.archived_entries import another_is_archived, archived_as_they_are
from shared.storage.incidents import LaneCount


def with_true_own(
    client: redis.Redis,
    connection: psycopg.Connection,
    counts: Mapping[int, LaneCount],
    looked: Mapping[int, StreamFacts],
) -> dict[int, StreamFacts]:
    """The facts of streams, whose own entry counts as gone where another has its id.

    A server that took over may have given the same id to something else (D-054). Asked when a lane
    is taken up: once it was read on, what lies before the cursor is behind what was archived.
    """
    told = dict(looked)
    asked = {
        lane: counts[lane].position
        for lane, facts in looked.items()
        if facts.own and lane != INBOX_LANE
    }
    for lane, own in entries_at(client, asked).items():
        is_another = any(another_is_archived(connection, lane, entry) for entry in own)
        told[lane] = told[lane]._replace(own=bool(own) and not is_another)
    return told


def mended(
    client: redis.Redis,
    connection: psycopg.Connection,
    lane: int,
    at: LaneCount,
    facts: StreamFacts,
    found: Finding,
) -> Finding | None:
    """Mend what a finding is about, as far as that is safe; returns it as it must be declared.

    Returns: None where the stream changed meanwhile, so that it has to be looked at anew.

    Raises:
        redis.ResponseError: this user may not do what that takes; an operator must.
    """
    archived = partial(archived_as_they_are, connection, lane)
    match found.kind:
        case IncidentKind.WRONG_TYPE:
            moved_to = set_foreign_aside(client, lane, at.position, at.counted)
            if moved_to is None:
                return None
            found.detail["movedTo"] = moved_to
        case IncidentKind.ID_OUT_OF_RANGE:
            # What takes no entry any more keeps every lane waiting that has some to move there.
            takes_more = facts.last_generated < LAST_ID
            if takes_more and not _next_is_out_of_range(client, lane, at):
                return None
            set_aside(client, lane, at.position, at.counted)
        case IncidentKind.RECREATED if facts.exists:
            return _followed(client, lane, at, facts, found, archived)
        case IncidentKind.TRIMMED if _may_hold_unread(lane, at, facts):
            return _looked_back(client, lane, at, facts, found, archived)
    return found


def brought_back(client: redis.Redis, connection: psycopg.Connection, lane: int, aside: int) -> int:
    """Add again what lies aside, if it is little; returns how many entries lie there then."""
    if not is_little(aside):
        return aside
    for _ in add_again(client, lane, partial(archived_as_they_are, connection, lane)):
        pass
    return entries_aside(client, [lane])[lane]


def _followed(
    client: redis.Redis,
    lane: int,
    at: LaneCount,
    facts: StreamFacts,
    found: Finding,
    archived: Archived,
) -> Finding | None:
    """Another stream than the one that was read: its ids go on behind the cursor from now on."""
    cursor = at.position
    if facts.last_generated >= cursor:
        return _looked_back(client, lane, at, facts, found, archived)

    def behind() -> Finding | None:
        unread_entries(client, lane, cursor, archived)  # too much must be known before
        added = go_on_behind(client, lane, cursor)
        if added is None:
            return None
        found.detail["addedAgain"] = len(add_unread(client, lane, cursor, archived).entries)
        return found._replace(uncounted=added - at.counted)

    return _or_aside(client, lane, at, found, behind)


def _looked_back(
    client: redis.Redis,
    lane: int,
    at: LaneCount,
    facts: StreamFacts,
    found: Finding,
    archived: Archived,
) -> Finding | None:
    """Its ids have passed the cursor: what it holds before it may never have been read.

    Of the inbox nobody knows, since what was moved is in other lanes' logs: all is added again.
    """

    def back() -> Finding:
        unread = add_unread(client, lane, at.position, archived)
        found.detail["addedAgain"] = len(unread.entries)
        if lane == INBOX_LANE or not unread.entries or not unread.all_of_it:
            return found
        # Nothing of it was ever read, so that it is known how many lie behind the cursor.
        behind = facts.length - len(unread.entries)
        return found._replace(
            kind=IncidentKind.RECREATED,
            entries_lost=None,
            uncounted=facts.added - behind - at.counted,
        )

    return _or_aside(client, lane, at, found, back)


def _may_hold_unread(lane: int, at: LaneCount, facts: StreamFacts) -> bool:
    """Whether entries before the cursor are there; the inbox' only where its own entry is not."""
    is_before = facts.first is not None and facts.first < at.position
    return is_before and (lane != INBOX_LANE or not facts.own)


def _or_aside(
    client: redis.Redis,
    lane: int,
    at: LaneCount,
    found: Finding,
    mend: Callable[[], Finding | None],
) -> Finding | None:
    try:
        return mend()
    except UnreadStreamError as error:
        if not set_aside(client, lane, at.position, at.counted):
            return None
        found.detail.update(todo=to_resume(lane), why=str(error))
        return found._replace(kind=IncidentKind.RECREATED, entries_lost=None, uncounted=0)


def _next_is_out_of_range(client: redis.Redis, lane: int, at: LaneCount) -> bool:
    """Whether all that can be read was: what comes before such an entry is read first."""
    ms, seq = at.position
    return not client.xrange(lane_stream(lane), f"({ms}-{seq}", f"{ENTRY_MS_MAX}", count=1)


def blame_eviction(client: redis.Redis, found: Finding) -> None:
    """Say so where a stream was begun anew because Redis dropped it for want of memory."""
    if found.kind is not IncidentKind.RECREATED or "todo" in found.detail:
        return  # what lies aside comes first
    policy, evicted = evictions(client)
    if evicted and policy != "noeviction":
        found.detail["evictedKeys"] = evicted
        found.detail["todo"] = (
            f"`CONFIG SET maxmemory-policy noeviction`: under {policy} {evicted} keys were dropped;"
            " let publishers send again, with the same ids, what it had"
        )
