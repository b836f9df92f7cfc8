"""The client of a cluster: every command arrives once or fails, wherever its key is by then."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from shared.contracts.stream_names import INBOX_LANE, aside_stream, lane_stream
from shared.delivery.cluster_client import primaries
from shared.delivery.connection import redis_client
from shared.delivery.in_range_reader import InRangeReader
from shared.delivery.publisher import Publisher
from shared.delivery.stream_keeping import memory_share
from shared.errors import PublishError
from tests.installation import until
from tests.topologies.valkey_cluster import ValkeyCluster, valkey_cluster

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

_LANES = range(INBOX_LANE, 16)
_START = dict.fromkeys(_LANES, (0, 0))


@pytest.fixture(scope="module")
def cluster() -> Iterator[ValkeyCluster]:
    """A cluster for the module; who kills a node restarts it."""
    with (
        tempfile.TemporaryDirectory(prefix="callfold-cluster-") as folder,
        valkey_cluster(Path(folder)) as started,
    ):
        yield started


@pytest.fixture
def client(cluster: ValkeyCluster) -> Iterator[Any]:
    """A client of the cluster, whose nodes are empty and hold the slots that they began with."""
    for node in cluster.nodes:
        node.client.flushall()
    with redis_client(cluster.url) as connected:
        yield connected


def _add(client: Any, lanes: Any, number: int) -> list[Any]:
    """Add an entry to each lane, in one pipeline."""
    pipeline = client.pipeline(transaction=False)
    for lane in lanes:
        pipeline.execute_command("XADD", lane_stream(lane), "*", "n", str(number))
    return list(pipeline.execute())


def _events(client: Any, lane: int) -> Iterator[list[bytes]]:
    for _, fields in client.xrange(lane_stream(lane)):
        yield list(fields.values())


def _other(cluster: ValkeyCluster, key: str) -> Any:
    return next(node for node in cluster.nodes if node is not cluster.owner(key))


def test_pipeline_spreads_over_nodes_and_answers_in_order(
    cluster: ValkeyCluster, client: Any
) -> None:
    """Lanes lie on all nodes; answers come in the order of commands, errors in their places."""
    lanes = [*_LANES, *reversed(_LANES)]
    ids = _add(client, lanes, 1)

    assert {n.port for n in cluster.nodes} == {cluster.owner(lane_stream(x)).port for x in _LANES}
    found, more = InRangeReader(client).read(_START, 100)
    expected = {lane: [ids[lanes.index(lane)]] for lane in _LANES}
    for lane, entry_id in zip(lanes[len(_LANES) :], ids[len(_LANES) :], strict=True):
        expected[lane].append(entry_id)
    assert not more or len(found) == len(_LANES)
    assert expected == {
        lane: [f"{entry.ms}-{entry.seq}".encode() for entry in entries]
        for lane, entries in found.items()
    }
    pipeline = client.pipeline(transaction=False)
    pipeline.set(lane_stream(3), "no stream")
    pipeline.xlen(lane_stream(3))
    pipeline.xlen(lane_stream(4))
    said, refused, length = pipeline.execute(raise_on_error=False)
    assert (True, 2) == (said, length)
    assert isinstance(refused, redis.ResponseError)


def test_key_that_holds_no_stream_is_left_out_of_reading(client: Any) -> None:
    """The other lanes are read."""
    _add(client, (4, 5), 1)
    client.set(lane_stream(3), "no stream")
    reader = InRangeReader(client)
    reader.read(_START, None)

    found, _ = reader.read(_START, None)

    assert {4, 5} == found.keys()


@pytest.mark.parametrize("lane", (INBOX_LANE, 7))
def test_moving_stream_is_written_read_and_changed_at_both_ends(
    cluster: ValkeyCluster, client: Any, lane: int
) -> None:
    """ASK while it moves, MOVED once it has; a transaction is refused meanwhile, and told why."""
    key, reader = lane_stream(lane), InRangeReader(client)
    _add(client, _LANES, 0)
    reader.read(_START, None)
    with cluster.moving(key, _other(cluster, key)):
        _add(client, (*_LANES, *_LANES), 1)
        client.xadd(key, {"n": "2"})
        found, _ = reader.read(_START, None)
        assert [b"0", b"1"] == [entry.fields[1] for entry in found[lane][:2]]
        with pytest.raises(redis.RedisError), client.pipeline(transaction=True) as pipeline:
            pipeline.watch(key)
    _add(client, (lane, lane), 3)
    numbers = [fields[b"n"] for _, fields in client.xrange(key)]
    assert [b"0", b"1", b"1", b"2", b"3", b"3"] == numbers


def test_transaction_learns_where_its_stream_went(cluster: ValkeyCluster, client: Any) -> None:
    """The one that is redirected fails; the next goes to the right node."""
    key = lane_stream(9)
    client.xadd(key, {"n": "1"})
    with cluster.moving(key, _other(cluster, key)):
        pass
    with client.pipeline(transaction=True) as pipeline:
        with pytest.raises(redis.exceptions.MovedError):
            pipeline.watch(key)
        pipeline.reset()
        pipeline.watch(key)
        pipeline.multi()
        pipeline.xlen(key)
        assert [1] == pipeline.execute()


def test_transaction_spans_a_stream_and_what_is_set_aside_of_it(client: Any) -> None:
    """Both lie in one slot, for every lane; another client's change is noticed."""
    for lane in _LANES:
        stream, aside = lane_stream(lane), aside_stream(lane)
        with client.pipeline(transaction=True) as pipeline:
            pipeline.watch(stream, aside)
            assert 0 == pipeline.xlen(stream)
            pipeline.multi()
            pipeline.xadd(stream, {"n": "1"})
            pipeline.rename(stream, aside)
            assert pipeline.execute()[1]
        with client.pipeline(transaction=True) as pipeline:
            pipeline.watch(aside)
            client.xadd(aside, {"n": "2"})
            pipeline.multi()
            pipeline.delete(aside)
            with pytest.raises(redis.WatchError):
                pipeline.execute()
        assert 2 == client.xlen(aside)


