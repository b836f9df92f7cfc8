"""The engine's view of the database: cursors, states, the log; used by its thread alone."""

from collections.abc import Collection, Iterable, Iterator, Mapping

import psycopg

from services.projector.stream_watch import StreamWatch
from shared.contracts.entries import ArchivedEntry
from shared.folds.journal import Position
from shared.projections.state_cache import Kept, SubjectKey
from shared.storage.connection import ANSWER_S, connect
from shared.storage.lanes import Cursor, Lanes
from shared.storage.log import Log
from shared.storage.subjects import SubjectReader


class LaneStore:
    """Reads for one generation; connects when first asked, and again once the connection is lost.

    Every method raises psycopg.Error where the database is away.
    """

    def __init__(self, database_url: str, generation: int, watch: StreamWatch) -> None:
        """`watch` looks at the streams of lanes that are taken up."""
        self._database_url = database_url
        self._generation = generation
        self._watch = watch
        self._connection: psycopg.Connection | None = None
        self._subjects: SubjectReader | None = None
        #: Lane → epoch at which nothing was missing, and the newest entry then.
        self._seen: dict[int, tuple[int, Position]] = {}

    def look(self, lanes: Mapping[int, int]) -> Mapping[int, Position]:
        """Declare what the streams of lanes held at these epochs have lost.

        Once: a lane that was never away, and that lacked nothing, is begun again after each refused
        batch, and must not wait for many questions then.

        Returns: the newest entry of each stream that is as it should be.

        Raises:
            redis.RedisError: Redis is away.
        """
        connection = self._connected()
        known = {lane: self._seen[lane] for lane in lanes if lane in self._seen}
        heads = {lane: head for lane, (epoch, head) in known.items() if lanes[lane] == epoch}
        if unseen := {lane: epoch for lane, epoch in lanes.items() if lane not in heads}:
            self._watch.look(connection, unseen)
            self._seen |= {lane: (unseen[lane], at) for lane, at in self._watch.heads.items()}
            heads |= self._watch.heads
        return heads

    def cursors(self, lanes: Iterable[int]) -> dict[int, Cursor]:
        """Where lanes stand in the log and in the generation."""
        return Lanes(self._connected(), "", 0).cursors(list(lanes), self._generation)

    def say_at_hand(
        self,
        suspects: Mapping[int, int],
        at_hand: Collection[int],
        cleared: Mapping[int, int],
    ) -> None:
        """Say of which suspected lanes, held at these epochs, something is at hand from now on."""
        Lanes(self._connected(), "", 0).say_at_hand(suspects, at_hand, cleared)

    def entries(self, lane: int, after: Position) -> Iterator[list[ArchivedEntry]]:
        """What the log holds of a lane behind a position, a segment at a time."""
        return Log(self._connected(), 0).entries(lane, after)

    def load(self, keys: Iterable[SubjectKey]) -> Mapping[SubjectKey, Kept]:
        """Subjects as they are committed by now; unknown ones are left out."""
        self._connected()
        assert self._subjects is not None
        return self._subjects.load(keys)

    def close(self) -> None:
        """Drop the connections, and what was seen: another server may answer next."""
        self._watch.disconnect()
        self._seen.clear()
        if self._connection is not None:
            self._connection.close()

    def _connected(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._database_url, "engine", ANSWER_S)
            self._subjects = SubjectReader(self._connection, self._generation)
        return self._connection
