"""F15, F16: repeated up to five times over kills and with next to no cache, and in any order."""

import random
import time
from dataclasses import replace
from typing import Any

import pytest

from shared.limits import PARTITIONS_DEFAULT
from shared.storage.schema import migrate
from tests.faults.judging import judge, recovery_s
from tests.faults.restarting import restarting
from tests.faults.tally import FaultTally
from tests.installation import installation
from tests.integration.services.projector.lanes_at_hand import column
from tests.whole_system import messy_events, publish

_PARTS = 5


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", (1, 2, 3))
def test_events_repeated_over_kills_in_any_order_count_once(
    redis_url: str, database_url: str, tally: FaultTally, seed: int
) -> None:
    """Each up to five times, shuffled over the whole run: ends come before starts, hours late.

    The cache holds a few states, so that most duplicates meet a state that was read back; the
    projector is killed between the parts. Conflicts of content are kept beside, and count nothing.
    """
    chance = random.Random(seed)
    events = list({_identity(e): e for e in messy_events(seed=seed, contacts=12)}.values())
    repeated = [event for event in events for _ in range(chance.randint(1, 5))]
    chance.shuffle(repeated)
    conflicts = [
        {**event, "time": "2020-01-01T00:00:00Z"}
        for event in chance.sample(events, len(events) // 20)
    ]
    migrate(database_url, PARTITIONS_DEFAULT)
    with installation(redis_url, database_url) as running:
        with restarting(running, "services.projector", cache_bytes="20000") as projector:
            for part in range(_PARTS):
                publish(redis_url, repeated[part::_PARTS], seed=seed + part)
                time.sleep(chance.uniform(0.2, 1.5))
                projector.process.kill()
            recovered_s = recovery_s(running, 120)
            publish(redis_url, conflicts, seed=seed)
            running.start_read_api()
            running.wait_until_folded(120)

        row = judge(running, events)
        found = column(
            database_url,
            "SELECT count(DISTINCT (organization_id, subject, source, event_id))::int"
            " FROM callfold.conflicting_events",
        )
        assert [len(conflicts)] == found, f"seed {seed}"
        injected = len(repeated) - len(events) + len(conflicts)
        tally.add("F15 duplicates", replace(row, injected=injected, recoveries_s=[recovered_s]))
        tally.add("F16 any order", replace(row, injected=len(repeated)))


def _identity(event: dict[str, Any]) -> tuple[str, ...]:
    return event["organizationid"], event["subject"], event["source"], event["id"]
