"""Lanes whose owners died again and again: folded so that the one deadly event is found.

After two deaths with a lane at hand it is suspected, for as many entries as can have been in the
batch and were there by then. Its batches are small, none is folded beside another's commit, and the
database knows of which suspects something is at hand: whoever dies with nothing of a lane accuses
it of nothing, and an operator's kill between two batches counts for none (architecture.md, 10).
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from shared.contracts.entries import Entry
from shared.folds.journal import Position
from shared.projections.write_set import WriteSet
from shared.storage.lanes import DEATHS_SUSPECT

#: From so many deaths on a batch is one entry.
_DEATHS_SINGLE: Final = DEATHS_SUSPECT + 1
#: Of the usual batch, for a lane suspected just now: 937 of 30,000, so that it still moves.
_SMALL_SHIFT_BITS: Final = 5
_NO_HEAD: Final[Position] = (2**64, 0)
#: By now the process died twice with nothing but the lane's next entry at hand.
DEATHS_CONDEMN: Final = _DEATHS_SINGLE + 2


@dataclass(slots=True)
class _Suspect:
    deaths: int
    #: Entries that must go through before its deaths are forgotten, if those up to `head` are more.
    left: int
    #: The newest entry when it was taken up: nobody died of what came later.
    head: Position


class Suspects:
    """The lanes of one projector whose former owners died.

    After the first death a lane is folded as usual, but a commit alone clears it of nothing: the
    deadly entry may stand in the next batch. From `DEATHS_SUSPECT` on it is suspected.
    """

    def __init__(
        self,
        events_max: int,
        say: Callable[[Mapping[int, int], Collection[int], Mapping[int, int]], None],
    ) -> None:
        """`events_max` is of a batch when nothing is suspected; `say` tells the database."""
        self._say = say
        #: Suspects, and those of which something is at hand, as the database knows.
        self._said: tuple[set[int], set[int]] | None = None
        self._usual_max = events_max
        self._small_max = max(1, events_max >> _SMALL_SHIFT_BITS)
        self._lanes: dict[int, _Suspect] = {}
        #: Lane → epoch at which it was cleared; the table hears of that a moment later.
        self._cleared: dict[int, int] = {}
        #: Of these, suspects that the table does not know yet as cleared.
        self._acquitted: dict[int, int] = {}
        self._epochs: dict[int, int] = {}
        #: Lane → entries and last position of the batch under way.
        self._under_way: dict[int, tuple[int, Position]] = {}

    def __bool__(self) -> bool:
        """Whether any lane is suspected."""
        return any(lane.deaths >= DEATHS_SUSPECT for lane in self._lanes.values())

    def begin_again(self) -> None:
        """All lanes are taken up anew, perhaps at other epochs."""
        self._said = None

    def say_at_hand(self, lanes: Collection[int]) -> None:
        """Tell the database of which suspects something is at hand from now on.

        And which are suspects no more: a death of the others must not count for them.
        """
        suspects = {lane for lane in self._lanes if self._is_suspect(lane)}
        said = suspects, suspects.intersection(lanes)
        if self._acquitted or (suspects and said != self._said):
            self._say({lane: self._epochs[lane] for lane in suspects}, said[1], self._acquitted)
            self._said, self._acquitted = said, {}

    def taken_up(self, lane: int, epoch: int, deaths: int, head: Position | None) -> None:
        """A lane begins anew at its cursor; what of it went through before stays so.

        `head` is the newest entry that its last owner can have read; None where nobody knows.
        """
        self._epochs[lane] = epoch
        known = self._lanes.get(lane)
        if not deaths or self._cleared.get(lane) == epoch:
            self._lanes.pop(lane, None)
        elif known is None or known.deaths != deaths:
            self._lanes[lane] = _Suspect(deaths, self._at_risk(deaths), head or _NO_HEAD)

    def absolve(self, deaths: Mapping[int, int]) -> bool:
        """Hear what the database says by now: who was thought dead may have said that it lives.

        Returns: whether any lane is suspected still.
        """
        for lane, known in [*self._lanes.items()]:
            now = deaths.get(lane, known.deaths)
            if not now:
                del self._lanes[lane]
            elif now < known.deaths:
                known.deaths, known.left = now, self._at_risk(now)
        return bool(self)

    def _at_risk(self, deaths: int) -> int:
        """Entries that were at hand at the last death, at most."""
        if deaths <= DEATHS_SUSPECT:
            return 2 * self._usual_max  # one batch in its commit, one beside it
        return self._small_max if deaths == _DEATHS_SINGLE else 1

    def forget(self, lane: int) -> None:
        """A lane is given away."""
        self._lanes.pop(lane, None)

    def batch_max(self, lane: int) -> int:
        """Entries of a batch with this lane at most."""
        if not self._is_suspect(lane):
            return self._usual_max
        return self._small_max if self._lanes[lane].deaths < _DEATHS_SINGLE else 1

    def choose(self, found: Mapping[int, list[Entry]]) -> dict[int, list[Entry]]:
        """Of what was read, a batch of the most suspected lanes; all where none is suspected."""
        deaths = {lane: self._lanes[lane].deaths for lane in found if self._is_suspect(lane)}
        if not deaths:
            return dict(found)
        worst = [lane for lane in deaths if deaths[lane] == max(deaths.values())]
        room = self.batch_max(worst[0])
        chosen: dict[int, list[Entry]] = {}
        for lane in worst:
            if room:
                chosen[lane] = found[lane][:room]
                room -= len(chosen[lane])
        return chosen

    def condemns(self, lane: int) -> bool:
        """Whether the next entry of a lane is the one."""
        known = self._lanes.get(lane)
        return known is not None and known.deaths >= DEATHS_CONDEMN

    def submitted(self, writes: WriteSet) -> None:
        """A batch is on its way."""
        self._under_way = {lane: (write.entries, write.new) for lane, write in writes.lanes.items()}

    def succeeded(self) -> set[int]:
        """It went through; returns its lanes whose deaths may be forgotten."""
        for lane, (entries, position) in self._under_way.items():
            if lane in self._lanes:
                self._lanes[lane].left -= entries
                if self._lanes[lane].left <= 0 or position >= self._lanes[lane].head:
                    self.clear(lane)
        return self._under_way.keys() - self._lanes.keys()

    def clear(self, lane: int) -> None:
        """Nothing in a lane kills: what was at risk went through, or there is nothing in it."""
        if self._is_suspect(lane):
            self._acquitted[lane] = self._epochs[lane]
        if self._lanes.pop(lane, None) is not None:
            self._cleared[lane] = self._epochs[lane]

    def _is_suspect(self, lane: int) -> bool:
        known = self._lanes.get(lane)
        return known is not None and known.deaths >= DEATHS_SUSPECT
