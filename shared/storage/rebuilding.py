"""Folds the log into another generation, and compares two generations table by table."""

from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import NamedTuple

import psycopg
from psycopg import sql
from sqlalchemy import Table

from shared.contracts.park_reasons import ParkReason
from shared.folds.journal import Position
from shared.projections.folding import Folding
from shared.projections.state_cache import StateCache
from shared.projections.write_set import LaneWrite, WriteSet
from shared.storage.commits import GenerationWriter
from shared.storage.generations import schema_name
from shared.storage.lanes import fold_positions
from shared.storage.log import Log
from shared.storage.subjects import SubjectReader
from shared.storage.tables import TALLY_TABLES, generation_metadata, positions

#: Events folded into one transaction of a rebuild.
_BATCH_EVENTS = 50_000
_CACHE_BYTES = 256 * 1024 * 1024
#: Batches differ between two folds of the same log, so revisions do too.
_NOT_COMPARED = {"revision"}


class Rebuilder:
    """Follows the log into one generation; may be run again to follow what came since."""

    def __init__(
        self,
        reading: psycopg.Connection,
        writing: psycopg.Connection,
        partitions: int,
        generation: int,
    ) -> None:
        """Both connections in autocommit; `generation` is written by nobody else."""
        self._reading = reading
        self._writing = writing
        self._generation = generation
        self._partitions = partitions
        self._log = Log(reading, partitions)
        self._writer = GenerationWriter(writing, generation)
        cache = StateCache(_CACHE_BYTES)
        self._folding = Folding(partitions, cache, SubjectReader(writing, generation).load)
        self._cache = cache

    def follow(self, progress: Callable[[int], None]) -> int:
        """Fold everything that live has folded by now; returns events folded.

        Never beyond it: live may still park, by a verdict of ours, what it has not folded yet.
        """
        live = self._live_positions()
        folded = fold_positions(self._reading, self._generation)
        events = 0
        for partition in range(self._partitions):
            position, end = folded.get(partition, (0, 0)), live.get(partition, (0, 0))
            for more in self._follow_one(partition, position, end):
                events += more
                progress(events)
        return events

    def _follow_one(self, partition: int, position: Position, end: Position) -> Iterator[int]:
        """Fold one partition up to `end`; yields how many events each transaction added."""
        left_out = self._left_out(partition, position, end)
        for archived in self._log.entries(partition, position):
            entries = [entry for entry in archived if (entry.ms, entry.seq) <= end]
            if not entries:
                break
            self._folding.follow(partition, position, entries, left_out)
            position = (entries[-1].ms, entries[-1].seq)
            if self._folding.events >= _BATCH_EVENTS:
                yield self._commit()
        yield self._commit()
        if position < end:
            # The last entries belong to other lanes, whose logs hold them.
            self._write(WriteSet(lanes={partition: LaneWrite(position, end)}))

    def _live_positions(self) -> dict[int, Position]:
        row = self._reading.execute("SELECT live_generation FROM callfold.installation").fetchone()
        assert row is not None
        return fold_positions(self._reading, row[0])

    def _left_out(
        self, partition: int, after: Position, end: Position
    ) -> dict[tuple[int, int, int], tuple[ParkReason, str]]:
        """Entries that live parked by a verdict of ours, so that they must not count here."""
        rows = self._reading.execute(
            "SELECT ms, seq, reason FROM callfold.left_out_entries WHERE lane = %s"
            " AND (ms, seq) > (%s, %s) AND (ms, seq) <= (%s, %s)",
            (partition, *after, *end),
        ).fetchall()
        return {(partition, ms, int(seq)): (ParkReason(reason), "") for ms, seq, reason in rows}

    def _commit(self) -> int:
        events = self._folding.events
        if events:
            self._write(self._folding.harvest())
            self._cache.shrink()
        return events

    def _write(self, writes: WriteSet) -> None:
        with self._writing.transaction():
            self._writer.write(writes)


class TableDifference(NamedTuple):
    """How one table compares: rows on each side, and rows that the other side lacks."""

    table: str
    rows: int
    missing: int
    unexpected: int


def equal_positions(connection: psycopg.Connection, one: int, other: int) -> bool:
    """Whether two generations are folded equally far, in the connection's snapshot."""
    return {k: v for k, v in fold_positions(connection, one).items() if k >= 0} == {
        k: v for k, v in fold_positions(connection, other).items() if k >= 0
    }


def compare(connection: psycopg.Connection, live: int, rebuilt: int) -> Iterator[TableDifference]:
    """Compare every table of two generations; run it in one snapshot at equal positions."""
    for table in generation_metadata.sorted_tables:
        if table.name == positions.name:
            continue
        old, new = _content(table, live), _content(table, rebuilt)
        statement = sql.SQL(
            "SELECT (SELECT count(*) FROM ({old}) a),"
            " (SELECT count(*) FROM ({old} EXCEPT ALL {new}) b),"
            " (SELECT count(*) FROM ({new} EXCEPT ALL {old}) c)"
        ).format(old=old, new=new)
        row = connection.execute(statement).fetchone()
        assert row is not None
        yield TableDifference(str(table.name), *row)  # not SQLAlchemy's own kind of string


def _content(table: Table, generation: int) -> sql.Composed:
    """What a table says: without revisions, and without tallies that came back to nothing."""
    names = [column.name for column in table.columns if column.name not in _NOT_COMPARED]
    numbers = [c.name for c in table.columns if c.name not in table.primary_key.columns]
    kept = sql.SQL("true")
    if table in TALLY_TABLES:
        zeros = [sql.SQL("{} <> 0").format(sql.Identifier(name)) for name in numbers]
        kept = sql.SQL(" OR ").join(zeros)  # type: ignore[assignment]  # both are Composable
    return sql.SQL("(SELECT {} FROM {} WHERE {})").format(
        sql.SQL(", ").join(map(sql.Identifier, names)),
        sql.Identifier(schema_name(generation), table.name),
        kept,
    )


def contributions_that_differ(connection: psycopg.Connection, generation: int) -> list[str]:
    """The tallies that are not the sum of their contributions, each in one SQL statement."""
    folder = files("shared.storage") / "sql" / "contributions"
    wrong = []
    for table in TALLY_TABLES:
        text = (folder / f"{table.name}.sql").read_text("utf-8")
        statement = text.replace("{generation}", schema_name(generation))
        row = connection.execute(statement.encode()).fetchone()
        if row is None or row[0]:
            wrong.append(table.name)
    return wrong
