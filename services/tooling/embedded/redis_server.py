"""Valkey from its wheel, with an append-only file, on a loopback port and behind a password.

Started by `EmbeddedServers`; tests also start, kill and restart one on its own.
"""

import contextlib
import os
import signal
from pathlib import Path
from typing import Literal

import redis

from services.tooling.embedded import binaries
from services.tooling.embedded.data_directory import DataDirectory
from services.tooling.embedded.server import EmbeddedServer

#: When the append-only file reaches the disk: once a second, or before each answer.
Fsync = Literal["everysec", "always"]

_MEMORY_SHARE = 0.25  # of the machine's; when it is used up publishers are refused, not killed
_MEMORY_BYTES_MIN = 256 * 1024 * 1024
_MEMORY_LIMIT_OF_CONTAINER = Path("/sys/fs/cgroup/memory.max")
_ANSWER_PATIENCE_S = 1.0


class EmbeddedRedis(EmbeddedServer):
    """A Valkey server whose data survives restarts and crashes."""

    title = "Valkey"
    name = "valkey"
    stop_signal = signal.SIGTERM
    stop_patience_s = 15.0

    def __init__(self, directory: DataDirectory, *, fsync: Fsync = "everysec") -> None:
        super().__init__(directory)
        self._fsync = fsync
        self._password = directory.secret("redisPassword")
        self._program = binaries.valkey_server(directory.path, directory.account)

    @property
    def url(self) -> str:
        """The URL with the password, of database 0."""
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    def _prepare(self, folder: Path) -> None:
        """Nothing to do: a torn end of the append-only file is cut off by the server itself."""

    def _launch(self) -> None:
        # From standard input, not a file or arguments: a password must not show in `ps`, and the
        # path of a file would be made absolute, which fails below a directory of mode 0700.
        lines = [
            "bind 127.0.0.1",
            f"port {self.port}",
            f'requirepass "{self._password}"',
            "dir ./",
            "appendonly yes",
            f"appendfsync {self._fsync}",
            'save ""',
            f"maxmemory {_memory_bytes()}",
            "maxmemory-policy noeviction",
        ]
        self._process.start(
            [str(self._program), "-"],
            folder=self._directory.server_folder(self.name),
            configuration="\n".join(lines) + "\n",
        )

    def _is_ready(self) -> bool:
        with redis.Redis.from_url(
            self.url, socket_timeout=_ANSWER_PATIENCE_S, socket_connect_timeout=_ANSWER_PATIENCE_S
        ) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False


def _memory_bytes() -> int:
    """A share of the memory of this machine, or of this container where that has less."""
    total_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # no container, or no limit ("max")
        total_bytes = min(total_bytes, int(_MEMORY_LIMIT_OF_CONTAINER.read_text("ascii")))
    return max(_MEMORY_BYTES_MIN, int(total_bytes * _MEMORY_SHARE))
