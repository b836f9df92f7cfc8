"""Watches the streams of lanes for loss, and declares it: log, metric, table, readiness.

Used by the engine when it takes a lane up, and by the stream keeper every few seconds.
"""

from collections.abc import Callable, Mapping

import psycopg
import redis
import structlog

from services.projector.health import Health, Metrics
from services.projector.stream_mending import blame_eviction, brought_back, mended, with_true_own
from shared.contracts.incident_kinds import IncidentKind
from shared.delivery.stream_resuming import entries_aside
from shared.delivery.stream_watch import Finding, Key, StreamFacts, judge, look, to_resume
from shared.folds.journal import Position
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
        #: Lane → the newest entry that its stream gave by the last look, where nothing was found.
        self.heads: dict[int, Position] = {}

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
        looked = look(self._client, {n: (at.position, at.counted) for n, at in counts.items()})
        if reading is None:
            looked = with_true_own(self._client, connection, counts, looked)
        aside = entries_aside(self._client, looked)
        self.older = {
            lane
            for lane, facts in looked.items()
            if facts.last_generated < counts[lane].position or facts.added < counts[lane].counted
        }
        self.heads = {}
        read = None if reading is None else reading()
        declared = False
        for lane, facts in looked.items():
            at = counts[lane]
            if (left_aside := aside[lane]) and read is not None:
                left_aside = brought_back(self._client, connection, lane, left_aside)
            self._tell_aside(lane, left_aside)
            if read is not None and read.get(lane) != at.position:
                continue
            findings = judge(lane, at.position, at.counted, facts)
            if not findings and not left_aside:
                self._health.waiting.pop(lane, None)
                self.heads[lane] = facts.last_generated
            keys = {finding.key(at.position) for finding in findings}
            before = self._suspected.get(lane, set())
            self._suspected[lane] = keys
            for finding in findings:
                key = finding.key(at.position)
                if read is None or key in before or finding.kind is IncidentKind.WRONG_TYPE:
                    declared = True
                    at = self._mend(connection, lane, lanes[lane], at, facts, finding)
        return lane_counts(connection, lanes) if declared else counts

    def disconnect(self) -> None:
        """Drop the connections; the next look makes a new one."""
        self._client.close()

    def forget(self, kept: Mapping[int, int]) -> None:
        """Lanes that are not among those kept are somebody else's to complain of."""
        for known in (self._health.waiting, self._suspected):
            for lane in known.keys() - kept.keys():
                known.pop(lane, None)

    def declare(
        self, connection: psycopg.Connection, lane: int, epoch: int, at: LaneCount, found: Finding
    ) -> bool:
        """Write a finding down, and tell it where it is new; False where it is not ours to say."""
        kind, lost, uncounted, detail = found
        times = declare(connection, lane, epoch, at, kind, lost, uncounted, detail)
        if times == 1 or (times and lost):
            self._metrics.incidents.labels(kind).inc()
            self._metrics.entries_lost.inc(lost or 0)
            _log.critical("incident", kind=str(kind), lane=lane, entries_lost=lost, **detail)
        return times > 0

    def _mend(
        self,
        connection: psycopg.Connection,
        lane: int,
        epoch: int,
        at: LaneCount,
        facts: StreamFacts,
        found: Finding,
    ) -> LaneCount:
        """Let the stream go on, or say in readiness who must; declare it; returns our count."""
        declared: Finding | None = found
        try:
            declared = mended(self._client, connection, lane, at, facts, found)
            if declared is not None:
                blame_eviction(self._client, declared)
        except redis.ResponseError as error:
            found.detail["todo"] = f"{to_resume(lane)}; this user may not: {error}"
            self._health.waiting[lane] = f"{found.detail['what']}; see `callfold incidents`"
        else:
            if left_aside := entries_aside(self._client, [lane])[lane]:
                self._tell_aside(lane, left_aside)
            else:
                self._health.waiting.pop(lane, None)
        if declared is None or not self.declare(connection, lane, epoch, at, declared):
            return at
        return at._replace(entries_unread=at.entries_unread + declared.uncounted)

    def _tell_aside(self, lane: int, entries: int) -> None:
        if entries:
            words = f"{entries} of its entries lie aside; see `callfold incidents resume`"
            self._health.waiting[lane] = words
