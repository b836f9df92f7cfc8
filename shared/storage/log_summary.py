"""What the log holds, by partition and month. Called by `callfold log ls`."""

from typing import NamedTuple

import psycopg

from shared.folds.journal import Position
from shared.storage.merging import EVENTS_SMALL

#: Each month is a table; `log_segments_beyond` holds what no date can say.
_TABLE_PREFIX = "log_segments_"
# Segments of a partition never overlap, so the last to begin is the last to end.
_MONTHS = (
    "WITH months AS (SELECT s.partition, s.tableoid, count(*) AS segments,"
    " count(*) FILTER (WHERE s.events < %s) AS small, sum(s.events)::bigint AS events,"
    " sum(octet_length(s.body))::bigint AS body_bytes,"
    " (array_agg(ARRAY[s.first_ms, s.first_seq] ORDER BY s.first_ms, s.first_seq))[1:1] AS first,"
    " (array_agg(ARRAY[s.last_ms, s.last_seq]"
    " ORDER BY s.first_ms DESC, s.first_seq DESC))[1:1] AS last"
    " FROM callfold.log_segments s GROUP BY 1, 2),"
    " tenants AS (SELECT s.partition, s.tableoid, count(DISTINCT o) AS organizations"
    " FROM callfold.log_segments s, unnest(s.organizations) o GROUP BY 1, 2)"
    " SELECT m.partition, c.relname, m.segments, m.small, m.events, m.body_bytes,"
    " m.first, m.last, coalesce(t.organizations, 0)"
    " FROM months m JOIN pg_class c ON c.oid = m.tableoid"
    " LEFT JOIN tenants t ON t.partition = m.partition AND t.tableoid = m.tableoid"
    " ORDER BY m.partition, m.first"
)


class LogMonth(NamedTuple):
    """The segments of one partition that begin in one month."""

    partition: int
    #: Such as `2026-03`, or `beyond` the year 9999.
    month: str
    segments: int
    #: Of these, segments of fewer events than merging aims at.
    small_segments: int
    events: int
    body_bytes: int
    first: Position
    last: Position
    organizations: int


def log_months(connection: psycopg.Connection) -> list[LogMonth]:
    """Every partition and month that holds events, in the order of the log."""
    rows = connection.execute(_MONTHS, (EVENTS_SMALL,)).fetchall()
    return [
        LogMonth(
            partition,
            table.removeprefix(_TABLE_PREFIX).replace("_", "-"),
            segments,
            small,
            events,
            body_bytes,
            _position(first),
            _position(last),
            organizations,
        )
        for (
            partition,
            table,
            segments,
            small,
            events,
            body_bytes,
            first,
            last,
            organizations,
        ) in rows
    ]


def _position(pair: list[list[int]]) -> Position:
    ms, seq = pair[0]
    return int(ms), int(seq)
