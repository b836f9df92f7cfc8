"""States in memory, encoded, least recently used out first, bounded in bytes.

It belongs to one owner of lanes and dies with any of its lanes' epochs and with any failed commit:
what it holds is always what the database holds, or will once the commit under way is through.
"""

from typing import NamedTuple

#: (kind, organization, subject)
SubjectKey = tuple[str, str, str]

#: What an entry costs beside its bytes: keys, tuple, dictionary slot (measured with CPython 3.11).
_OVERHEAD_BYTES = 450
#: A subject beyond this leaves once it is committed: it takes the room of a hundred others, and
#: what it frees of theirs, amid those that stay, no process gets back.
_LARGE_BYTES = 64 * 1024


class Kept(NamedTuple):
    """A subject as the database holds it."""

    revision: int
    state: bytes
    records: bytes
    positions: bytes
    contribution: bytes


class StateCache:
    """Subjects by lane and key."""

    def __init__(self, bytes_max: int) -> None:
        """Hold at most `bytes_max` bytes."""
        self._bytes_max = bytes_max
        self._bytes = 0
        self._lanes: dict[int, dict[SubjectKey, Kept]] = {}
        #: By lane and key, what was large when it was put.
        self._large: set[tuple[int, SubjectKey]] = set()

    @property
    def bytes_held(self) -> int:
        """Bytes held, counted with what Python adds."""
        return self._bytes

    def get(self, lane: int, key: SubjectKey) -> Kept | None:
        """The subject, or None where the database must be asked; counts as a use."""
        subjects = self._lanes.get(lane)
        if subjects is None:
            return None
        kept = subjects.pop(key, None)
        if kept is not None:
            subjects[key] = kept
        return kept

    def put(self, lane: int, key: SubjectKey, kept: Kept) -> None:
        """Remember a subject as the most recently used."""
        subjects = self._lanes.setdefault(lane, {})
        old = subjects.pop(key, None)
        if old is not None:
            self._bytes -= _size(old)
        subjects[key] = kept
        self._bytes += (size := _size(kept))
        if size > _LARGE_BYTES:
            self._large.add((lane, key))

    def shrink(self) -> None:
        """Drop what is large, then the least recently used of the largest lanes."""
        for lane, key in self._large:
            if (kept := self._lanes.get(lane, {}).pop(key, None)) is not None:
                self._bytes -= _size(kept)
        self._large.clear()
        while self._bytes > self._bytes_max:
            largest = max(self._lanes.values(), key=len)
            for key in list(largest)[: max(1, len(largest) // 8)]:
                self._bytes -= _size(largest.pop(key))

    def drop(self, lane: int) -> None:
        """Forget a lane: it changed hands."""
        for kept in self._lanes.pop(lane, {}).values():
            self._bytes -= _size(kept)

    def clear(self) -> None:
        """Forget all: a commit failed, so nothing in memory can be trusted."""
        self._large.clear()
        self._lanes.clear()
        self._bytes = 0


def _size(kept: Kept) -> int:
    return (
        len(kept.state)
        + len(kept.records)
        + len(kept.positions)
        + len(kept.contribution)
        + _OVERHEAD_BYTES
    )
