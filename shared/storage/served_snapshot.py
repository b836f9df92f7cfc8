"""What the live generation holds and serves, in one snapshot: the side that is verified.

Called by `callfold verify`; reads only. The log is read outside of the snapshot, up to `folded`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import msgspec
import psycopg
from psycopg import sql

from shared.contracts.event_types import Kind
from shared.errors import GenerationError
from shared.folds.journal import Position, unpack_positions
from shared.folds.states import FOLD_VERSION
from shared.reports.call_history import CallHistoryItem, CallHistoryRows, call_history
from shared.reports.published_flows import NO_FLOW
from shared.storage.connection import connect
from shared.storage.contribution_sums import WrongTally, wrong_tallies
from shared.storage.generations import (
    all_generations,
    live_of,
    partitions_of,
    schema_name,
)
from shared.storage.lanes import fold_positions
from shared.storage.parked_known import known_by_now
from shared.storage.report_reading import ReportReader, ReportRows
from shared.storage.subjects import SUBJECT_TABLES

#: Longer than any pause that the reader makes while it hands over what it read.
_PATIENCE = "SET LOCAL idle_in_transaction_session_timeout = '10min'"
_FETCH_ROWS = 5_000
_PAGE_CALLS = 1_000
_BEFORE_ALL_US = -(2**63)
_EXECUTIONS = (
    "SELECT organization_id, execution_id FROM {mentions} WHERE subjects > 0"
    " UNION SELECT organization_id, execution_id FROM {executions} ORDER BY 1, 2"
)


class Journal(NamedTuple):
    """The events that one subject remembers: where in the log they are."""

    kind: str
    organization_id: str
    subject: str
    positions: list[Position]


class ServedSnapshot:
    """One look at the live generation.

    Attributes:
        generation: Its number.
        partitions: The installation's number of partitions.
        folded: How far each partition is folded.
        archived: How far each lane is archived.
    """

    def __init__(self, connection: psycopg.Connection) -> None:
        """`connection` is within a transaction that sees one snapshot; see `served_snapshot`.

        Raises:
            GenerationError: there is no live generation of this release's fold version.
        """
        live = live_of(all_generations(connection))
        if live.fold_version != FOLD_VERSION:
            raise GenerationError("the live generation is of another release; verify with that one")
        self._connection = connection
        self._schema = schema_name(live.number)
        self.generation = live.number
        self.partitions = partitions_of(connection)
        folded = fold_positions(connection, live.number)
        self.folded = {lane: folded.get(lane, (0, 0)) for lane in range(self.partitions)}
        self.archived = archived_positions(connection)

    def executions(self) -> list[tuple[str, str]]:
        """Every execution that a report answers for, by organization and id."""
        statement = sql.SQL(_EXECUTIONS).format(
            mentions=sql.Identifier(self._schema, "execution_mentions"),
            executions=sql.Identifier(self._schema, "executions"),
        )
        return self._connection.execute(statement).fetchall()

    def reports(self, organization_id: str, execution_id: str) -> ReportRows | None:
        """What the reports of an execution are made of; None where it is unknown."""
        return self._reader(organization_id, execution_id).reports()

    def calls(self, organization_id: str, execution_id: str) -> Iterator[CallHistoryItem]:
        """The whole call history of an execution, read page by page."""
        reader = self._reader(organization_id, execution_id)
        after: tuple[int, str] = (_BEFORE_ALL_US, "")
        while True:
            place = {"after_us": after[0], "after_call_id": after[1], "skip": 0}
            page = {**NO_FLOW._asdict(), **place, "limit": _PAGE_CALLS}
            row = reader.fetch("call_history", page)[0]
            rows = msgspec.json.decode(row[4], type=CallHistoryRows)
            yield from call_history(rows, 1, _PAGE_CALLS).data
            if len(rows.calls) <= _PAGE_CALLS:
                return
            last = rows.calls[_PAGE_CALLS - 1]
            after = last.started_us, last.call_id

    def _reader(self, organization_id: str, execution_id: str) -> ReportReader:
        return ReportReader(self._connection, self._schema, organization_id, execution_id)

    def journals(self) -> Iterator[Journal]:
        """What every subject remembers, a kind after the other."""
        for kind in Kind:
            table, subject_id = SUBJECT_TABLES[kind.value]
            statement = sql.SQL("SELECT organization_id, {}, positions FROM {}").format(
                sql.Identifier(subject_id), sql.Identifier(self._schema, table)
            )
            with self._connection.cursor(f"journals_{table}") as cursor:
                cursor.itersize = _FETCH_ROWS
                for organization_id, subject, positions in cursor.execute(statement):
                    remembered = unpack_positions(positions)
                    yield Journal(kind.value, organization_id, subject, remembered)

    def wrong_tallies(self, limit: int) -> list[WrongTally]:
        """Tallies that are not the sum of what the subjects contribute."""
        return wrong_tallies(self._connection, self.generation, limit)

    def left_out(self) -> set[tuple[int, int, int]]:
        """Entries of the log that count nowhere, by a verdict of ours: lane and id."""
        rows = self._connection.execute("SELECT lane, ms, seq FROM callfold.left_out_entries")
        return {(lane, ms, int(seq)) for lane, ms, seq in rows}

    def parked(self) -> dict[tuple[int, bytes], Position]:
        """Parked entries that this release would accept: lane, hash of the bytes → the last one.

        They count from the next rebuild on, not before.
        """
        return {
            (known.parked.lane, known.parked.sha256): (known.parked.last_ms, known.parked.last_seq)
            for known in known_by_now(self._connection, self.partitions)
        }


def archived_positions(connection: psycopg.Connection) -> dict[int, Position]:
    """How far each lane is archived."""
    rows = connection.execute("SELECT lane, ms, seq FROM callfold.lanes").fetchall()
    return {lane: (ms, int(seq)) for lane, ms, seq in rows}


@contextmanager
def served_snapshot(database_url: str) -> Iterator[ServedSnapshot]:
    """A snapshot on a connection of its own."""
    with connect(database_url, "verify") as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.execute(_PATIENCE)
        yield ServedSnapshot(connection)
