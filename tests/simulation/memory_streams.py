"""Redis' part in memory: streams with ids of its clock, read as XREAD reads."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence

from shared.contracts.entries import Entry
from shared.contracts.stream_names import INBOX_LANE
from shared.folds.journal import Position
from tests.simulation.scheduler import Scheduler, SimulatedEvent


class MemoryStreams:
    """One stream a lane; what was trimmed can be read no more."""

    def __init__(self, scheduler: Scheduler, partitions: int) -> None:
        self._scheduler = scheduler
        self.lanes = (INBOX_LANE, *range(partitions))
        self._entries: dict[int, list[Entry]] = {lane: [] for lane in self.lanes}
        self._positions: dict[int, list[Position]] = {lane: [] for lane in self.lanes}
        #: Lane → every entry that ever was in it; for the oracle alone.
        self.history: dict[int, list[Entry]] = {lane: [] for lane in self.lanes}
        #: Lane → its highest id.
        self.heads: dict[int, Position] = dict.fromkeys(self.lanes, (0, 0))
        #: Lane → entries ever added.
        self.added: dict[int, int] = dict.fromkeys(self.lanes, 0)
        self._blocked: dict[SimulatedEvent, frozenset[int]] = {}

    def server_ms(self) -> int:
        """TIME: the clock that ids are made of."""
        return 1_700_000_000_000 + int(self._scheduler.now_s * 1000)

    def add(self, lane: int, fields: Sequence[bytes]) -> Position:
        """XADD with `*`: an id behind all that were given."""
        head_ms, head_seq = self.heads[lane]
        ms = max(self.server_ms(), head_ms)
        position = ms, head_seq + 1 if ms == head_ms else 0
        entry = Entry(*position, fields)
        self._entries[lane].append(entry)
        self.history[lane].append(entry)
        self._positions[lane].append(position)
        self.heads[lane] = position
        self.added[lane] += 1
        for event, lanes in self._blocked.items():
            if lane in lanes:
                event.set()
        return position

    def read(self, cursors: Mapping[int, Position], count: int) -> dict[int, list[Entry]]:
        """XREAD COUNT: up to so many entries behind each cursor; streams without any are absent."""
        found = {}
        for lane, cursor in cursors.items():
            if self.heads[lane] > cursor:
                begin = bisect_right(self._positions[lane], cursor)
                entries = self._entries[lane][begin : begin + count]
                if entries:
                    found[lane] = entries
        return found

    def wait(self, lanes: Iterable[int], seconds: float) -> None:
        """XREAD BLOCK: wait for an entry in any of these lanes."""
        arrived = SimulatedEvent(self._scheduler)
        self._blocked[arrived] = frozenset(lanes)
        try:
            arrived.wait(seconds)
        finally:
            del self._blocked[arrived]

    def trim(self, lane: int, before: Position) -> None:
        """XTRIM MINID: drop what lies before a position; the entry there stays."""
        kept = bisect_right(self._positions[lane], before) - 1
        if kept > 0:
            del self._entries[lane][:kept]
            del self._positions[lane][:kept]

    def holds(self, lane: int, after: Position, until_ms: int) -> bool:
        """Whether an entry lies behind a position and not behind a millisecond."""
        begin = bisect_right(self._positions[lane], after)
        return begin < len(self._positions[lane]) and self._positions[lane][begin][0] <= until_ms
