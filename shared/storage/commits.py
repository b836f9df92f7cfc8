"""One batch, one transaction: log, states, positions, and last, in key order, the tallies.

Fenced twice: the lease rows are locked at their epochs, and every cursor moves only from where
the batch began. What fails rolls everything back; the caller drops its cache and reads again.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import psycopg
from psycopg import sql

from shared.contracts.amounts import nano_decimal
from shared.contracts.park_reasons import OUR_REASONS
from shared.contracts.stream_names import INBOX_LANE
from shared.errors import FencedError, StaleStateError
from shared.projections.write_set import LaneWrite, Parked, Suspect, WriteSet
from shared.storage import sequences
from shared.storage.conflicts import conflicts
from shared.storage.generations import schema_name
from shared.storage.log import Log
from shared.storage.parking import DEFAULT_QUOTA, Parking, ParkQuota, Scope
from shared.storage.report_changes import announce
from shared.storage.staging import StagedTable, add, replace, replace_newer
from shared.storage.tables import SUBJECT_TABLES, attempts, flow_versions
from shared.storage.tally_tables import TALLY_TABLES

#: A batch up to here goes in few round trips: a statement each table, all sent together. What is
#: sent together is held in memory together.
AT_ONCE_EVENTS_MAX = 500
AT_ONCE_BYTES_MAX = 512 * 1024
#: Where a subject's row has its state.
_STATE = [column.name for column in attempts.columns].index("state")
_REVISION = [column.name for column in attempts.columns].index("revision")
_CONFLICT = (
    "INSERT INTO callfold.conflicting_events (lane, ms, seq, organization_id, kind, subject,"
    " source, event_id, first_ms, first_seq) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
    " ON CONFLICT DO NOTHING"
)
#: From where the batch begins, or not at all: two writers of a generation never both count.
_MOVE = (
    "WITH m AS (SELECT * FROM unnest(%s::int[], %s::bigint[], %s::numeric[], %s::bigint[],"
    " %s::numeric[]) AS m(lane, old_ms, old_seq, ms, seq)),"
    " moved AS (UPDATE {0} AS t SET ms = m.ms, seq = m.seq FROM m"
    " WHERE t.lane = m.lane AND t.ms = m.old_ms AND t.seq = m.old_seq RETURNING t.lane),"
    " begun AS (INSERT INTO {0} SELECT lane, ms, seq FROM m WHERE old_ms = 0 AND old_seq = 0"
    " ON CONFLICT DO NOTHING RETURNING lane)"
    " SELECT lane FROM moved UNION ALL SELECT lane FROM begun"
)


class GenerationWriter:
    """Writes rows and tallies of one generation on one connection."""

    def __init__(
        self,
        connection: psycopg.Connection,
        generation: int,
        *,
        announces: bool = True,
        bulk: bool = False,
    ) -> None:
        """`connection` must be in autocommit; its temporary tables are made here.

        Args:
            announces: what changes in reports; nobody listens to a generation that is not live.
            bulk: new rows go straight into their table by COPY, for whom nobody comes before.
        """
        self._connection = connection
        self._generation = generation
        self._announces = announces
        self._bulk = bulk
        self._subjects = {
            kind: StagedTable(connection, table, generation, replace_newer(table))
            for kind, table in SUBJECT_TABLES.items()
        }
        self._flow_versions = StagedTable(
            connection, flow_versions, generation, replace(flow_versions)
        )
        self._tallies = {
            table.name: StagedTable(connection, table, generation, add(table))
            for table in TALLY_TABLES
        }
        self._costs = {
            table.name: [i for i, column in enumerate(table.columns) if column.name == "cost"]
            for table in TALLY_TABLES
        }
        self._move = (
            sql.SQL(_MOVE).format(sql.Identifier(schema_name(generation), "positions")).as_bytes()
        )

    def write(self, writes: WriteSet) -> None:
        """Write a batch, inside the caller's transaction.

        Raises:
            FencedError: the generation is not folded as far as the batch begins.
            StaleStateError: a state is not as it was read.
        """
        at_once = _is_small(writes) and not self._bulk
        lanes = {lane: write for lane, write in sorted(writes.lanes.items()) if write.folded}
        with self._connection.pipeline() if at_once else nullcontext() as pipeline:
            # First: who is too late must not wait for the rows of who was faster.
            moved = self._move_positions(lanes) if lanes else None
            written = self._write_states(writes, at_once=at_once)
            self._write_tallies(writes, at_once=at_once)
            if self._announces:
                announce(self._connection, self._generation, writes)
            if pipeline is not None:
                pipeline.sync()
        if moved is not None and moved.rowcount != len(lanes):
            raise FencedError(frozenset(lanes) - {row[0] for row in moved})
        for kind, (cursor, rows) in written.items():
            if cursor.rowcount != rows:
                raise StaleStateError(f"a {kind} state changed since it was read")

    def _move_positions(self, lanes: dict[int, LaneWrite]) -> psycopg.Cursor:
        moves = [(lane, *write.old, *write.new) for lane, write in lanes.items()]
        columns = [list(column) for column in zip(*moves, strict=True)]
        return self._connection.execute(self._move, columns)

    def _write_states(
        self, writes: WriteSet, *, at_once: bool
    ) -> dict[str, tuple[psycopg.Cursor, int]]:
        """Write states; returns, by kind, a cursor that tells how many there were to replace."""
        if writes.flow_versions:
            self._flow_versions.write(writes.flow_versions, at_once=at_once)
        written = {}
        for kind, rows in writes.rows.items():
            known = rows
            if self._bulk:
                known = [row for row in rows if row[_REVISION] > 1]
                self._subjects[kind].append([row for row in rows if row[_REVISION] == 1])
            if known:
                written[kind] = (self._subjects[kind].write(known, at_once=at_once), len(known))
        return written

    def _write_tallies(self, writes: WriteSet, *, at_once: bool) -> None:
        # These rows are shared by all owners, so they come last and in key order.
        for name, staged in self._tallies.items():
            rows = writes.differences.rows(name)
            if rows:
                costs = self._costs[name]
                amounts = [_with_amounts(row, costs) for row in rows] if costs else rows
                staged.write(amounts, at_once=at_once)


def _is_small(writes: WriteSet) -> bool:
    if writes.events > AT_ONCE_EVENTS_MAX:
        return False
    archived = sum(len(entry[3]) for lane in writes.lanes.values() for entry in lane.archived)
    states = sum(len(row[_STATE]) for rows in writes.rows.values() for row in rows)
    return archived + states <= AT_ONCE_BYTES_MAX


def _with_amounts(row: tuple[Any, ...], costs: Sequence[int]) -> list[Any]:
    amounts = list(row)
    for index in costs:
        amounts[index] = nano_decimal(row[index])
    return amounts


class Committer:
    """Commits the batches of one projector into the live generation."""

    def __init__(
        self,
        connection: psycopg.Connection,
        projector: str,
        partitions: int,
        generation: int,
        quota: ParkQuota = DEFAULT_QUOTA,
    ) -> None:
        """`connection` is used by nobody else."""
        self._connection = connection
        self._projector = projector
        self._log = Log(connection, partitions)
        self._parking = Parking(connection, quota)
        self._writer = GenerationWriter(connection, generation)

    @property
    def newly_over_quota(self) -> list[Scope]:
        """Sources that the last batch took over their quota of parked events."""
        return self._parking.newly_over

    def commit(self, writes: WriteSet, epochs: dict[int, int]) -> None:
        """Write a batch of lanes held at `epochs`.

        Raises:
            FencedError: some lanes are no longer ours, or moved; the others may be retried.
            StaleStateError: a state was changed by another writer.
            psycopg.Error: the database refused, or went away; the batch may or may not be in.
        """
        at_once = _is_small(writes)
        conflicting = []
        if not writes.from_log:
            self._log.prepare(writes.lanes)
            conflicting = conflicts(self._connection, writes)
        with (
            self._connection.pipeline() if at_once else nullcontext(),
            self._connection.transaction(),
        ):
            self._fence(epochs)
            if writes.from_log:
                # What the contract refuses was parked when it was archived.
                self._park([e for e in writes.parked if e.reason in OUR_REASONS], [])
            else:
                # Before the log, whose keys a moved lane would break.
                self._move_cursors(writes.lanes)
                archived = {p: w for p, w in writes.lanes.items() if p != INBOX_LANE}
                self._log.append(archived, at_once=at_once)
                self._park(writes.parked, conflicting)
            self._writer.write(writes)
            if not writes.from_log:
                sequences.record(self._connection, writes.sequences)

    def _fence(self, epochs: dict[int, int]) -> None:
        rows = self._connection.execute(
            "SELECT l.lane FROM callfold.leases l"
            " JOIN unnest(%s::int[], %s::bigint[]) AS h(lane, epoch)"
            " ON l.lane = h.lane AND l.epoch = h.epoch"
            " WHERE l.owner = %s ORDER BY l.lane FOR KEY SHARE OF l",
            (list(epochs), list(epochs.values()), self._projector),
        ).fetchall()
        lost = epochs.keys() - {row[0] for row in rows}
        if lost:
            raise FencedError(frozenset(lost))

    def _move_cursors(self, lanes: dict[int, LaneWrite]) -> None:
        moves = [(lane, *w.old, *w.new, w.entries) for lane, w in sorted(lanes.items())]
        columns = [list(column) for column in zip(*moves, strict=True)]
        rows = self._connection.execute(
            "UPDATE callfold.lanes AS l SET ms = m.new_ms, seq = m.new_seq,"
            " entries_read = l.entries_read + m.entries"
            " FROM unnest(%s::int[], %s::bigint[], %s::numeric[], %s::bigint[], %s::numeric[],"
            " %s::bigint[]) AS m(lane, old_ms, old_seq, new_ms, new_seq, entries)"
            " WHERE l.lane = m.lane AND l.ms = m.old_ms AND l.seq = m.old_seq RETURNING l.lane",
            columns,
        ).fetchall()
        moved_on = lanes.keys() - {row[0] for row in rows}
        if moved_on:
            raise FencedError(frozenset(moved_on))

    def _park(self, parked: list[Parked], conflicting: list[Suspect]) -> None:
        self._parking.park(parked)
        if conflicting:
            with self._connection.cursor() as cursor:
                cursor.executemany(_CONFLICT, [_conflict_row(suspect) for suspect in conflicting])


def _conflict_row(suspect: Suspect) -> tuple[Any, ...]:
    s = suspect
    place, subject = (s.lane, s.ms, s.seq), (s.organization_id, s.kind, s.subject)
    return (*place, *subject, s.source, s.event_id, *s.first)
