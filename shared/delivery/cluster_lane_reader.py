"""Reads lanes of a cluster: each stream lies in its own slot, so each is asked for by itself.

All of them in one pipeline, to all nodes at once. A blocking XREAD would hold a connection for each
lane; so an idle owner asks again every few milliseconds instead.
"""

import time
from collections.abc import Mapping
from typing import Any

from shared.clock import monotonic_s
from shared.contracts.entries import Entry
from shared.contracts.stream_names import lane_stream
from shared.delivery.cluster_client import ClusterClient, primaries
from shared.delivery.lane_reader import LaneReader, as_entries
from shared.delivery.reply_limit import ReplyLimit
from shared.delivery.stream_lag import server_ms
from shared.folds.journal import Position

#: How long an idle owner waits before it asks again.
_AGAIN_S = 0.01


class ClusterLaneReader(LaneReader):
    """A `LaneReader` of a cluster; follows streams that move to another node."""

    #: Each lane's entries are a reply of their own.
    answers_together = False

    def __init__(self, client: ClusterClient, limit: ReplyLimit | None = None) -> None:
        """Its client answers XREAD as it came from here on."""
        super().__init__(client, limit)
        self._client = client
        client.set_response_callback("XREAD", _as_it_came)

    def server_ms(self) -> int:
        """Milliseconds of the clock that is behind the others: true of the ids of every lane."""
        return min(server_ms(node) for node in primaries(self._client))

    def _ask(
        self, cursors: Mapping[int, Position], count: int, block_ms: int | None
    ) -> dict[int, list[Entry]]:
        until_s = monotonic_s() + (block_ms or 0) / 1000
        while True:
            pipeline: Any = self._client.pipeline(transaction=False)
            for lane, (ms, seq) in cursors.items():
                after = f"{ms}-{seq}"
                pipeline.execute_command(
                    "XREAD", "COUNT", count, "STREAMS", lane_stream(lane), after
                )
            replies = pipeline.execute(raise_on_error=False)
            for reply in replies:
                if isinstance(reply, Exception):
                    raise reply
            found = {
                lane: as_entries(reply[0][1])
                for lane, reply in zip(cursors, replies, strict=True)
                if reply
            }
            left_s = until_s - monotonic_s()
            if found or left_s <= 0:
                return found
            time.sleep(min(left_s, _AGAIN_S))


def _as_it_came(response: Any, **_options: Any) -> Any:
    """Not as redis-py's dictionaries: names of fields may repeat, and time matters."""
    return response
