"""F18, F19: whatever a fold does to its process, its event is found, and all others count."""

import random
import time
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from services.projector.suspects import DEATHS_CONDEMN
from shared.contracts.stream_names import partition_of
from shared.limits import PARTITIONS_DEFAULT
from tests.faults.judging import judge
from tests.faults.poisoned_projector import DEADLY, FAILING
from tests.faults.restarting import restarting
from tests.faults.tally import FaultTally
from tests.installation import Installation, installation
from tests.integration.services.projector.lanes_at_hand import change, rows
from tests.whole_system import messy_events, publish

_POISONED = "tests.faults.poisoned_projector"


def mixed(events: list[dict[str, Any]], names: list[str], seed: int) -> list[dict[str, Any]]:
    """A poison for each name, of calls that the traffic is about, one in each of some lanes."""
    chance = random.Random(seed)
    calls = [event for event in events if event["type"] == "call.initiated"]
    chance.shuffle(calls)
    by_lane = {partition_of(call["subject"], PARTITIONS_DEFAULT): call for call in calls}
    hosts = [*by_lane.values(), *calls][: len(names)]
    return [
        {**host, "id": f"{name}/{number}", "type": "call.charged", "data": {"amount": 1}}
        for number, (name, host) in enumerate(zip(names, hosts, strict=True))
    ]


def scattered(
    events: list[dict[str, Any]], poisons: list[dict[str, Any]], seed: int
) -> list[dict[str, Any]]:
    """The poisons among the events, at random places."""
    chance, all_of_them = random.Random(seed), list(events)
    for poison in poisons:
        all_of_them.insert(chance.randrange(len(all_of_them)), poison)
    return all_of_them


def parked_reasons(running: Installation) -> Counter[tuple[str, str]]:
    """How often what was parked why: the first word of the poison's id, and the reason."""
    found = rows(running.database_url, "SELECT body, reason, entries FROM callfold.parked_events")
    told: Counter[tuple[str, str]] = Counter()
    for body, reason, entries in found:
        names = [name for name in (*DEADLY, *FAILING) if f"{name}/".encode() in bytes(body)]
        told[max(names, key=len), reason] += entries
    return told


def judged(running: Installation, good: list[dict[str, Any]], poisons: list[dict[str, Any]]) -> Any:
    """Judge what stands without what was parked; the log holds that as well."""
    change(running.database_url, "DELETE FROM callfold.parked_events")
    return judge(running, good, archived=poisons)


@pytest.mark.faults
@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", DEADLY)
def test_event_that_kills_its_process_is_parked_alone(
    redis_url: str, database_url: str, tally: FaultTally, name: str
) -> None:
    """One event in 2,200 kills: so many deaths park it, no other is; all reports are exact."""
    events = messy_events(seed=3, contacts=15)
    poisons = mixed(events, [name], seed=3)
    publish(redis_url, scattered(events, poisons, 3), seed=3)
    with installation(redis_url, database_url) as running:
        began_s = time.monotonic()
        with restarting(running, _POISONED) as projector:
            running.start_read_api()
            running.wait_until_folded(300)
        seconds = time.monotonic() - began_s

        assert {(name, "crashed"): 1} == parked_reasons(running)
        assert DEATHS_CONDEMN == len(projector.ends), projector.ends
        row = judged(running, events, poisons)
        tally.add(f"F19 {name}", replace(row, injected=1, recoveries_s=[seconds]))


@pytest.mark.faults
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", (1, 2, 3))
def test_many_poisons_in_one_lane_and_in_several_are_all_parked(
    redis_url: str, database_url: str, tally: FaultTally, seed: int
) -> None:
    """Four that kill and eight that fail, two projectors: these twelve, and not one more."""
    events = messy_events(seed=seed, contacts=20)
    names = ["segfault", "killed", "segfault", "killed", *FAILING, *FAILING]
    poisons = mixed(events, names, seed)
    # The second kills in the first one's lane: it is of the same call.
    poisons[1] = {**poisons[0], "id": poisons[1]["id"]}
    publish(redis_url, scattered(events, poisons, seed), seed=seed)
    with installation(redis_url, database_url) as running:
        began_s = time.monotonic()
        with restarting(running, _POISONED) as one, restarting(running, _POISONED) as other:
            running.start_read_api()
            running.wait_until_folded(500)
        seconds = time.monotonic() - began_s

        expected = Counter({("segfault", "crashed"): 2, ("killed", "crashed"): 2})
        expected.update({(name, "fold_failed"): 2 for name in FAILING})
        assert expected == parked_reasons(running), f"seed {seed}"
        deaths = len(one.ends) + len(other.ends)
        assert deaths <= 4 * DEATHS_CONDEMN, f"seed {seed}: {deaths} deaths"
        row = judged(running, events, poisons)
        tally.add("F19 twelve poisons", replace(row, injected=12, recoveries_s=[seconds]))


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", (1, 2))
def test_kills_of_an_operator_park_nothing(
    redis_url: str, database_url: str, tally: FaultTally, seed: int
) -> None:
    """Twenty kills at random moments, many of them before anything was committed."""
    chance = random.Random(seed)
    events = messy_events(seed=seed, contacts=40)
    publish(redis_url, events, seed=seed)
    with installation(redis_url, database_url) as running:
        with restarting(running, "services.projector", lease_ms="1000") as projector:
            for _ in range(20):
                time.sleep(chance.uniform(0.3, 3.0))
                projector.process.kill()
            running.start_read_api()
            running.wait_until_folded(120)

        assert [] == rows(running.database_url, "SELECT reason FROM callfold.parked_events")
        tally.add("F19 kill -9 by hand", replace(judge(running, events), injected=20))
