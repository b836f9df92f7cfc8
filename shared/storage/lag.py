"""Where every lane stands: archived, folded, owned by whom. Called by `callfold lag`."""

from typing import NamedTuple

import psycopg
from psycopg import sql

from shared.errors import GenerationError, SegmentError
from shared.folds.journal import Position
from shared.storage.generations import schema_name
from shared.storage.log_reading import covering, entries_of

_LANES = (
    "SELECT l.lane, l.ms, l.seq, l.entries_read + l.entries_unread, p.ms, p.seq, e.owner, e.epoch,"
    " e.expires_at > now(), e.unclean_deaths, e.archive_only"
    " FROM callfold.lanes l JOIN callfold.leases e USING (lane)"
    " LEFT JOIN {positions} p USING (lane) ORDER BY l.lane"
)
_BEHIND = (
    "SELECT coalesce(sum(events), 0)::bigint, min(first_ms) FROM callfold.log_segments"
    " WHERE partition = %s AND (first_ms, first_seq) > (%s, %s)"
)


class LaneStanding(NamedTuple):
    """One lane, as the database knows it."""

    lane: int
    #: How far it is archived; `counted` is the stream's own count of entries up to here.
    position: Position
    counted: int
    owner: str | None
    epoch: int
    #: `held`, `expired` (its owner is gone, another may take it) or `free`.
    lease: str
    unclean_deaths: int
    #: Why the lane archives without folding; None where it folds.
    breaker: str | None
    #: Entries that are archived and not folded into the live generation; None where the log is
    #: damaged just there.
    unfolded: int | None
    #: The stream time of the first of these; None where there is none.
    oldest_unfolded_ms: int | None


def lane_standings(connection: psycopg.Connection) -> tuple[int, list[LaneStanding]]:
    """The database's clock in milliseconds, and all lanes, the inbox (-1) first.

    Raises:
        GenerationError: the database holds no installation.
    """
    row = connection.execute(
        "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint,"
        " (SELECT live_generation FROM callfold.installation)"
    ).fetchone()
    if row is None or row[1] is None:
        raise GenerationError("the database holds no installation; start a projector first")
    now_ms, generation = row
    positions = sql.Identifier(schema_name(generation), "positions")
    rows = connection.execute(sql.SQL(_LANES).format(positions=positions)).fetchall()
    return now_ms, [_standing(connection, *found) for found in rows]


def _standing(  # noqa: PLR0913, PLR0917 -- the columns of one row
    connection: psycopg.Connection,
    lane: int,
    ms: int,
    seq: int,
    counted: int,
    folded_ms: int | None,
    folded_seq: int | None,
    owner: str | None,
    epoch: int,
    held: bool,  # noqa: FBT001 -- as above
    unclean_deaths: int,
    breaker: str | None,
) -> LaneStanding:
    position, folded = (ms, int(seq)), (folded_ms or 0, int(folded_seq or 0))
    unfolded, oldest_ms = (0, None) if folded >= position else _behind(connection, lane, folded)
    lease = "free" if owner is None else "held" if held else "expired"
    return LaneStanding(
        lane, position, counted, owner, epoch, lease, unclean_deaths, breaker, unfolded, oldest_ms
    )


def _behind(
    connection: psycopg.Connection, lane: int, folded: Position
) -> tuple[int | None, int | None]:
    """How many archived entries follow a position, and the stream time of the first."""
    row = connection.execute(_BEHIND, (lane, *folded)).fetchone()
    assert row is not None
    events, oldest_ms = int(row[0]), row[1]
    try:
        # One segment may hold the position itself and entries behind it.
        amid = covering(connection, lane, folded)
        later = [e.ms for e in entries_of(amid) if e.position > folded] if amid else []
    except SegmentError:
        return None, oldest_ms
    return events + len(later), later[0] if later else oldest_ms
