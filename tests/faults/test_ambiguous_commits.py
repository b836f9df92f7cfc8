"""F2: an answer is lost after what it answers was done; nothing is counted twice, nothing lost."""

import time
from dataclasses import replace
from itertools import islice

import pytest

from shared.storage.commits import AT_ONCE_EVENTS_MAX
from tests.faults.judging import judge, recovery_s
from tests.faults.lease_watch import wait_for_owners
from tests.faults.proxy import COMMITS, COMMITTED, COPY, TcpProxy
from tests.faults.tally import FaultTally
from tests.faults.traffic import Traffic
from tests.installation import installation, until
from tests.whole_system import messy_events, publish

_TURNS = 10
_PATIENCE_S = 120.0
#: Two projectors take that in large batches, mostly.
_BURST = 5 * AT_ONCE_EVENTS_MAX
_HANDFUL = 30
#: What Redis answers to XADD: ids, as bulk strings of some 15 characters.
_ADDED = b"$15\r\n"


@pytest.mark.faults
@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", (1, 2, 3))
def test_commits_whose_answer_is_lost_are_looked_up_and_counted_once(
    redis_url: str, database_url: str, tally: FaultTally, seed: int
) -> None:
    """Batches in a pipeline and large ones by COPY, in turn: the database has them all."""
    events = messy_events(seed, contacts=250)
    waiting = iter(events)
    recoveries_s = []
    with TcpProxy(database_url) as proxy, installation(redis_url, database_url) as running:
        for _ in range(2):
            running.start_projector(database_url=proxy.url)
        for turn in range(_TURNS):
            request, size = (COPY, _BURST) if turn % 2 else (b"", _HANDFUL)
            proxy.lose_answers(1, COMMITTED, client=COMMITS, request=request)
            while proxy.lost <= turn:  # a batch may be taken while it is small
                some = list(islice(waiting, size))
                assert some, "no batch was as it should be: the test needs more events"
                publish(redis_url, some, seed)
                _wait_for_loss(proxy, turn)
            recoveries_s.append(recovery_s(running))
        publish(redis_url, list(waiting), seed)
        running.start_read_api()
        row = judge(running, events)
    row = replace(row, injected=proxy.lost, recoveries_s=recoveries_s)
    tally.add("F2 COMMIT's answer lost", row)


@pytest.mark.faults
@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", (1, 2, 3))
def test_every_commit_whose_answer_is_lost_for_a_while_still_counts_once(
    redis_url: str, database_url: str, tally: FaultTally, seed: int
) -> None:
    """Under live traffic no commit at all is answered for a while: each is in, and seen to be."""
    traffic = Traffic(redis_url, messy_events(seed, contacts=60), 1_000, 50, seed)
    with TcpProxy(database_url) as proxy, installation(redis_url, database_url) as running:
        for _ in range(2):
            running.start_projector(database_url=proxy.url)
        wait_for_owners(running, 2)
        proxy.lose_answers(10**6, COMMITTED, client=COMMITS)
        with traffic.flowing():
            until(lambda: traffic.over, "all is published", _PATIENCE_S)
            until(lambda: proxy.lost >= 2, "answers are lost", _PATIENCE_S)
        lost = proxy.lost
        proxy.lose_answers(0, COMMITTED)
        healed_s = recovery_s(running)
        running.start_read_api()
        row = judge(running, traffic.acknowledged)
    tally.add("F2 COMMIT's answer lost", replace(row, injected=lost, recoveries_s=[healed_s]))


@pytest.mark.faults
@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", (1, 2, 3))
def test_events_published_again_for_a_lost_answer_count_once(
    redis_url: str, database_url: str, tally: FaultTally, seed: int
) -> None:
    """Redis took them; whoever publishes is cut off instead of told, and publishes them again."""
    events = messy_events(seed, contacts=60)
    with TcpProxy(redis_url) as proxy, installation(redis_url, database_url) as running:
        running.start_projector()
        running.start_projector()
        traffic = Traffic(proxy.url, events, 4_000, 200, seed)
        proxy.lose_answers(_TURNS, _ADDED, request=b"XADD")
        with traffic.flowing():
            until(lambda: proxy.lost == _TURNS, "answers are lost", _PATIENCE_S)
            until(lambda: traffic.over, "all is acknowledged", _PATIENCE_S)
        assert traffic.refused == proxy.lost
        running.start_read_api()
        row = judge(running, traffic.acknowledged)
    tally.add("F2 XADD's answer lost", replace(row, injected=proxy.lost))


def _wait_for_loss(proxy: TcpProxy, before: int, patience_s: float = 5.0) -> None:
    deadline_s = time.monotonic() + patience_s
    while proxy.lost <= before and time.monotonic() < deadline_s:
        time.sleep(0.02)
