"""Counts which numbers of each source's own counter have arrived, so that a gap shows loss.

`record` is called by the committer, last in its transaction; `look_for_gaps` by the stream keeper.
The tables belong to the installation: no rebuild touches them. Nothing here depends on the order
in which numbers come, nor on how often.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import psycopg

#: How long a number may be late before it is missing: partitions are archived side by side, and a
#: publisher sends again what was not acknowledged.
LATE_S: Final = 60.0

#: A row holds this many numbers (architecture.md, point 11); one bit more is the next block.
_BLOCK_BITS = 16
_BLOCK_MASK = (1 << _BLOCK_BITS) - 1
#: Ranges of a gap that are named.
_RANGES_NAMED = 5

# Rows are shared by all owners, so they come in key order, like tallies.
_RECORD = (
    "INSERT INTO callfold.source_sequences AS t (organization_id, source, block, seen)"
    " SELECT organization_id, source, block, seen::int4multirange"
    " FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::text[])"
    " AS r (organization_id, source, block, seen)"
    " ON CONFLICT (organization_id, source, block) DO UPDATE SET seen = t.seen + excluded.seen"
    " WHERE NOT t.seen @> excluded.seen"
)
# Each run of numbers with the one that follows it: between both is a gap. It is judged where the
# number behind it was there at the look before, and acknowledged where it was judged by then.
_RUNS = (
    "WITH runs AS (SELECT organization_id, source, (block << 16) + lower(run) AS first,"
    " (block << 16) + upper(run) AS beyond FROM callfold.source_sequences, unnest(seen) AS run),"
    " neighbours AS (SELECT *, min(first) OVER whose AS lowest, max(beyond) OVER whose - 1"
    " AS highest, lead(first) OVER (whose ORDER BY first) AS following"
    " FROM runs WINDOW whose AS (PARTITION BY organization_id, source)),"
    " gaps AS (SELECT n.organization_id, n.source, n.lowest, n.highest,"
    " n.beyond AS first, n.following - 1 AS last, coalesce(n.following - n.beyond, 0) AS numbers,"
    " coalesce(n.following <= {judged_through}, false) AS judged,"
    " coalesce(n.beyond <= a.measure AND n.lowest >= a.measure_from, false) AS acknowledged"
    " FROM neighbours n LEFT JOIN callfold.sequence_marks m USING (organization_id, source)"
    " LEFT JOIN callfold.incident_acknowledgements a ON a.kind = 'sequence_gap'"
    " AND a.organization_id = n.organization_id AND a.source = n.source)"
)
_LOOK = (
    _RUNS.format(judged_through="m.highest")
    + " INSERT INTO callfold.sequence_marks AS m (organization_id, source, highest, judged_through,"
    " missing, missing_since)"
    " SELECT g.organization_id, g.source, g.highest, coalesce(o.highest, -1), g.missing,"
    " CASE WHEN g.missing > 0 THEN now() END"
    " FROM (SELECT organization_id, source, max(highest) AS highest, coalesce(sum(numbers)"
    " FILTER (WHERE judged AND NOT acknowledged), 0)::bigint AS missing FROM gaps GROUP BY 1, 2) g"
    " LEFT JOIN callfold.sequence_marks o USING (organization_id, source)"
    " ORDER BY g.organization_id, g.source"
    " ON CONFLICT (organization_id, source) DO UPDATE SET highest = excluded.highest,"
    " judged_through = excluded.judged_through, missing = excluded.missing, looked_at = now(),"
    " missing_since = CASE WHEN excluded.missing > 0 THEN coalesce(m.missing_since, now()) END"
)
_DUE = (
    "SELECT NOT EXISTS (SELECT FROM callfold.sequence_marks"
    " WHERE looked_at > now() - %s * interval '1 second')"
)
_MISSING = "SELECT coalesce(sum(missing), 0) FROM callfold.sequence_marks"
_GAPS = (
    _RUNS.format(judged_through="m.judged_through")
    + " SELECT g.organization_id, g.source, min(lowest), max(m.judged_through),"
    " coalesce(sum(numbers) FILTER (WHERE judged AND NOT acknowledged), 0)::bigint,"
    " coalesce(sum(numbers) FILTER (WHERE judged AND acknowledged), 0)::bigint,"
    " coalesce(sum(numbers) FILTER (WHERE NOT judged), 0)::bigint,"
    " (array_agg(ARRAY[first, last] ORDER BY acknowledged, first)"
    " FILTER (WHERE numbers > 0))[1:%s][1:2],"
    " max(m.missing_since), max(m.looked_at)"
    " FROM gaps g LEFT JOIN callfold.sequence_marks m USING (organization_id, source)"
    " GROUP BY 1, 2 HAVING sum(numbers) > 0 ORDER BY 1, 2"
)


class SequenceGap(NamedTuple):
    """What is missing of one source's counter, by what has arrived at this moment."""

    organization_id: str
    source: str
    #: The first number that arrived: nobody says where a counter must begin.
    lowest: int
    #: Missing numbers are judged up to here; None before the first look.
    judged_through: int | None
    missing: int
    #: Missing numbers that were acknowledged.
    acknowledged: int
    #: Missing numbers that may only be late.
    late: int
    #: The first ranges of them, both ends included.
    ranges: list[list[int]]
    #: When a look first found any missing; None where the next look will say so.
    missing_since: datetime | None
    looked_at: datetime | None


