"""No event is so odd that a batch with it cannot be folded and committed."""

import random
from collections import defaultdict

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from shared.contracts.codec import find_subject
from shared.contracts.entries import Entry
from shared.contracts.stream_names import partition_of
from shared.folds.journal import Position
from shared.storage.connection import connect
from shared.storage.contribution_sums import contributions_that_differ
from tests.integration.shared.storage.lane_owner import NOW_MS, PARTITIONS, LaneOwner, lane_owner
from tests.property.event_strategies.odd_events import large_entries, odd_entry

_BATCH = 150


def test_odd_events_are_folded_or_parked_and_the_batch_is_committed(laid_out: str) -> None:
    """Any key of any type, hundreds at a time: each is in the log once, and all sums agree."""
    read: dict[int, Position] = dict.fromkeys(range(PARTITIONS), (0, 0))
    with lane_owner(laid_out, "one") as owner:
        owner.take()

        @settings(
            max_examples=4,
            deadline=None,
            database=None,
            phases=[Phase.generate],  # what is committed cannot be tried again
            suppress_health_check=list(HealthCheck),
        )
        @given(seed=st.integers(0, 2**32))
        def commit(seed: int) -> None:
            chance, first = random.Random(seed), seed * _BATCH
            odd = [odd_entry(chance, first + number) for number in range(_BATCH)]
            _commit(owner, odd, read)

        commit()
        _commit(owner, large_entries(random.Random(1), 0), read)
    with connect(laid_out, "test") as connection:
        assert [] == contributions_that_differ(connection, 1)


def _commit(owner: LaneOwner, odd: list[list[bytes]], read: dict[int, Position]) -> None:
    entries = defaultdict(list)
    begin_ms = max(NOW_MS, *(ms for ms, _ in read.values()))
    for number, fields in enumerate(odd, start=1):
        subject = find_subject(fields)
        lane = 0 if subject is None else partition_of(subject, PARTITIONS)
        entries[lane].append(Entry(begin_ms + number, 0, fields))
    for lane, of_lane in entries.items():
        owner.folding.take(lane, read[lane], of_lane, {})
        read[lane] = (of_lane[-1].ms, of_lane[-1].seq)
    writes = owner.folding.harvest()
    owner.commit(writes)
    archived = sum(len(write.archived) for write in writes.lanes.values())
    assert archived + len(writes.forwards) == len(odd)
    assert writes.parked
    assert archived > len(writes.parked)
