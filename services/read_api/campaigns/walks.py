"""Where clients are that page through a list of attempts by page number.

The list begins with the newest, so each event that arrives would shift the pages under a client
that asks for page 1, 2, 3 …. Page 1 begins a walk; page n + 1 goes on behind the last item of page
n, whatever came in front meanwhile, and leaves out what the walk has served: an item whose earliest
event arrives late moves down the list, never up.

The promise: who asks page after page gets each attempt that was there at page 1 exactly once. Its
limits: a walk lives in the memory of this process, and the longest unused one makes room. A page
that no walk leads to (another process, a restart, a jump) is found by its number, and the walk goes
on from there. A contact that is skipped once more meanwhile moves up, and may be passed over. Two
clients with the same credential and name share a walk while they stand at the same page.
"""

from array import array
from collections import OrderedDict
from typing import Final, NamedTuple

from shared.reports.campaign_executions import ItemRow, Place

BYTES_MAX: Final = 32 * 1024 * 1024
#: What a walk takes beside its numbers, about.
_WALK_BYTES: Final = 1_000


class ListKey(NamedTuple):
    """Who walks through which list, by pages of which size."""

    #: Tells credentials and client programs apart.
    reader: str
    organization_id: str
    campaign_id: str
    status: str | None
    per_page: int


class Walk:
    """What was served of a list so far: page by page, the latest of which may be asked again."""

    def __init__(self, pages_before: int = 0) -> None:
        """Begins after so many pages that are not known."""
        self.pages = pages_before
        self._numbers = array("q")
        #: Of the pages up to the latest, and up to the one before.
        self._ends: list[tuple[Place | None, int]] = [(None, 0)]

    @property
    def size_bytes(self) -> int:
        """About what it takes in memory."""
        return _WALK_BYTES + self._numbers.itemsize * len(self._numbers)

    @property
    def end(self) -> Place | None:
        """The place behind everything served; None where nothing is known to be."""
        return self._ends[-1][0]

    def served(self) -> set[int]:
        """The numbers of what was served."""
        return set(self._numbers)

    def step_back(self) -> None:
        """Forget the latest page: it is asked for again. Of the one before nothing is known."""
        if len(self._ends) == 1:
            self._ends = [(None, 0)]
            return
        self._ends.pop()
        del self._numbers[self._ends[-1][1] :]
        self.pages -= 1

    def step(self, items: list[ItemRow]) -> None:
        """A page was served."""
        self._numbers.extend(item.number for item in items)
        end = items[-1].place if items else self.end
        self._ends = [self._ends[-1], (end, len(self._numbers))]
        self.pages += 1


class Walks:
    """The walks of all clients, the latest used last."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        #: By list, and how many pages of it were served.
        self._walks: OrderedDict[tuple[ListKey, int], Walk] = OrderedDict()

    def leading_to(self, key: ListKey, page: int) -> Walk | None:
        """Take the walk that stands before a page; `keep` must give it back.

        Page 1 begins one. None: nothing is known of the page before.
        """
        if page == 1:
            return Walk()
        walk = self._take(key, page - 1)
        if walk is None:
            walk = self._take(key, page)
            if walk is not None:
                walk.step_back()
        return walk if walk is not None and walk.end is not None else None

    def keep(self, key: ListKey, walk: Walk) -> None:
        """Remember where a client is now, in place of another one's walk that is there."""
        self._take(key, walk.pages)
        self._walks[key, walk.pages] = walk
        self._bytes += walk.size_bytes
        while self._bytes > self._bytes_max:
            _, oldest = self._walks.popitem(last=False)
            self._bytes -= oldest.size_bytes

    def _take(self, key: ListKey, pages: int) -> Walk | None:
        walk = self._walks.pop((key, pages), None)
        if walk is not None:
            self._bytes -= walk.size_bytes
        return walk
