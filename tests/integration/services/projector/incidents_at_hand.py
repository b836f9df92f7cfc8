"""What a lane lost, and how it is told: for tests that look at a projector's incidents."""

import time
from typing import Any

import redis

from services.projector.app import Projector
from shared.contracts.stream_names import lane_stream, partition_of
from shared.storage.connection import connect
from shared.storage.incidents import Incident, all_incidents
from tests.contract.wire import json_bytes
from tests.installation import Installation, until
from tests.integration.services.projector.lanes_at_hand import call, column

#: How often streams are looked at.
ROUND_S = 0.1
LANE = 3
SUBJECT = next(f"call-{n}" for n in range(999) if partition_of(f"call-{n}", 16) == LANE)


def add(client: Any, begin: int, entries: int, lane: int = LANE, ms: int | None = None) -> None:
    """Add events of one call, in a client or a pipeline; with ids of their own where told."""
    for number in range(begin, begin + entries):
        event = call(SUBJECT, id=str(number), type="call.charged", data={"amount": 1})
        entry_id = "*" if ms is None else f"{ms}-{number}"
        client.xadd(lane_stream(lane), {"event": json_bytes(event)}, id=entry_id)


def charges(installed: Installation) -> int:
    """How many events are folded."""
    (found,) = column(
        installed.database_url, "SELECT coalesce(sum(charges), 0)::int FROM gen_1.cost_tallies"
    )
    return int(found)


def incidents(installed: Installation) -> list[Incident]:
    """Every incident, the latest first."""
    with connect(installed.database_url, "test") as connection:
        return all_incidents(connection)


def said(installed: Installation) -> list[tuple[int, str, int | None]]:
    """Lane, kind and loss of each incident, in order."""
    return sorted((i.lane, i.kind, i.entries_lost) for i in incidents(installed))


def wait_for(installed: Installation, *expected: tuple[int, str, int | None]) -> None:
    """Wait until these incidents are declared, and make sure that no more come."""
    until(lambda: said(installed) == sorted(expected), f"{expected} is declared", 20)
    rounds()
    assert sorted(expected) == said(installed)


def rounds() -> None:
    """Let the keeper look a few times more."""
    time.sleep(8 * ROUND_S)


def sample(projector: Projector, name: str, **labels: str) -> float:
    """A metric."""
    return projector.metrics.registry.get_sample_value(name, labels) or 0.0


def counted_as_added(installed: Installation, client: redis.Redis, lane: int = LANE) -> bool:
    """Whether our count of a stream's entries is the stream's own."""
    info: Any = client.xinfo_stream(lane_stream(lane))
    (counted,) = column(
        installed.database_url,
        "SELECT entries_read + entries_unread FROM callfold.lanes WHERE lane = %s",
        lane,
    )
    return bool(counted == info["entries-added"])
