"""Watches the streams of lanes for loss, and declares it: log, metric, table, readiness.

Used by the engine when it takes a lane up, and by the stream keeper every few seconds.
"""

from collections.abc import Callable, Mapping
from functools import partial

import psycopg
import redis
import structlog

from services.projector.health import Health, Metrics
from shared.contracts.incident_kinds import IncidentKind
from shared.delivery.stream_resuming import resume
from shared.delivery.stream_watch import Finding, Key, StreamFacts, judge, look, to_resume
from shared.errors import UnreadStreamError
from shared.folds.journal import Position
from shared.storage.archived_entries import archived_as_they_are
from shared.storage.incidents import LaneCount, declare, lane_counts

_log = structlog.get_logger()


class StreamWatch:
    """Looks at streams over one client; used by one thread."""

    def __init__(self, client: redis.Redis, metrics: Metrics, health: Health) -> None:
        """Metrics and health are shared with the other threads."""
        self._client = client
        self._metrics = metrics
        self._health = health
        #: Lane → what its last look found.
        self._suspected: dict[int, set[Key]] = {}
        #: Lanes whose stream was older than the cursor at the last look: nothing may be trimmed.
        self.older: set[int] = set()

    def look(
        self,
        connection: psycopg.Connection,
        lanes: Mapping[int, int],
        reading: Callable[[], Mapping[int, Position]] | None = None,
    ) -> dict[int, LaneCount]:
        """Look at lanes held at these epochs once; returns where they stand.

        `reading` says how far they are being read by another thread. What was read and is not
        committed may be trimmed and yet not be lost, so such a lane is judged at a quieter look;
        and because a reply may be on its way, a finding counts when it is found twice.

        Raises:
            redis.RedisError: the server is away.
        """
        counts = lane_counts(connection, lanes)
        looked = {
            lane: look(self._client, lane, at.position, at.counted) for lane, at in counts.items()
        }
        self.older = {
            lane for lane, facts in looked.items() if facts.last_generated < counts[lane].position
        }
        read = None if reading is None else reading()
        declared = False
        for lane, facts in looked.items():
            at = counts[lane]
            if read is not None and read.get(lane) != at.position:
                continue
            findings = judge(lane, at.position, at.counted, facts)
            if not findings:
                self._health.waiting.pop(lane, None)
            keys = {finding.key(at.position) for finding in findings}
            before = self._suspected.get(lane, set())
            self._suspected[lane] = keys
            for finding in findings:
                if read is None or finding.key(at.position) in before:
                    declared = True
                    self._handle(connection, lane, at.position, facts, finding)
                    self._declare(connection, lane, lanes[lane], at, finding)
        return lane_counts(connection, lanes) if declared else counts

    def forget(self, kept: Mapping[int, int]) -> None:
        """Lanes that are not among those kept are somebody else's to complain of."""
        for known in (self._health.waiting, self._suspected):
            for lane in known.keys() - kept.keys():
                known.pop(lane, None)

    def _declare(
        self, connection: psycopg.Connection, lane: int, epoch: int, at: LaneCount, found: Finding
    ) -> None:
        kind, lost, uncounted, detail = found
        times = declare(connection, lane, epoch, at, kind, lost, uncounted, detail)
        if times == 0 or (times > 1 and not lost):
            return
        self._metrics.incidents.labels(kind).inc()
        self._metrics.entries_lost.inc(lost or 0)
        _log.critical("incident", kind=str(kind), lane=lane, entries_lost=lost, **detail)

    def _handle(
        self,
        connection: psycopg.Connection,
        lane: int,
        cursor: Position,
        facts: StreamFacts,
        found: Finding,
    ) -> None:
        """Let a stream that is older than its cursor go on; else say what an operator must do."""
        words = None
        if found.kind is IncidentKind.ID_OUT_OF_RANGE:
            words = "an entry id is beyond what a position can be"
        elif facts.last_generated < cursor:
            try:
                added = resume(
                    self._client,
                    lane,
                    cursor,
                    facts,
                    partial(archived_as_they_are, connection, lane),
                )
            except UnreadStreamError as error:
                words = str(error)
                found.detail["todo"] = to_resume(lane)
            else:
                if added is not None:
                    found.detail["addedAgain"] = added
        if words is None:
            self._health.waiting.pop(lane, None)
        else:
            self._health.waiting[lane] = f"{words}; see `callfold incidents`"
