"""Two hosts on this machine, with a wire for each server between them that can be cut for real.

Network namespaces and pairs of virtual cables, from iproute2: the kernels at both ends see what
they would see of a broken network. Here run the test and its servers, there a projector. A cut
wire loses packets silently, both ways or one. Where that needs rights that we lack, tests skip.
"""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from services.tooling.embedded import EmbeddedServers, postgres_cluster, postgres_server
from shared.delivery.connection import redis_client
from tests.servers import embedded_servers

_NETWORK = 0x40000000  # CLONE_NEWNET
_OWN_NAMESPACE = "/proc/thread-self/ns/net"
#: Nobody's: a packet for it is dropped by whoever finds it on the wire.
_LOST_ADDRESS = "02:00:00:00:00:99"


class TwoHosts:
    """The test's thread is here, and for a while there."""

    def __init__(self, here: int, there: int) -> None:
        """By file descriptors of their namespaces."""
        self._here = here
        self._there = there
        self.database = Wire(self, 1)
        self.redis = Wire(self, 2)

    @contextmanager
    def there(self) -> Iterator[None]:
        """What is started or connected within the block is so on the other host."""
        _call("setns", self._there, _NETWORK)
        try:
            yield
        finally:
            _call("setns", self._here, _NETWORK)


@dataclass(frozen=True)
class Wire:
    """Between here, where a server listens, and there, where its client is."""

    hosts: TwoHosts
    number: int

    @property
    def here(self) -> str:
        """The address of the server's end."""
        return f"10.77.{self.number}.1"

    @property
    def there(self) -> str:
        """The address of the client's end."""
        return f"10.77.{self.number}.2"

    def lay(self, process_there: int) -> None:
        """Put it up, to the namespace of a process."""
        ends = f"here{self.number}", f"there{self.number}"
        _ip("link", "add", ends[0], "type", "veth", "peer", "name", ends[1],
            "netns", str(process_there))  # fmt: skip
        _put_up(ends[0], self.here)
        with self.hosts.there():
            _put_up(ends[1], self.there)

    def cut(self, deaf: frozenset[str]) -> None:
        """Lose all packets to the `deaf`, without a word."""
        if "client" in deaf:
            self._neighbour("replace", "here", self.there)
        if "server" in deaf:
            with self.hosts.there():
                self._neighbour("replace", "there", self.here)

    def heal(self) -> None:
        """Carry packets again."""
        self._neighbour("delete", "here", self.there)
        with self.hosts.there():
            self._neighbour("delete", "there", self.here)

    def _neighbour(self, verb: str, end: str, address: str) -> None:
        device = f"{end}{self.number}"
        forced = ("lladdr", _LOST_ADDRESS, "nud", "permanent") if verb == "replace" else ()
        subprocess.run(
            ["ip", "neighbour", verb, address, "dev", device, *forced],
            check=verb == "replace", capture_output=True,
        )  # fmt: skip


@contextmanager
def two_hosts() -> Iterator[TwoHosts]:
    """Go to a host of our own, with another one beside it; back afterwards."""
    with ExitStack() as ending:
        try:
            before = _own_namespace(ending)
            ending.callback(_call, "setns", before, _NETWORK)
            _call("unshare", _NETWORK)
            there = _own_namespace(ending)
            # Lives there, so that a wire can be laid to it.
            sleeper = subprocess.Popen(["sleep", "infinity"])
            ending.callback(sleeper.wait)
            ending.callback(sleeper.kill)
            _ip("link", "set", "lo", "up")
            _call("unshare", _NETWORK)
            _ip("link", "set", "lo", "up")
            hosts = TwoHosts(_own_namespace(ending), there)
            for wire in (hosts.database, hosts.redis):
                wire.lay(sleeper.pid)
        except (OSError, AttributeError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no network namespaces here: {error}")
        yield hosts


@contextmanager
def servers_on_both(folder: Path, hosts: TwoHosts) -> Iterator[EmbeddedServers]:
    """Servers that listen on loopback and on their wires."""
    with pytest.MonkeyPatch.context() as patch:
        listening = f"127.0.0.1,{hosts.database.here}"
        patch.setitem(postgres_server._SETTINGS, "listen_addresses", listening)
        access = f"{postgres_cluster._ACCESS}host all all 10.77.0.0/16 scram-sha-256\n"
        patch.setattr(postgres_cluster, "_ACCESS", access)
        with embedded_servers(folder) as servers:
            client: Any = redis_client(servers.redis_url)
            client.config_set("bind", f"127.0.0.1 {hosts.redis.here}")
            yield servers


def _own_namespace(ending: ExitStack) -> int:
    descriptor = os.open(_OWN_NAMESPACE, os.O_RDONLY)
    ending.callback(os.close, descriptor)
    return descriptor


def _call(name: str, *numbers: int) -> None:
    """A system call by libc, which Python 3.11 does not offer."""
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*numbers) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _put_up(device: str, address: str) -> None:
    _ip("address", "add", f"{address}/30", "dev", device)
    _ip("link", "set", device, "up")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
