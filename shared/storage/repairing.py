"""Replaces damaged states of one organization, or of one execution, in the live generation.

Called by `callfold rebuild --organization …`. A partition's subjects are folded anew from the log
and held against their rows in a snapshot; nothing is locked for that. Only those that differ are
written, under their lane's lease: its epoch goes up, so that the owner drops what it remembers.
Tallies stay as they are until all states are right; then they become the sums of contributions.
"""

from collections.abc import Callable, Iterator, Sequence
from time import sleep

import psycopg

from shared.contracts.event_types import Kind
from shared.errors import GenerationError
from shared.limits import (
    REPAIR_BYTES_MAX,
    REPAIR_EVENTS_MAX,
    REPAIR_SUBJECTS_MAX,
    REPAIR_TALLIES_MAX,
)
from shared.projections.state_cache import SubjectKey
from shared.projections.write_set import WriteSet
from shared.storage.commits import GenerationWriter
from shared.storage.contribution_sums import WrongTally, wrong_tallies
from shared.storage.damage import DECIDED, REVISION, Damage, Found, StoredSubjects
from shared.storage.lanes import fold_positions
from shared.storage.report_changes import announce_everything
from shared.storage.subject_refold import Refold, RepairScope, Share, events_of
from shared.storage.tally_repairs import add_what_lacks

_EVENTS = (
    "SELECT partition, sum(said.events::bigint)::bigint FROM callfold.log_segments,"
    " LATERAL (SELECT value AS events FROM jsonb_each_text(sources -> %(id)s)) AS said"
    " WHERE organizations @> ARRAY[%(id)s]::text[] GROUP BY partition"
)
#: Between two transactions that write: the lane's owner drops its batch and reads again, and must
#: get on meanwhile.
_BREATH_S = 0.2
_RAISE_EPOCH = "UPDATE callfold.leases SET epoch = epoch + 1 WHERE lane = %s"


