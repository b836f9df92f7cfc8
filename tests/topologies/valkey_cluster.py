"""A Valkey Cluster of three primaries on this machine, which loses and moves what a test says."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from tests.installation import free_port, until
from tests.topologies.valkey_node import PASSWORD, QUOTED_PASSWORD, ValkeyNode

_NODES = 3
_NODE_TIMEOUT_MS = 1500
_MOVED_AT_A_TIME = 10


class ValkeyCluster:
    """Three nodes, each with a third of the slots and no replica."""

    def __init__(self, nodes: list[ValkeyNode]) -> None:
        """The nodes run and have not met."""
        self.nodes = nodes

    @property
    def url(self) -> str:
        """Two of the three nodes; clients find the third by themselves."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes[:2])
        return f"redis+cluster://:{QUOTED_PASSWORD}@{hosts}"

    def meet(self) -> None:
        """Make the nodes one cluster; returns once each says that it is whole."""
        bounds = [REDIS_CLUSTER_HASH_SLOTS * n // _NODES for n in range(_NODES + 1)]
        for number, node in enumerate(self.nodes):
            first, last = bounds[number], bounds[number + 1] - 1
            node.client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            bus = node.client.config_get("cluster-port")["cluster-port"]
            self.nodes[0].client.execute_command(
                "CLUSTER", "MEET", "127.0.0.1", node.port, bus
            ) if number else None
        until(self.whole, "the cluster is whole")

    def whole(self) -> bool:
        """Whether every node knows all others, and all slots are served."""
        try:
            said = [node.client.cluster("info") for node in self.nodes]
        except redis.RedisError:
            return False
        return all(
            info["cluster_state"] == "ok" and info["cluster_known_nodes"] == str(_NODES)
            for info in said
        )

    def owner(self, key: str) -> ValkeyNode:
        """The node that serves a key, as the first one that answers says."""
        slot = key_slot(key.encode())
        ranges: Any = self.nodes[0].client.execute_command("CLUSTER SLOTS")
        port = next(low[2][1] for low in ranges if low[0] <= slot <= low[1])
        return next(node for node in self.nodes if node.port == port)

    @contextmanager
    def moving(self, key: str, target: ValkeyNode) -> Iterator[None]:
        """Move the slot of a key; in the block its keys are at the target, the slot is not yet.

        Who asks for them is redirected by ASK in the block, by MOVED behind it.
        """
        source, slot = self.owner(key), key_slot(key.encode())
        source_id, target_id = (_id(node) for node in (source, target))
        target.client.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
        source.client.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", target_id)
        while keys := source.client.cluster("getkeysinslot", slot, _MOVED_AT_A_TIME):
            source.client.execute_command(
                "MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "AUTH", PASSWORD, "KEYS", *keys
            )
        yield
        for node in (target, source, *self.nodes):
            node.client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", target_id)


def _id(node: ValkeyNode) -> str:
    return str(node.client.execute_command("CLUSTER", "MYID").decode())


@contextmanager
def valkey_cluster(folder: Path) -> Iterator[ValkeyCluster]:
    """A cluster whose nodes are gone afterwards."""
    with ExitStack() as stack:
        nodes = []
        for number in range(_NODES):
            lines = [
                "cluster-enabled yes",
                f"cluster-port {free_port()}",
                f"cluster-node-timeout {_NODE_TIMEOUT_MS}",
            ]
            node = ValkeyNode(folder / f"node-{number}", lines)
            nodes.append(stack.enter_context(node.start()))
        cluster = ValkeyCluster(nodes)
        cluster.meet()
        yield cluster
