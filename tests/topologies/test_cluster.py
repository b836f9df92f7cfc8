"""Callfold on a Valkey Cluster of three nodes: the same reports, whatever happens to the nodes."""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from json import loads
from pathlib import Path

import pytest

from shared.contracts.stream_names import INBOX_STREAM, partition_stream
from tests.command_line import run_callfold
from tests.e2e.test_http_ingest import post
from tests.faults.judging import judge, recovery_s
from tests.faults.tally import FaultTally
from tests.faults.traffic import Traffic
from tests.installation import installation
from tests.topologies.valkey_cluster import ValkeyCluster, valkey_cluster
from tests.whole_runs import (
    messy_campaigns_through_three_projectors,
    projectors_killed_again_and_again,
)
from tests.whole_system import messy_events

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]


@pytest.fixture
def cluster() -> Iterator[ValkeyCluster]:
    """A cluster that is this test's own."""
    with (
        tempfile.TemporaryDirectory(prefix="callfold-cluster-") as folder,
        valkey_cluster(Path(folder)) as started,
    ):
        yield started


def test_messy_campaigns_on_a_cluster_equal_the_model(
    cluster: ValkeyCluster, database_url: str
) -> None:
    """The whole-system test: every answer of every interface, exports, log and sequences."""
    with installation(cluster.url, database_url) as running:
        messy_campaigns_through_three_projectors(running)


def test_commands_look_at_every_node_of_a_cluster(
    cluster: ValkeyCluster, database_url: str
) -> None:
    """`doctor` judges each node, `lag` finds every lane, ingest takes events."""
    events = messy_events(seed=1, contacts=2)
    ask = partial(run_callfold, redis_url=cluster.url, database_url=database_url)
    with installation(cluster.url, database_url) as running:
        running.start_projector()
        running.start_read_api()
        running.start_ingest()
        post(running, events, seed=1)
        running.wait_until_folded()
        doctor = loads(ask("doctor", "--json").stdout)
        lag = loads(ask("lag", "--json").stdout)
    roles = [check["found"] for check in doctor["checks"] if check["name"] == "redis role"]
    assert {f"127.0.0.1:{node.port}: master" for node in cluster.nodes} == set(roles)
    wrong = [check for check in doctor["checks"] if check["standing"] == "error"]
    assert [] == [check for check in wrong if not check["name"].startswith("postgres")]
    assert [0] * 17 == [lane["toArchive"] for lane in lag["lanes"]]


def test_projectors_killed_on_a_cluster_still_equal_the_model(
    cluster: ValkeyCluster, database_url: str, tally: FaultTally
) -> None:
    """The crash test: eight kills of one of two projectors, a third joins."""
    with installation(cluster.url, database_url) as running:
        row = judge(running, projectors_killed_again_and_again(running, 2, contacts=120))
    tally.add("F1 kills, cluster", replace(row, injected=8))


@pytest.mark.parametrize("seed", (1, 2, 3))
def test_node_killed_during_traffic_loses_nothing(
    cluster: ValkeyCluster, database_url: str, tally: FaultTally, seed: int
) -> None:
    """Each node is killed in turn, for longer than the cluster bears; publishers insist."""
    traffic = Traffic(cluster.url, messy_events(seed, contacts=100), rate_per_s=3_000, seed=seed)
    recoveries_s = []
    with installation(cluster.url, database_url) as running:
        for _ in range(2):
            running.start_projector()
        running.start_read_api()
        with traffic.flowing():
            for node in cluster.nodes:
                time.sleep(0.7 + seed / 10)
                node.kill()
                time.sleep(2.5)
                node.restart()
                recoveries_s.append(recovery_s(running))
        row = judge(running, traffic.acknowledged)
    assert traffic.refused
    tally.add("F3 node kill -9, cluster", replace(row, injected=3, recoveries_s=recoveries_s))


@pytest.mark.parametrize("seed", (1, 2, 3))
def test_slots_moved_during_traffic_lose_nothing(
    cluster: ValkeyCluster, database_url: str, tally: FaultTally, seed: int
) -> None:
    """Streams move from node to node key by key: first asked for by ASK, then by MOVED."""
    traffic = Traffic(cluster.url, messy_events(seed, contacts=100), rate_per_s=3_000, seed=seed)
    keys = [INBOX_STREAM, *(partition_stream(partition) for partition in range(0, 16, 3))]
    with installation(cluster.url, database_url) as running:
        for _ in range(2):
            running.start_projector()
        running.start_read_api()
        with traffic.flowing():
            for number, key in enumerate(keys):
                others = [node for node in cluster.nodes if node is not cluster.owner(key)]
                with cluster.moving(key, others[(seed + number) % 2]):
                    time.sleep(0.5)
                time.sleep(0.2)
        row = judge(running, traffic.acknowledged)
    tally.add("slots moved, cluster", replace(row, injected=len(keys)))
