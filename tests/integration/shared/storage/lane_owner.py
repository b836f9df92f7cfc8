"""An owner of lanes without streams: it folds entries that a test gives it, and commits them.

Used by the tests of storage; what a projector's threads add is tested with real projectors.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from shared.contracts.entries import Entry, kept_fields
from shared.contracts.stream_names import partition_of
from shared.folds.journal import Position
from shared.projections.folding import Folding
from shared.projections.state_cache import StateCache
from shared.projections.write_set import WriteSet
from shared.storage.commits import Committer
from shared.storage.connection import connect
from shared.storage.lanes import Lanes
from shared.storage.log import Log
from shared.storage.subjects import SubjectReader
from tests.contract.wire import changed, structured

PARTITIONS = 4
START: Position = (0, 0)
#: A moment in March 2026: every entry of these tests has an id from here on.
NOW_MS = 1_773_000_000_000


class LaneOwner:
    """One owner with its own connections; everything it does is done at once."""

    def __init__(self, database_url: str, name: str, lease_ms: int = 60_000) -> None:
        """Owns nothing yet."""
        self.name = name
        self.database_url = database_url
        self.connection = connect(database_url, name)
        self.committing = connect(database_url, f"{name} commits")
        self.lanes = Lanes(self.connection, name, lease_ms)
        self.committer = Committer(self.committing, name, PARTITIONS, 1)
        self.log = Log(self.connection, PARTITIONS)
        self.epochs: dict[int, int] = {}
        self.folding = self._folding()

    def _folding(self) -> Folding:
        return Folding(PARTITIONS, StateCache(2**20), SubjectReader(self.connection, 1).load)

    def take(self, lanes_max: int = PARTITIONS + 1) -> dict[int, int]:
        """Take free lanes, the inbox first."""
        taken = self.lanes.take(lanes_max, 1)
        self.epochs |= taken
        return taken

    def fold(self, entries: Mapping[int, list[Entry]], old: Position = START) -> WriteSet:
        """A batch of entries by lane, which follow `old`."""
        for lane, of_lane in entries.items():
            self.folding.take(lane, old, of_lane, {})
        return self.folding.harvest()

    def commit(self, writes: WriteSet, epochs: dict[int, int] | None = None) -> None:
        """Commit a batch at the epochs that this owner took its lanes at."""
        known = self.epochs if epochs is None else epochs
        self.committer.commit(writes, {lane: known[lane] for lane in writes.lanes})

    def archive(self, lane: int, *batches: list[Entry]) -> None:
        """Commit batches one after the other: a segment each."""
        old = self.lanes.cursors([lane], 1)[lane].position
        for entries in batches:
            self.commit(self.fold({lane: entries}, old))
            old = (entries[-1].ms, entries[-1].seq)

    def write_segments(self, lane: int, *batches: list[Entry]) -> None:
        """Write batches into the log alone, all in one transaction: a segment each."""
        with self.connection.transaction():
            for entries in batches:
                writes = self.fold({lane: entries})
                self.log.prepare(writes.lanes)
                self.log.append(writes.lanes)

    def forget(self) -> None:
        """Drop what is in memory, as a projector does after a failed commit."""
        self.folding = self._folding()

    def close(self) -> None:
        """Disconnect; the leases stay."""
        self.connection.close()
        self.committing.close()


@contextmanager
def lane_owner(database_url: str, name: str, lease_ms: int = 60_000) -> Iterator[LaneOwner]:
    """An owner that is disconnected afterwards."""
    owner = LaneOwner(database_url, name, lease_ms)
    try:
        yield owner
    finally:
        owner.close()


def subject_in(lane: int, word: str = "call") -> str:
    """A subject that begins with a word and lives in a partition."""
    return next(
        name
        for name in (f"{word}-{number}" for number in range(10_000))
        if partition_of(name, PARTITIONS) == lane
    )


def entry(number: int, event: Mapping[str, Any] | bytes, seq: int = 0) -> Entry:
    """A stream entry in structured mode, `number` milliseconds after `NOW_MS`."""
    return Entry(NOW_MS + number, seq, structured(event))


def call_entry(number: int, lane: int, word: str = "call", **changes: object) -> Entry:
    """An entry that ends a call of a partition; each number is an event of its own."""
    subject = subject_in(lane, word)
    return entry(number, changed(**{"id": f"{word}-{number}", "subject": subject, **changes}))


class Held(NamedTuple):
    """One entry that the log holds."""

    ms: int
    seq: int
    fields: list[bytes]


def held(log: Log, lane: int, after: Position = (-1, 0)) -> list[Held]:
    """Every entry of a lane that the log yields, in the order in which it does."""
    return [
        Held(ms, seq, kept_fields(mode, kept))
        for entries in log.entries(lane, after)
        for ms, seq, mode, kept, _ in entries
    ]


def everything(connection: psycopg.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the installation and the first generation; leases and beats are left out."""
    tables = connection.execute(
        "SELECT table_schema, table_name FROM information_schema.tables"
        " WHERE table_schema IN ('callfold', 'gen_1') ORDER BY 1, 2"
    ).fetchall()
    return {
        table: sorted(
            connection.execute(
                sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, table))
            ).fetchall(),
            key=repr,
        )
        for schema, table in tables
        if table not in {"leases", "projectors"} and not table.startswith("log_segments_")
    }
