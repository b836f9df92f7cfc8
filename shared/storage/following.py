"""Follows the log into a generation that is not live, to build it or to keep it beside live.

Nothing is followed beyond what live has folded: what live has not folded it may still park, by a
verdict of ours, and both must leave the same entries out.
"""

from collections.abc import Iterable, Iterator, Mapping

import psycopg

from shared.contracts.park_reasons import ParkReason
from shared.errors import FencedError, StaleStateError
from shared.folds.journal import Position
from shared.limits import BATCH_SUBJECTS_MAX
from shared.projections.folding import Folding
from shared.projections.state_cache import StateCache
from shared.projections.write_set import LaneWrite, WriteSet
from shared.storage.commits import GenerationWriter
from shared.storage.lanes import fold_positions
from shared.storage.log import Log
from shared.storage.subjects import SubjectReader

_START: Position = (0, 0)


class LogFollower:
    """Folds lanes from where a generation stands; several may share one, and fence one another."""

    def __init__(
        self,
        reading: psycopg.Connection,
        writing: psycopg.Connection,
        partitions: int,
        generation: int,
        *,
        batch_events: int,
        cache_bytes: int,
        batch_subjects: int = BATCH_SUBJECTS_MAX,
        bulk: bool = False,
    ) -> None:
        """Both connections are in autocommit and used by nobody else; see `GenerationWriter`."""
        self._reading = reading
        self._writing = writing
        self._generation = generation
        self._batch_events = batch_events
        self._batch_subjects = batch_subjects
        self._log = Log(reading, partitions)
        self._writer = GenerationWriter(writing, generation, announces=False, bulk=bulk)
        self._cache = StateCache(cache_bytes)
        load = SubjectReader(writing, generation).load
        self._folding = Folding(partitions, self._cache, load)

    def follow(self, lanes: Iterable[int]) -> Iterator[int]:
        """Fold what live has folded of these lanes by now; yields the events of each transaction.

        Raises:
            FencedError, StaleStateError: somebody else follows as well; may be called again.
        """
        live = live_positions(self._reading)
        yield from self.follow_to({lane: live[lane] for lane in lanes if lane in live})

    def follow_to(self, ends: Mapping[int, Position]) -> Iterator[int]:
        """Fold lanes as far as is said and no further; see `follow`."""
        try:
            folded = fold_positions(self._reading, self._generation)
            for lane, end in ends.items():
                if folded.get(lane, _START) < end:
                    yield from self._follow_lane(lane, folded.get(lane, _START), end)
        except (FencedError, StaleStateError, psycopg.Error):
            self._folding.discard()
            self._cache.clear()
            raise

    def _follow_lane(self, lane: int, position: Position, end: Position) -> Iterator[int]:
        left_out = self._left_out(lane, position, end)
        for archived in self._log.entries(lane, position):
            entries = archived
            if archived[-1][:2] > end:
                entries = [entry for entry in archived if entry[:2] <= end]
            if not entries:
                break
            while entries:
                part = entries[: self._batch_events - self._folding.events]
                entries = entries[len(part) :]
                self._folding.follow(lane, position, part, left_out)
                position = part[-1][:2]
                if self._full():
                    yield self._commit()
        if self._folding.events:
            yield self._commit()
        if position < end:
            # The last entries belong to other lanes, whose logs hold them.
            self._write(WriteSet(lanes={lane: LaneWrite(position, end)}, from_log=True))

    def _full(self) -> bool:
        return (
            self._folding.events >= self._batch_events
            or self._folding.subjects >= self._batch_subjects
        )

    def _left_out(
        self, lane: int, after: Position, end: Position
    ) -> dict[tuple[int, int, int], tuple[ParkReason, str]]:
        """Entries that live parked by a verdict of ours, so that they must not count here."""
        rows = self._reading.execute(
            "SELECT ms, seq, reason FROM callfold.left_out_entries WHERE lane = %s"
            " AND (ms, seq) > (%s, %s) AND (ms, seq) <= (%s, %s)",
            (lane, *after, *end),
        ).fetchall()
        return {(lane, ms, int(seq)): (ParkReason(reason), "") for ms, seq, reason in rows}

    def _commit(self) -> int:
        events = self._folding.events
        self._write(self._folding.harvest())
        self._cache.shrink()
        return events

    def _write(self, writes: WriteSet) -> None:
        with self._writing.transaction():
            self._writer.write(writes)


def live_positions(connection: psycopg.Connection) -> dict[int, Position]:
    """How far the live generation is folded, by lane; lanes never folded are left out."""
    row = connection.execute("SELECT live_generation FROM callfold.installation").fetchone()
    assert row is not None
    return fold_positions(connection, row[0])


def stand_equally_far(connection: psycopg.Connection, one: int, other: int) -> bool:
    """Whether two generations are folded equally far, in the connection's snapshot."""
    here, there = fold_positions(connection, one), fold_positions(connection, other)
    return all(here.get(lane, _START) == there.get(lane, _START) for lane in here | there)


def behind_ms(connection: psycopg.Connection, generation: int, lanes: Iterable[int]) -> int:
    """How far a generation is behind the live one in the worst of these lanes, in stream time."""
    live, folded = live_positions(connection), fold_positions(connection, generation)
    found = [live[lane][0] - folded.get(lane, _START)[0] for lane in lanes if lane in live]
    return max(0, *found, 0)
