"""Incidents: loss is declared, and our count of a stream's entries meets the stream's own again.

Declared by the owner of a lane alone, under its lease; one row per lane, kind and place, so that
what goes on for days is seen as often as it is looked at, and told once.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import psycopg

from shared.contracts.incident_kinds import IncidentKind
from shared.folds.journal import Position
from shared.storage.read_pool import statement_text

_FENCE = "SELECT 1 FROM callfold.leases WHERE lane = %s AND epoch = %s FOR KEY SHARE"
_COUNT = (
    "UPDATE callfold.lanes SET entries_unread = entries_unread + %s"
    " WHERE lane = %s AND entries_unread = %s"
)
# A stream that began anew, by itself or by an operator, has lost the cursor's own entry as well:
# that is one incident, not two.
_DECLARE = (
    "INSERT INTO callfold.incidents AS i (lane, kind, ms, seq, detail, entries_lost, times)"
    " SELECT found.*, 1 FROM (VALUES (%s::int, %s::text, %s::bigint, %s::numeric, %s::text,"
    " %s::bigint)) AS found (lane, kind, ms, seq, detail, lost)"
    " WHERE NOT (kind = 'trimmed' AND lost = 0 AND EXISTS (SELECT FROM callfold.incidents AS o"
    " WHERE o.lane = found.lane AND o.kind IN ('recreated', 'id_out_of_range', 'wrong_type')"
    " AND o.ms = found.ms AND o.seq = found.seq))"
    " ON CONFLICT (lane, kind, ms, seq) DO UPDATE SET last_seen_at = now(), times = i.times + 1,"
    " entries_lost = i.entries_lost + excluded.entries_lost, detail = excluded.detail"
    " RETURNING i.times"
)


# Incidents of streams and of publishers, told as the read API tells its readers.
_OPEN = "SELECT kind, sum(incidents)::bigint FROM ({}) AS open GROUP BY kind"


class LaneCount(NamedTuple):
    """How far a lane is archived, and how many entries that is by our own count."""

    position: Position
    entries_read: int
    #: Entries that the stream counted and nobody read.
    entries_unread: int

    @property
    def counted(self) -> int:
        """The stream's own count of entries up to here."""
        return self.entries_read + self.entries_unread


class Incident(NamedTuple):
    """One row of `callfold.incidents`."""

    lane: int
    kind: str
    place: Position
    entries_lost: int | None
    times: int
    first_seen_at: datetime
    last_seen_at: datetime
    detail: dict[str, Any]


def lane_counts(connection: psycopg.Connection, lanes: Iterable[int]) -> dict[int, LaneCount]:
    """Where lanes stand, by lane in order."""
    rows = connection.execute(
        "SELECT lane, ms, seq, entries_read, entries_unread FROM callfold.lanes"
        " WHERE lane = ANY(%s) ORDER BY lane",
        (list(lanes),),
    ).fetchall()
    return {lane: LaneCount((ms, int(seq)), read, unread) for lane, ms, seq, read, unread in rows}


def declare(
    connection: psycopg.Connection,
    lane: int,
    epoch: int,
    at: LaneCount,
    kind: IncidentKind,
    entries_lost: int | None,
    uncounted: int,
    detail: dict[str, Any],
) -> int:
    """Write an incident of a lane held at `epoch` down; returns how often it was seen by now.

    0: nothing is written where the lane has another owner by now, who may have trimmed what is
    missed here, or where another look has counted the loss already.
    """
    with connection.transaction():
        if connection.execute(_FENCE, (lane, epoch)).fetchone() is None:
            return 0
        if uncounted:
            counted = connection.execute(_COUNT, (uncounted, lane, at.entries_unread))
            if not counted.rowcount:
                return 0
        ms, seq = at.position
        row = connection.execute(
            _DECLARE,
            (lane, str(kind), ms, seq, msgspec.json.encode(detail).decode(), entries_lost),
        ).fetchone()
    return int(row[0]) if row else 0


def all_incidents(connection: psycopg.Connection) -> list[Incident]:
    """Every incident ever declared, the latest first."""
    rows = connection.execute(
        "SELECT lane, kind, ms, seq, entries_lost, times, first_seen_at, last_seen_at, detail"
        " FROM callfold.incidents ORDER BY last_seen_at DESC, lane, kind, ms, seq"
    ).fetchall()
    return [
        Incident(lane, kind, (ms, int(seq)), lost, times, first, last, msgspec.json.decode(detail))
        for lane, kind, ms, seq, lost, times, first, last, detail in rows
    ]


def open_incidents(connection: psycopg.Connection) -> dict[str, int]:
    """How many incidents of each kind nobody acknowledged; kinds without any are left out."""
    rows = connection.execute(_OPEN.format(statement_text("open_incidents")).encode())
    return {str(kind): int(count) for kind, count in rows}