def test_pipeline_fails_as_a_whole_while_a_node_is_away(
    cluster: ValkeyCluster, client: Any
) -> None:
    """And arrives as a whole when it is sent again; nothing is left on a connection."""
    _add(client, _LANES, 0)
    cluster.nodes[0].kill()
    try:
        for _ in range(3):
            with pytest.raises(redis.RedisError):
                _add(client, _LANES, 1)
        publisher = Publisher(cluster.url, patience_s=1)
        with pytest.raises(PublishError):
            publisher.publish_all([{"subject": f"call-{n}"} for n in range(100)])
    finally:
        cluster.nodes[0].restart()
        until(cluster.whole, "the cluster is whole")
    publisher.close()
    written = b"".join(b"".join(e) for lane in _LANES for e in _events(client, lane))
    assert all(b'"call-%d"' % number in written for number in range(100))
    assert len(_LANES) == len(_add(client, _LANES, 2))
    assert [b"2"] * len(_LANES) == [
        client.xrevrange(lane_stream(lane), count=1)[0][1][b"n"] for lane in _LANES
    ]


def test_every_node_counts_where_the_whole_is_asked_for(
    cluster: ValkeyCluster, client: Any
) -> None:
    """Memory is that of the fullest node; the clock is the one that is behind."""
    full = cluster.nodes[1].client
    full.config_set("maxmemory", "4mb")
    shares = [int(node.info("memory")["used_memory"]) for node in primaries(client)]

    assert len(cluster.nodes) == len(shares)
    assert memory_share(client) > 0.25
    full.config_set("maxmemory", "512mb")
    ahead_ms = client.time()[0] * 1000 + 1000
    assert 0 <= ahead_ms - InRangeReader(client).server_ms() <= 5_000
