"""A Valkey with two replicas and three Sentinels on this machine, which fail over when told."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import redis

from services.tooling.embedded import DataDirectory, binaries
from services.tooling.embedded.server import EmbeddedServer
from tests.installation import until
from tests.topologies.valkey_node import PASSWORD, QUOTED_PASSWORD, ValkeyNode

SERVICE = "callfold-redis"
_REPLICAS = 2
_SENTINELS = 3
_QUORUM = 2
_DOWN_AFTER_MS = 1000
_ANSWER_S = 1.0


class ValkeySentinel(EmbeddedServer):
    """One Sentinel, which watches one service."""

    title = "Sentinel"
    name = "sentinel"
    stop_signal = signal.SIGTERM
    stop_patience_s = 15.0

    def __init__(self, path: Path, primary_port: int) -> None:
        """`path` is a directory that the account of servers may look into."""
        super().__init__(DataDirectory.claim(path))
        self._program = binaries.valkey_server(path, self._directory.account)
        self._primary_port = primary_port

    @property
    def client(self) -> Any:
        """A client of this Sentinel."""
        return redis.Redis(
            port=self.port,
            protocol=2,
            decode_responses=True,
            socket_timeout=_ANSWER_S,
            socket_connect_timeout=_ANSWER_S,
        )

    def _prepare(self, folder: Path) -> None:
        """Write its file, which it keeps what it finds out in."""
        lines = [
            "bind 127.0.0.1",
            f"port {self._directory.port(self.name)}",
            f"sentinel monitor {SERVICE} 127.0.0.1 {self._primary_port} {_QUORUM}",
            f'sentinel auth-pass {SERVICE} "{PASSWORD}"',
            f"sentinel down-after-milliseconds {SERVICE} {_DOWN_AFTER_MS}",
            f"sentinel failover-timeout {SERVICE} 10000",
        ]
        file = folder / "sentinel.conf"
        file.write_text("\n".join(lines) + "\n")
        file.chmod(0o666)
        folder.chmod(0o777)

    def _launch(self) -> None:
        folder = self._directory.server_folder(self.name)
        command = [str(self._program), "sentinel.conf", "--sentinel", "--port", str(self.port)]
        self._process.start(command, folder=folder)

    def _is_ready(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False


class SentinelService:
    """The servers of one service and the Sentinels that watch them."""

    def __init__(self, servers: list[ValkeyNode], sentinels: list[ValkeySentinel]) -> None:
        """All of them run."""
        self.servers = servers
        self.sentinels = sentinels

    @property
    def url(self) -> str:
        """All Sentinels; the password is the servers'."""
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://:{QUOTED_PASSWORD}@{hosts}/{SERVICE}"

    @property
    def primary(self) -> ValkeyNode:
        """Whom the Sentinels name; they may not agree during a failover."""
        _, port = self.sentinels[0].client.sentinel_get_master_addr_by_name(SERVICE)
        return next(server for server in self.servers if server.port == port)

    @property
    def replicas(self) -> list[ValkeyNode]:
        """The others."""
        primary = self.primary
        return [server for server in self.servers if server is not primary]

    def cut_replicas_off(self) -> None:
        """Let them receive nothing more; the Sentinels mend that within ten seconds."""
        for replica in self.replicas:
            replica.client.replicaof("127.0.0.1", 1)

    def fail_over(self) -> ValkeyNode:
        """Tell a Sentinel to promote a replica while the primary lives; returns the new primary."""
        before = self.primary
        self.sentinels[0].client.execute_command("SENTINEL", "FAILOVER", SERVICE)
        return self.another_than(before)

    def another_than(self, before: ValkeyNode) -> ValkeyNode:
        """The new primary, once every Sentinel names it and it has the role."""

        def promoted() -> bool:
            named = {
                sentinel.client.sentinel_get_master_addr_by_name(SERVICE)[1]
                for sentinel in self.sentinels
            }
            return named != {before.port} and len(named) == 1 and _is_primary(self.primary)

        until(promoted, "the Sentinels promoted a replica")
        return self.primary

    def healthy(self) -> bool:
        """Whether all replicas follow the primary, and the Sentinels know each other and them."""
        said = [sentinel.client.sentinel_master(SERVICE) for sentinel in self.sentinels]
        return all(
            state["num-slaves"] == _REPLICAS and state["num-other-sentinels"] == _SENTINELS - 1
            for state in said
        ) and all(
            server.client.info("replication").get("master_link_status") == "up"
            for server in self.replicas
        )


def _is_primary(server: ValkeyNode) -> bool:
    try:
        return bool(server.client.role()[0] == b"master")
    except redis.RedisError:
        return False


@contextmanager
def sentinel_service(folder: Path) -> Iterator[SentinelService]:
    """A service whose servers and Sentinels are gone afterwards."""
    with ExitStack() as stack:
        first = stack.enter_context(ValkeyNode(folder / "server-0").start())
        servers = [first]
        for number in range(_REPLICAS):
            node = ValkeyNode(
                folder / f"server-{number + 1}", [f"replicaof 127.0.0.1 {first.port}"]
            )
            servers.append(stack.enter_context(node.start()))
        sentinels = []
        for number in range(_SENTINELS):
            path = folder / f"sentinel-{number}"
            path.mkdir()
            sentinel = ValkeySentinel(path, first.port)
            sentinels.append(stack.enter_context(sentinel.start()))
        service = SentinelService(servers, sentinels)
        until(service.healthy, "the Sentinels know all")
        yield service
