"""Secured servers, and processes on them: each as the user that deploy/README.md gives it."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

import redis

from services.tooling.embedded import DataDirectory
from tests.installation import Installation
from tests.secured.certificates import Authority
from tests.secured.secured_postgres import OWNER, SecuredPostgres
from tests.secured.secured_redis import ADMINISTRATOR, SecuredRedis

_RUNNING = Path(__file__).parents[2] / "deploy" / "README.md"
_PLACEHOLDER: Final = "<password>"
#: Process → the user of Redis that it is.
_USERS: Final = {
    "services.projector": "projector",
    "services.read_api": "read-api",
    "services.ingest": "ingest",
}
READER: Final = "reader"


class SecuredServers:
    """Both servers with the documented users; what connects trusts `authority` alone."""

    def __init__(
        self, authority: Authority, redis_server: SecuredRedis, postgres: SecuredPostgres
    ) -> None:
        """Create the users as deploy/README.md says, word by word."""
        self.authority = authority
        self.redis = redis_server
        self.postgres = postgres
        for command in documented("ACL SETUSER "):
            user = command.split()[2]
            redis_server.give(command.replace(_PLACEHOLDER, redis_server.password_of(user)))
        for statement in documented("CREATE ROLE "):
            postgres.give(statement.replace(_PLACEHOLDER, postgres.password_of(READER)))


class SecuredInstallation(Installation):
    """Everything as it would run in production."""

    def __init__(self, servers: SecuredServers, database: str) -> None:
        """The test itself looks into Redis as its administrator."""
        database_url = servers.postgres.url_of(OWNER, database)
        super().__init__(servers.redis.url_of(ADMINISTRATOR), database_url)
        self._redis = servers.redis
        self._reader_url = servers.postgres.url_of(READER, database)

    @property
    def publishing_url(self) -> str:
        """As the publisher."""
        return self._redis.url_of("publisher")

    def start(self, module: str, **settings: str) -> subprocess.Popen[bytes]:
        """Start it as its own users."""
        users = {
            "redis_url": self._redis.url_of(_USERS[module]),
            "read_database_url": self._reader_url,
        }
        return super().start(module, **{**users, **settings})

    @property
    def operating_url(self) -> str:
        """The URL of Redis for commands."""
        return self._redis.url_of("operator")


def documented(beginning: str) -> list[str]:
    """The lines of the documentation's examples that begin so."""
    lines = _RUNNING.read_text(encoding="utf-8").splitlines()
    found = [line for line in lines if line.startswith(beginning)]
    assert found, f"deploy/README.md documents no {beginning}"
    return found


@contextmanager
def secured_servers(folder: Path) -> Iterator[SecuredServers]:
    """Start both; PostgreSQL before version 16 wants a folder that its own user can reach."""
    data = folder / "data"
    data.mkdir(mode=0o711)
    authority = Authority(folder, "authority")
    with (
        DataDirectory.claim(data) as directory,
        SecuredRedis(directory, authority).start() as redis_server,
        SecuredPostgres(directory, authority).start() as postgres,
    ):
        yield SecuredServers(authority, redis_server, postgres)


def fresh_installation(servers: SecuredServers) -> SecuredInstallation:
    """An installation with nothing in it; the one before must have ended."""
    with redis.Redis.from_url(servers.redis.url_of(ADMINISTRATOR)) as client:
        client.flushall()
    database = f"test_{uuid4().hex}"
    servers.postgres.create_database(database)
    return SecuredInstallation(servers, database)
