"""kill -9 of projectors at random moments loses nothing and counts nothing twice."""

import random
import time

import pytest

from tests.installation import installation
from tests.whole_system import (
    assert_conserved,
    assert_equals_model,
    messy_events,
    publish,
    reference,
)

_KILLS = 8


@pytest.mark.timeout(240)
@pytest.mark.parametrize("projectors", (1, 2))
def test_projectors_killed_again_and_again_still_equal_the_model(
    redis_url: str, database_url: str, projectors: int
) -> None:
    """After eight kills, one projector joining meanwhile, reports and log are exact."""
    chance = random.Random(projectors)
    events = messy_events(seed=projectors, contacts=250)
    slices = [events[index :: _KILLS + 1] for index in range(_KILLS + 1)]
    with installation(redis_url, database_url) as running:
        alive = [running.start_projector() for _ in range(projectors)]
        for index, part in enumerate(slices):
            publish(redis_url, part, seed=index)
            if index == _KILLS:
                break
            time.sleep(chance.uniform(0.0, 1.2))
            victim = alive.pop(chance.randrange(len(alive)))
            running.kill(victim)
            alive.append(running.start_projector())
            if index == _KILLS // 2:
                alive.append(running.start_projector())  # one joins meanwhile
        running.start_read_api()
        running.wait_until_folded()

        published = [event for part in slices for event in part]
        assert_equals_model(running, reference(published))
        assert_conserved(running, published)
