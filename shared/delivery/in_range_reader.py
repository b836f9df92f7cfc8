"""Reads lanes as far as they can be read, so that one which cannot holds up no other.

Redis takes ids of 64 bits unsigned, the tables keep milliseconds in 64 bits signed. A publisher
that chooses an id beyond them ends its lane there, and so does whoever puts another key where a
stream belongs; the other lanes, and what comes before in this one, are read as usual. The stream
keeper declares it, and mends it (`services/projector/stream_mending.py`).
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any

import redis

from shared.clock import monotonic_s
from shared.contracts.entries import Entry
from shared.contracts.stream_names import lane_stream
from shared.delivery.cluster_client import ClusterClient
from shared.delivery.cluster_lane_reader import ClusterLaneReader
from shared.delivery.lane_reader import LaneReader
from shared.delivery.reply_limit import ReplyLimit
from shared.delivery.stream_watch import is_wrong_type
from shared.folds.journal import Position
from shared.limits import ENTRY_MS_MAX

#: How often a lane that ended is read again: an operator may have repaired its stream.
_AGAIN_S = 1.0


class InRangeReader:
    """Reads lanes of one server or of a cluster, but no entry whose id cannot be a position."""

    def __init__(
        self,
        client: redis.Redis,
        ended: dict[int, str] | None = None,
        limit: ReplyLimit | None = None,
    ) -> None:
        """The connection is taken from the client's pool and kept.

        Args:
            ended: where it is noted which lanes ended, and why; others clear it.
            limit: what the client was made with.
        """
        self._client = client
        self._ended = {} if ended is None else ended
        self._lanes = (
            ClusterLaneReader(client, limit)
            if isinstance(client, ClusterClient)
            else LaneReader(client, limit)
        )
        #: Lane → when it was last seen that it cannot be read on.
        self._ended_s: dict[int, float] = {}

    def close(self) -> None:
        """Drop the connection; the next read makes a new one."""
        self._lanes.close()

    def server_ms(self) -> int:
        """Milliseconds of the clock that entry ids are made of."""
        return self._lanes.server_ms()

    def read(
        self, cursors: Mapping[int, Position], block_ms: int | None
    ) -> tuple[dict[int, list[Entry]], bool]:
        """Entries behind each lane's cursor, as `LaneReader.read`, but for lanes that ended."""
        ended_s, now_s = self._ended_s, monotonic_s()
        readable = {
            lane: cursor
            for lane, cursor in cursors.items()
            if lane not in ended_s or now_s - ended_s[lane] >= _AGAIN_S
        }
        if not readable:
            time.sleep((block_ms or 0) / 1000)
            return {}, False
        try:
            found, more = self._lanes.read(readable, block_ms)
        except redis.ResponseError as error:
            if not is_wrong_type(error):
                raise
            return {}, self._leave_foreign_out(readable, now_s)
        for lane, entries in list(found.items()):
            if entries[-1].ms <= ENTRY_MS_MAX:
                continue
            ended_s[lane] = now_s
            self._ended[lane] = "an entry id is beyond what a position can be"
            found[lane] = [entry for entry in entries if entry.ms <= ENTRY_MS_MAX]
            if not found[lane]:
                del found[lane]
        return found, more

    def _leave_foreign_out(self, lanes: Iterable[int], now_s: float) -> bool:
        """Read lanes no more whose key holds no stream; the others are to be read at once."""
        pipeline: Any = self._client.pipeline(transaction=False)
        for lane in lanes:
            pipeline.type(lane_stream(lane))
        for lane, kind in zip(lanes, pipeline.execute(), strict=True):
            if kind not in {b"stream", b"none"}:
                self._ended_s[lane] = now_s
                self._ended[lane] = f"its key holds a {kind.decode()}, and no stream"
        return True