class Repairer:
    """Looks at the subjects of a scope share by share, and replaces what is wrong.

    Attributes:
        subjects: Subjects that were looked at.
        is_known: Whether any of them is of the scope itself; flows are of every execution's.
        transactions: Transactions that wrote.
    """

    def __init__(
        self,
        reading: psycopg.Connection,
        writing: psycopg.Connection,
        partitions: int,
        generation: int,
        scope: RepairScope,
        *,
        trust_log: bool = False,
        dry_run: bool = False,
    ) -> None:
        """Both connections in autocommit; `generation` is the live one.

        Args:
            trust_log: replace also what knows events that the log does not hold.
            dry_run: write nothing, lock nothing.
        """
        self._reading = reading
        self._writing = writing
        self._partitions = partitions
        self._generation = generation
        self._scope = scope
        self._trust_log = trust_log
        self._dry_run = dry_run
        self._writer = GenerationWriter(writing, generation)
        self._stored = StoredSubjects(writing, generation, scope)
        self.subjects = 0
        self.is_known = False
        self.transactions = 0

    def shares(self) -> list[tuple[Share, int]]:
        """The parts in which the scope is looked at, and about how many events each has."""
        organization_id = self._scope.organization_id
        rows = self._reading.execute(_EVENTS, {"id": organization_id}).fetchall()
        events = dict.fromkeys(range(self._partitions), 0) | {p: int(n) for p, n in rows}
        shares = []
        for partition, count in sorted(events.items()):
            passes = -(-count // REPAIR_EVENTS_MAX) or 1
            for number in range(passes):
                share = Share(organization_id, partition, self._partitions, number, passes)
                shares.append((share, count // passes))
        return shares

    def repair(self, share: Share, progress: Callable[[int], None]) -> Iterator[list[Damage]]:
        """Look at a share; yields what was wrong in each chunk, once it is replaced.

        Args:
            progress: told how many more events are folded.

        Raises:
            SegmentError: a segment of the log is damaged.
            GenerationError: another generation is live now.
        """
        # First: what appears later is live's own work, and may lie behind `end`.
        known = set(self._stored.known(share))
        end = self._folded(self._reading, share)
        refold = Refold(self._reading, share, self._wanted(share, known, end))
        refold.advance(end, progress)
        for keys in _chunks(sorted(known | refold.rows.keys()), refold):
            self.subjects += len(keys)
            self.is_known |= not self._scope.execution_id or any(k[0] != Kind.FLOW for k in keys)
            # What came meanwhile, so that little is left to be followed within a transaction.
            refold.advance(self._folded(self._reading, share), progress)
            found = self._look(refold, keys)
            replaced = [one.key for one in found if self.may_replace(one.damage)]
            if replaced and not self._dry_run:
                self._replace(refold, replaced)
            yield [one.damage for one in found]
            if replaced and not self._dry_run:
                sleep(_BREATH_S)

    def may_replace(self, damage: Damage) -> bool:
        """Whether the log is to be believed rather than the row."""
        return self._trust_log or not damage.beyond_log

    def correct_tallies(self) -> Iterator[list[WrongTally]]:
        """Set the scope's tallies right; yields those of each transaction, until all are.

        After all states: a tally is what their contributions add up to.
        """
        while wrong := wrong_tallies(
            self._writing, self._generation, REPAIR_TALLIES_MAX, *self._scope
        ):
            if not self._dry_run:
                add_what_lacks(self._writing, self._writer, wrong)
                self.transactions += 1
            yield wrong
            if self._dry_run:
                return

    def _wanted(
        self, share: Share, known: set[SubjectKey], end: tuple[int, int]
    ) -> set[SubjectKey] | None:
        """The subjects of an execution: whose rows name it, and of whom the log says that."""
        execution_id = self._scope.execution_id
        if execution_id is None:
            return None
        itself = (Kind.EXECUTION.value, share.organization_id, execution_id)
        naming = events_of(self._reading, share, (0, 0), end, execution_id.encode())
        return known.union(
            said.key
            for _, said in naming
            if said.execution_id == execution_id or said.key == itself
        )

    def _look(self, refold: Refold, keys: Sequence[SubjectKey]) -> list[Found]:
        with self._writing.transaction():
            self._writing.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            return self._compare(refold, keys)

    def _replace(self, refold: Refold, keys: Sequence[SubjectKey]) -> None:
        """Replace what is still wrong; a commit of the lane's owner under way is waited for."""
        with self._writing.transaction():
            self._writing.execute(_RAISE_EPOCH, (refold.share.partition,))
            found = self._compare(refold, keys)
            self._write(refold, [one for one in found if self.may_replace(one.damage)])
        self.transactions += 1

    def _compare(self, refold: Refold, keys: Sequence[SubjectKey]) -> list[Found]:
        """Hold rows against the log, which is followed as far as they are folded by now."""
        live = self._writing.execute("SELECT live_generation FROM callfold.installation").fetchone()
        if live != (self._generation,):
            raise GenerationError(f"generation {self._generation} is not live any more")
        refold.advance(self._folded(self._writing, refold.share))
        return self._stored.compare(refold, keys)

    def _folded(self, connection: psycopg.Connection, share: Share) -> tuple[int, int]:
        return fold_positions(connection, self._generation).get(share.partition, (0, 0))

    def _write(self, refold: Refold, found: Sequence[Found]) -> None:
        writes = WriteSet()
        for key, revision, _ in found:
            row = refold.rows.get(key)
            if row is None:
                self._stored.delete(key)
            else:
                following = (revision or 0) + 1
                writes.rows[key[0]].append((*row[:REVISION], following, *row[DECIDED:]))
        flows = [key[2] for key, _, _ in found if key[0] == Kind.FLOW]
        self._stored.delete_versions(flows)
        writes.flow_versions = [row for flow in flows for row in refold.flow_versions(flow)]
        self._writer.write(writes)
        # The wrong rows may have been in reports of executions that the right ones do not name.
        announce_everything(self._writing, self._generation)


def _chunks(keys: Sequence[SubjectKey], refold: Refold) -> Iterator[list[SubjectKey]]:
    """Subjects that go into one transaction: so many, and with so many bytes, at most."""
    chunk: list[SubjectKey] = []
    size_bytes = 0
    for key in keys:
        row_bytes = refold.size_bytes(key)
        full = len(chunk) == REPAIR_SUBJECTS_MAX or size_bytes + row_bytes > REPAIR_BYTES_MAX
        if chunk and full:
            yield chunk
            chunk, size_bytes = [], 0
        chunk.append(key)
        size_bytes += row_bytes
    if chunk:
        yield chunk
