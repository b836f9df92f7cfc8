"""Batches that a test commits as a projector does, so that caches of reports are told."""

from typing import Any

from shared.contracts.entries import Entry
from shared.contracts.stream_names import partition_of
from tests.contract.wire import changed
from tests.integration.shared.storage.lane_owner import PARTITIONS, LaneOwner, entry


class Batches:
    """Commits events as a projector does, a batch each time."""

    def __init__(self, owner: LaneOwner) -> None:
        """Takes all lanes of `owner`."""
        owner.take()
        self.owner = owner
        self._number = 0

    def commit(self, *events: dict[str, Any]) -> None:
        """Commit one batch of events, each with an id and a place in the stream of its own."""
        by_lane: dict[int, list[Entry]] = {}
        for event in events:
            self._number += 1
            lane = partition_of(event["subject"], PARTITIONS)
            said = {**event, "id": f"event-{self._number}"}
            by_lane.setdefault(lane, []).append(entry(self._number, said))
        for lane, entries in by_lane.items():
            old = self.owner.lanes.cursors([lane], 1)[lane].position
            self.owner.folding.take(lane, old, entries, {})
        self.owner.commit(self.owner.folding.harvest())


def ended(call: str, **attributes: object) -> dict[str, Any]:
    """A call of `exec-1` of `acme` that ended."""
    return changed(subject=call, **attributes)
