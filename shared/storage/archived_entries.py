"""Which entries of a stream the log holds: what is added again to a stream leaves them out."""

from collections.abc import Sequence

import psycopg

from shared.contracts.entries import Entry, kept_form
from shared.contracts.stream_names import INBOX_LANE
from shared.folds.journal import Position
from shared.limits import ENTRY_MS_MAX
from shared.storage.log import Log
from shared.storage.segments import unpack


def archived_as_they_are(
    connection: psycopg.Connection, lane: int, entries: Sequence[Entry]
) -> set[Position]:
    """Those of these entries, which come in order, that the log holds as they are.

    The inbox has no log.
    """
    within = [entry for entry in entries if entry.ms <= ENTRY_MS_MAX]
    if lane == INBOX_LANE or not within:
        return set()
    fields = {(entry.ms, entry.seq): kept_form(entry.fields) for entry in within}
    oldest, newest = within[0], (within[-1].ms, within[-1].seq)
    found: set[Position] = set()
    for segment in Log(connection, 0).segments(lane, (oldest.ms, oldest.seq - 1), chunk=1):
        for entry, mode, kept, _ in unpack(segment):
            if fields.get((entry.ms, entry.seq)) == (mode, kept):
                found.add((entry.ms, entry.seq))
        if (segment.last_ms, segment.last_seq) >= newest:
            break
    return found


def another_is_archived(connection: psycopg.Connection, lane: int, entry: Entry) -> bool:
    """Whether the log holds something else at this entry's place.

    What was forwarded from there is in another lane's log, so that holding nothing says nothing.
    """
    known = Log(connection, 0).find(lane, (entry.ms, entry.seq))
    return known is not None and known != kept_form(entry.fields)
