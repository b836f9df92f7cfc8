"""Reads lanes as far as entry ids can be positions.

Redis takes ids of 64 bits unsigned, the tables keep milliseconds in 64 bits signed. A publisher
that chooses an id beyond them ends its lane there; the other lanes, and what comes before in this
one, are read as usual. The stream keeper declares it (`shared/delivery/stream_watch.py`).
"""

import time
from collections.abc import Mapping

import redis

from shared.clock import monotonic_s
from shared.contracts.entries import Entry
from shared.delivery.lane_reader import LaneReader
from shared.folds.journal import Position
from shared.limits import ENTRY_MS_MAX

#: How often a lane that ended is read again: an operator may have repaired its stream.
_AGAIN_S = 1.0


class InRangeReader(LaneReader):
    """A `LaneReader` that gives no entry whose id cannot be a position."""

    def __init__(self, client: redis.Redis) -> None:
        """The connection is taken from the client's pool and kept."""
        super().__init__(client)
        #: Lane → when its next entry was last seen to be out of range.
        self._ended_s: dict[int, float] = {}

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
        found, more = super().read(readable, block_ms)
        for lane, entries in list(found.items()):
            if entries[-1].ms <= ENTRY_MS_MAX:
                continue
            ended_s[lane] = now_s
            found[lane] = [entry for entry in entries if entry.ms <= ENTRY_MS_MAX]
            if not found[lane]:
                del found[lane]
        return found, more
