"""Finds out whether a stream lost entries: by what it says of itself, against our own count.

A stream counts every entry ever added to it, and we count every entry read; where they differ at
the same place, entries were removed unread, whatever the race was (engine-notes.md, section 3).
Looked at every few seconds, not at each read.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import redis

from shared.contracts.incident_kinds import IncidentKind
from shared.contracts.stream_names import lane_stream, lane_word
from shared.folds.journal import Position
from shared.limits import ENTRY_MS_MAX

#: Entries behind the cursor are counted where there should be fewer than these; else the count
#: waits for a quieter look. An entry may hold a MiB, so this also bounds what a look costs.
_COUNTED_BEHIND_MAX = 16
#: The highest id of all: a stream that gave it takes no entry any more.
LAST_ID: Final = (2**64 - 1, 2**64 - 1)


class StreamFacts(NamedTuple):
    """What a stream says of itself at one moment."""

    exists: bool
    length: int
    #: Entries ever added, since the stream was created.
    added: int
    first: Position | None
    #: The highest id that it ever gave; (0, 0) where there is no stream.
    last_generated: Position
    #: Entries after the cursor; None where they are too many to count.
    after_cursor: int | None
    #: Whether the cursor's own entry is there, which we never trim.
    own: bool = False
    #: What stands there instead of a stream ("string"); None where that is a stream or nothing.
    foreign: str | None = None


_NO_STREAM = StreamFacts(
    exists=False, length=0, added=0, first=None, last_generated=(0, 0), after_cursor=0
)

#: By what a finding is known again at the next look.
Key = tuple[IncidentKind, int, Position | None]


class Finding(NamedTuple):
    """Something that must be declared."""

    kind: IncidentKind
    #: Entries that nobody will ever read; None where nobody can know.
    entries_lost: int | None
    #: What to add to our count, so that it meets the stream's again.
    uncounted: int
    detail: dict[str, Any]

    def key(self, cursor: Position) -> Key:
        """The same number of entries is missing, wherever the cursor is by then."""
        if self.kind is not IncidentKind.TRIMMED:
            return self.kind, 0, None
        return self.kind, self.uncounted, None if self.uncounted else cursor


def look(client: redis.Redis, lanes: Mapping[int, tuple[Position, int]]) -> dict[int, StreamFacts]:
    """What the streams of lanes say, by each one's cursor and the entries read up to it.

    Asked in one go, for where each answer takes long lanes must not wait for each other's.

    Raises:
        redis.RedisError: the server is away.
    """
    pipeline: Any = client.pipeline(transaction=False)
    for lane, (cursor, _) in lanes.items():
        _ask(pipeline, lane, cursor)
    answers = iter(pipeline.execute(raise_on_error=False))
    looked = {}
    for lane, (cursor, counted) in lanes.items():
        facts = _facts(client, lane, cursor, next(answers), next(answers))
        if facts.after_cursor is None and facts.added - counted < _COUNTED_BEHIND_MAX:
            facts = _counted(client, lane, cursor)
        looked[lane] = facts
    return looked


def _counted(client: redis.Redis, lane: int, cursor: Position) -> StreamFacts:
    """The facts of one moment, with the few entries after the cursor counted."""
    pipeline: Any = client.pipeline(transaction=True)
    _ask(pipeline, lane, cursor)
    pipeline.execute_command(
        "XRANGE", lane_stream(lane), f"({_text(cursor)}", "+", "COUNT", _COUNTED_BEHIND_MAX
    )
    return _facts(client, lane, cursor, *pipeline.execute(raise_on_error=False))


def _ask(pipeline: Any, lane: int, cursor: Position) -> None:
    pipeline.xinfo_stream(lane_stream(lane))
    pipeline.execute_command("XRANGE", lane_stream(lane), _text(cursor), _text(cursor))


def _facts(
    client: redis.Redis, lane: int, cursor: Position, said: Any, found: Any, behind: Any = None
) -> StreamFacts:
    """The facts in the answers to `_ask`, and perhaps in some entries behind the cursor."""
    if isinstance(said, redis.ResponseError) and "no such key" in str(said):
        return _NO_STREAM
    if isinstance(said, redis.ResponseError) and is_wrong_type(said):
        kind: Any = client.type(lane_stream(lane))
        return _NO_STREAM._replace(foreign=kind.decode())
    for answer in (said, found, behind):
        if isinstance(answer, Exception):
            raise answer
    first = said["first-entry"] and entry_position(said["first-entry"][0])
    last_generated = entry_position(said["last-generated-id"])
    after_cursor = None
    if last_generated <= cursor:
        after_cursor = 0
    elif first is None or first > cursor:
        after_cursor = said["length"]
    elif behind is not None and len(behind) < _COUNTED_BEHIND_MAX:
        after_cursor = len(behind)
    return StreamFacts(
        exists=True,
        length=said["length"],
        added=said["entries-added"],
        first=first,
        last_generated=last_generated,
        after_cursor=after_cursor,
        own=bool(found),
    )


def is_wrong_type(error: Exception) -> bool:
    """Whether Redis refused a command because the key holds something else than a stream."""
    return str(error).startswith("WRONGTYPE")


def judge(lane: int, cursor: Position, counted: int, facts: StreamFacts) -> list[Finding]:
    """What must be declared of a lane that has read `counted` entries up to its cursor."""
    if facts.foreign is not None:
        words = f"somebody put a {facts.foreign} where the stream belongs; publishers are refused"
        return [Finding(IncidentKind.WRONG_TYPE, None, 0, _detail(lane, cursor, facts, words))]
    findings = []
    if facts.last_generated < cursor:
        findings.append(_recreated(lane, cursor, facts.added - counted, facts))
    else:
        behind = facts.after_cursor
        uncounted = 0 if behind is None else facts.added - behind - counted
        own_is_gone = cursor != (0, 0) and not facts.own
        if uncounted < 0:
            findings.append(_recreated(lane, cursor, uncounted, facts))
        elif uncounted or own_is_gone:
            words = "entries were removed by others, or added before the cursor"
            detail = _detail(lane, cursor, facts, words)
            findings.append(Finding(IncidentKind.TRIMMED, uncounted, uncounted, detail))
    if facts.last_generated[0] > ENTRY_MS_MAX:
        words = f"an entry id has more than {ENTRY_MS_MAX} milliseconds, which nobody can keep"
        detail = _detail(lane, cursor, facts, words)
        findings.append(Finding(IncidentKind.ID_OUT_OF_RANGE, None, 0, detail))
    return findings


def to_resume(lane: int) -> str:
    """What an operator does where a projector does not by itself."""
    return (
        f"`callfold incidents resume {lane_word(lane)}` adds again what the log does not hold;"
        " let publishers send again, with the same ids, what Redis had acknowledged and lost"
    )


def _recreated(lane: int, cursor: Position, uncounted: int, facts: StreamFacts) -> Finding:
    words = "the stream holds less than was read from it: deleted, recreated, or restored older"
    detail = _detail(lane, cursor, facts, words)
    return Finding(IncidentKind.RECREATED, None, uncounted, detail)


def _detail(lane: int, cursor: Position, facts: StreamFacts, words: str) -> dict[str, Any]:
    return {
        "what": words,
        "stream": lane_stream(lane),
        "cursor": _text(cursor),
        "firstEntry": facts.first and _text(facts.first),
        "lastGenerated": _text(facts.last_generated),
        "length": facts.length,
        "entriesAdded": facts.added,
    }


def entry_position(entry_id: bytes) -> Position:
    """An entry id as a position."""
    ms, seq = entry_id.split(b"-")
    return int(ms), int(seq)


def _text(position: Position) -> str:
    return f"{position[0]}-{position[1]}"
