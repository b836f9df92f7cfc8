"""What the commit thread does beside committing: forwards, once."""

from collections.abc import Mapping, Sequence

import psycopg

from services.projector.commit_thread import CommitThread
from services.projector.health import Metrics
from services.projector.ports import Runtime
from shared.projections.write_set import Forward, LaneWrite, WriteSet
from shared.storage.parking import Scope

_LANE = 1
_STRAY = Forward(0, [b"event", b"{}"], (_LANE, 5, 0))
_LATER = Forward(0, [b"event", b"{}"], (_LANE, 9, 0))


class FullDisk:
    """Takes forwards; commits fail while the disk is full."""

    def __init__(self) -> None:
        self.full = True
        self.forwarded: list[Forward] = []

    def forward(self, forwards: Sequence[Forward]) -> None:
        """Remember them."""
        self.forwarded += forwards

    def commit(self, _writes: WriteSet, _epochs: Mapping[int, int], /) -> list[Scope]:
        """Nothing is written."""
        if self.full:
            raise psycopg.errors.DiskFull
        return []

    def disconnect(self) -> None:
        """Nothing is held."""


def committed(thread: CommitThread, *forwards: Forward) -> bool:
    """Whether a batch with these forwards went through."""
    writes = WriteSet(lanes={_LANE: LaneWrite((0, 0), (5, 0))}, forwards=list(forwards))
    thread.submit(writes, {_LANE: 1})
    done, error = thread.outcome(30)
    assert done
    return error is None


def test_entries_are_forwarded_once_however_often_their_batch_fails() -> None:
    """Else a full disk of the database would fill the streams as well, batch after batch."""
    batches = FullDisk()
    thread = CommitThread(batches, Metrics(), Runtime())
    thread.start()
    try:
        assert not committed(thread, _STRAY)
        assert not committed(thread, _STRAY, _LATER)
        assert [_STRAY, _LATER] == batches.forwarded
        batches.full = False
        assert committed(thread, _STRAY)
        # What the batch moved past is forgotten, what comes behind it is not.
        assert committed(thread, _STRAY, _LATER)
        assert [_STRAY, _LATER, _STRAY] == batches.forwarded
    finally:
        thread.stop()
