"""Another server takes over whose streams went another way: what it holds is folded all the same.

So it is after a failover while publishers still wrote to both sides (D-054).
"""

from typing import Any

import pytest
import redis

from shared.contracts.stream_names import INBOX_LANE, lane_stream, partition_of
from shared.limits import PARTITIONS_DEFAULT
from tests.contract.wire import json_bytes
from tests.installation import until
from tests.integration.services.projector.lanes_at_hand import call, column
from tests.integration.services.projector.projector_threads import projector_threads

_LANE = 3
_SUBJECT = next(
    f"call-{n}" for n in range(999) if partition_of(f"call-{n}", PARTITIONS_DEFAULT) == _LANE
)
_COMMON, _READ = 10, 20
#: More than the watch counts behind a cursor.
_BEHIND = 40


def _add(client: Any, lane: int, ms: int, sequences: range, first_event: int) -> None:
    """Add charges of one call at these ids."""
    for sequence in sequences:
        event = call(
            _SUBJECT,
            id=str(first_event + sequence),
            type="call.charged",
            data={"amount": 1},
        )
        client.xadd(lane_stream(lane), {"event": json_bytes(event)}, id=f"{ms}-{sequence}")


@pytest.mark.parametrize(
    ("lane", "of_other"),
    ((_LANE, range(_COMMON, _READ)), (_LANE, range(_COMMON, _READ - 1)), (INBOX_LANE, range(5, 9))),
    ids=("the cursor's id is given twice", "the cursor's entry is missing", "inbox"),
)
def test_entries_that_another_server_holds_before_the_cursor_are_folded(
    redis_url: str, database_url: str, lane: int, of_other: range
) -> None:
    """Half of what was read is other entries with the same ids there; many follow."""

    def charges() -> int:
        (found,) = column(
            database_url, "SELECT coalesce(sum(charges), 0)::int FROM gen_1.cost_tallies"
        )
        return int(found)

    with redis.Redis.from_url(redis_url) as client, projector_threads(redis_url, database_url):
        seconds, _ = client.time()
        ms = int(seconds) * 1000
        _add(client, lane, ms, range(_READ), 0)
        until(lambda: charges() == _READ, "the first server's entries are folded")

        pipeline: Any = client.pipeline(transaction=True)
        pipeline.execute_command("CLIENT KILL", "TYPE", "normal", "SKIPME", "yes")
        pipeline.delete(lane_stream(lane))
        _add(pipeline, lane, ms, range(of_other.start), 0)
        _add(pipeline, lane, ms, of_other, 1000)
        _add(pipeline, lane, ms, range(_READ, _READ + _BEHIND), 2000)
        pipeline.execute()

        all_of_both = _READ + len(of_other) + _BEHIND
        until(lambda: charges() == all_of_both, "the second server's are folded as well", 20)
