"""The log of record: segments as rows, partitioned by the time of the stream."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from shared.contracts.entries import ArchivedEntry
from shared.folds.journal import Position
from shared.projections.write_set import LaneWrite
from shared.storage.segments import Segment, archived_entries, pack, unpack

_COLUMNS = sql.SQL(", ").join(map(sql.Identifier, Segment._fields))
_TYPES = ("int4", "int8", "numeric", "int8", "numeric", "int4", "text[]", "jsonb", "int4", "int4",
          "int8", "bytea")  # fmt: skip
_COPY = (
    sql.SQL("COPY callfold.log_segments ({}) FROM STDIN (FORMAT BINARY)")
    .format(_COLUMNS)
    .as_bytes()
)
#: One segment, in the order of `as_row`.
INSERT_SEGMENT = (
    sql.SQL("INSERT INTO callfold.log_segments ({}) VALUES ({})")
    .format(_COLUMNS, sql.SQL(", ").join(sql.Placeholder() * len(Segment._fields)))
    .as_bytes()
)
_READ = sql.SQL(
    "SELECT {} FROM callfold.log_segments WHERE partition = %(partition)s"
    " AND (first_ms, first_seq) >= coalesce((SELECT (first_ms, first_seq)"
    " FROM callfold.log_segments WHERE partition = %(partition)s"
    " AND (first_ms, first_seq) <= (%(ms)s, %(seq)s)"
    " ORDER BY first_ms DESC, first_seq DESC LIMIT 1), (0::bigint, 0::numeric))"
    " AND (last_ms, last_seq) > (%(ms)s, %(seq)s) ORDER BY first_ms, first_seq LIMIT %(chunk)s"
).format(_COLUMNS)
_FIND = sql.SQL(
    "SELECT {} FROM callfold.log_segments WHERE partition = %s"
    " AND (first_ms, first_seq) <= (%s, %s) ORDER BY first_ms DESC, first_seq DESC LIMIT 1"
).format(_COLUMNS)
_TABLE_SETTINGS = (
    # Segments are compressed already: keep them out of line as they are.
    sql.SQL("ALTER COLUMN body SET STORAGE EXTERNAL"),
    # Merging deletes small segments all the time; their place must soon be free again.
    sql.SQL("SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000)"),
)
#: Entry ids are milliseconds of a clock, but a publisher may choose them: what lies beyond the
#: years that dates can say goes to one partition of its own.
_LAST_MONTH_MS = int(datetime(9999, 12, 1, tzinfo=UTC).timestamp() * 1000)


class Log:
    """Writes and reads segments on one connection."""

    def __init__(self, connection: psycopg.Connection, partitions: int) -> None:
        """`partitions` is written with every segment."""
        self._connection = connection
        self._partitions = partitions
        #: [start, end) in ms of the table partitions that are known to be there.
        self._months: set[tuple[int, int | None]] = set()

    def prepare(self, writes: dict[int, LaneWrite]) -> None:
        """Create the table partitions that a batch needs; outside its transaction."""
        for write in writes.values():
            for entry in (write.archived[0], write.archived[-1]) if write.archived else ():
                self._prepare_month(entry[0])

    def _prepare_month(self, ms: int) -> None:
        if any(start <= ms and (end is None or ms < end) for start, end in self._months):
            return
        name, start_ms, end_ms = _month(ms)
        if not self._exists(name):
            self._create(name, start_ms, end_ms)
        self._months.add((start_ms, end_ms))

    def _exists(self, name: str) -> bool:
        # Asked first: creating locks the whole log, which waits for whoever reads it at length.
        row = self._connection.execute("SELECT to_regclass(%s)", (f"callfold.{name}",)).fetchone()
        return row is not None and row[0] is not None

    def _create(self, name: str, start_ms: int, end_ms: int | None) -> None:
        table = sql.Identifier("callfold", name)
        end = sql.SQL("MAXVALUE") if end_ms is None else sql.Literal(end_ms)
        try:
            with self._connection.transaction():
                self._connection.execute(
                    sql.SQL(
                        "CREATE TABLE {} PARTITION OF callfold.log_segments"
                        " FOR VALUES FROM ({}) TO ({})"
                    ).format(table, sql.Literal(start_ms), end)
                )
                for setting in _TABLE_SETTINGS:
                    self._connection.execute(sql.SQL("ALTER TABLE {} {}").format(table, setting))
        except (psycopg.errors.DuplicateTable, psycopg.errors.UniqueViolation):
            pass  # another projector was faster

    def append(self, writes: dict[int, LaneWrite], *, at_once: bool = False) -> None:
        """Write one segment per lane that has something to archive; see `StagedTable.write`."""
        now_ms = time.time_ns() // 1_000_000
        lanes = [(lane, write.archived) for lane, write in sorted(writes.items()) if write.archived]
        if not lanes:
            return
        segments = (
            pack(lane, self._partitions, archived, [(len(archived), now_ms)])
            for lane, archived in lanes
        )
        with self._connection.cursor() as cursor:
            if at_once:
                cursor.executemany(INSERT_SEGMENT, [as_row(segment) for segment in segments])
                return
        with self._connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            copy.set_types(_TYPES)
            for segment in segments:  # packed one after the other: each may hold megabytes
                copy.write_row(as_row(segment))

    def segments(self, partition: int, after: Position, chunk: int = 50) -> Iterator[Segment]:
        """Segments of a partition that hold entries behind `after`, in the order of the log.

        Each chunk begins at the segment that holds the last position, because merging may have
        put what follows into a segment that begins before it.
        """
        ms, seq = after
        while True:
            place = {"partition": partition, "ms": ms, "seq": seq, "chunk": chunk}
            rows = self._connection.execute(_READ, place).fetchall()
            for row in rows:
                segment = _segment(row)
                yield segment
                ms, seq = segment.last_ms, segment.last_seq
            if len(rows) < chunk:
                return

    def find(self, partition: int, position: Position) -> tuple[int, bytes] | None:
        """The mode and bytes of one archived entry, or None where the log does not hold it."""
        row = self._connection.execute(_FIND, (partition, *position)).fetchone()
        if row is None:
            return None
        for entry, mode, kept, _ in unpack(_segment(row)):
            if (entry.ms, entry.seq) == position:
                return mode, kept
        return None

    def entries(self, partition: int, after: Position) -> Iterator[list[ArchivedEntry]]:
        """Entries of a partition behind `after`, a segment at a time."""
        for segment in self.segments(partition, after):
            entries = archived_entries(segment)
            if (segment.first_ms, segment.first_seq) <= after:
                entries = [entry for entry in entries if entry[:2] > after]
            yield entries
            # A merge meanwhile may put what was yielded into the next segment as well.
            after = segment.last_ms, segment.last_seq


def as_row(segment: Segment) -> list[Any]:
    """A segment as psycopg writes it, in the order of its columns."""
    return [Jsonb(value) if isinstance(value, dict) else value for value in segment]


def _segment(row: tuple[Any, ...]) -> Segment:
    segment = Segment(*row)
    return segment._replace(first_seq=int(segment.first_seq), last_seq=int(segment.last_seq))


def _month(ms: int) -> tuple[str, int, int | None]:
    if ms >= _LAST_MONTH_MS:
        return "log_segments_beyond", _LAST_MONTH_MS, None
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    first = datetime(moment.year, moment.month, 1, tzinfo=UTC)
    following = (first + timedelta(days=32)).replace(day=1)
    return (
        f"log_segments_{first:%Y_%m}",
        int(first.timestamp()) * 1000,
        int(following.timestamp()) * 1000,
    )
