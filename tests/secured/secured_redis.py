"""Debian's Redis behind TLS alone, with an append-only file and users of its own (ACL)."""

import shutil
import signal
from pathlib import Path
from urllib.parse import quote

import pytest
import redis

from services.tooling.embedded import DataDirectory
from services.tooling.embedded.server import EmbeddedServer
from tests.secured.certificates import Authority

ADMINISTRATOR = "administrator"


class SecuredRedis(EmbeddedServer):
    """Plaintext is off, and so is the user that has no name."""

    title = "Redis"
    name = "redis"
    stop_signal = signal.SIGTERM
    stop_patience_s = 15.0

    def __init__(self, directory: DataDirectory, authority: Authority) -> None:
        """Only the administrator may log in yet; skips the test where there is no such server."""
        program = shutil.which("redis-server")
        if program is None:
            pytest.skip("no redis-server here, which unlike the wheel's has TLS: Debian has one")
        super().__init__(directory)
        self._program = program
        self._authority = authority
        folder = directory.server_folder(self.name)
        authority.issue(folder, directory.account)

    def url_of(self, user: str) -> str:
        """The URL as that user, whose password is the one that `users` was told."""
        password = quote(self.password_of(user), safe="")
        trusted = quote(str(self._authority.certificate), safe="")
        return f"rediss://{user}:{password}@127.0.0.1:{self.port}/0?ssl_ca_certs={trusted}"

    def password_of(self, user: str) -> str:
        """Made at random when first asked for; with what a URL must escape."""
        return f"{self._directory.secret(f'redis {user}')}/@:%"

    def give(self, command: str) -> None:
        """Give a command as the administrator, as it stands in the documentation."""
        with redis.Redis.from_url(self.url_of(ADMINISTRATOR)) as client:
            client.execute_command(*command.split())

    def _prepare(self, folder: Path) -> None:
        """Nothing to do."""

    def _launch(self) -> None:
        lines = [
            "bind 127.0.0.1",
            "port 0",
            f"tls-port {self.port}",
            "tls-cert-file server.crt",
            "tls-key-file server.key",
            "tls-auth-clients no",
            "user default off",
            f"user {ADMINISTRATOR} on >{self.password_of(ADMINISTRATOR)} ~* &* +@all",
            "dir ./",
            "appendonly yes",
            'save ""',
            "maxmemory 1gb",
            "maxmemory-policy noeviction",
        ]
        self._process.start(
            [self._program, "-"],
            folder=self._directory.server_folder(self.name),
            configuration="\n".join(lines) + "\n",
        )

    def _is_ready(self) -> bool:
        with redis.Redis.from_url(self.url_of(ADMINISTRATOR), socket_timeout=1) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False