def record(
    connection: psycopg.Connection, sequences: Mapping[tuple[str, str], Sequence[int]]
) -> None:
    """Note numbers that arrived, by organization and source, inside the caller's transaction."""
    rows = sorted(
        (organization_id, source, block, seen)
        for (organization_id, source), numbers in sequences.items()
        for block, seen in _blocks(numbers)
    )
    if rows:
        connection.execute(_RECORD, [list(column) for column in zip(*rows, strict=True)])


def look_for_gaps(connection: psycopg.Connection, late_s: float = LATE_S) -> int:
    """Judge what is missing, unless anybody did within `late_s`; returns how many numbers are.

    A number is missing once a higher one was there at the look before.
    """
    row = connection.execute(_DUE, (late_s,)).fetchone()
    if row is not None and row[0]:
        connection.execute(_LOOK)
    found = connection.execute(_MISSING).fetchone()
    return int(found[0]) if found else 0


def sequence_gaps(connection: psycopg.Connection) -> list[SequenceGap]:
    """Every source of whose counter numbers are missing, acknowledged ones and late ones too."""
    rows = connection.execute(_GAPS, (_RANGES_NAMED,)).fetchall()
    return [SequenceGap(*row) for row in rows]


def complete_since(connection: psycopg.Connection) -> datetime | None:
    """When it was last looked, if no source misses a number that is not acknowledged.

    None where some do, late ones too, or where no source counts.
    """
    if any(gap.missing or gap.late for gap in sequence_gaps(connection)):
        return None
    row = connection.execute("SELECT min(looked_at) FROM callfold.sequence_marks").fetchone()
    return row[0] if row else None


def _blocks(numbers: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Numbers as ranges by block, in the text form of a multirange."""
    block, ranges = -1, ""
    for first, last in _runs(sorted(set(numbers))):
        if first >> _BLOCK_BITS != block:
            if ranges:
                yield block, f"{{{ranges[1:]}}}"
            block, ranges = first >> _BLOCK_BITS, ""
        ranges += f",[{first & _BLOCK_MASK},{last & _BLOCK_MASK}]"
    if ranges:
        yield block, f"{{{ranges[1:]}}}"


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Runs of numbers that follow one another; none reaches over the end of a block."""
    first = last = numbers[0]
    for number in numbers[1:]:
        if number != last + 1 or not number & _BLOCK_MASK:
            yield first, last
            first = number
        last = number
    yield first, last
