"""Both embedded servers over one data directory: what `callfold up` and the tests start.

Nothing here knows what Callfold keeps in them.
"""

from pathlib import Path
from typing import Self

from services.tooling.embedded.data_directory import DataDirectory
from services.tooling.embedded.errors import EmbeddedServerError
from services.tooling.embedded.postgres_server import EmbeddedPostgres
from services.tooling.embedded.redis_server import EmbeddedRedis, Fsync


class EmbeddedServers:
    """A running Valkey and a running PostgreSQL; a context manager that stops them.

    Both end when the thread that started them ends (on Linux), also if it was killed.
    """

    def __init__(
        self, directory: DataDirectory, redis: EmbeddedRedis, postgres: EmbeddedPostgres
    ) -> None:
        """For `start` and `start_in`; `directory` stays claimed by whoever claimed it."""
        self.redis = redis
        self.postgres = postgres
        self._directory = directory
        self._releases_directory = False

    @classmethod
    def start(cls, data_directory: Path, *, fsync: Fsync = "everysec") -> Self:
        """Claim the directory, create what is missing, recover what crashed, start both.

        Raises:
            EmbeddedServerError: one line that says what is wrong and what to do.
        """
        directory = DataDirectory.claim(data_directory)
        try:
            servers = cls.start_in(directory, fsync=fsync)
        except BaseException:
            directory.release()
            raise
        servers._releases_directory = True  # noqa: SLF001 -- our own instance
        return servers

    @classmethod
    def start_in(cls, directory: DataDirectory, *, fsync: Fsync = "everysec") -> Self:
        """Start both in a directory that the caller has claimed and will release."""
        servers = cls(directory, EmbeddedRedis(directory, fsync=fsync), EmbeddedPostgres(directory))
        try:
            servers.redis.start()
            servers.postgres.start()
        except OSError as error:
            servers.stop()
            raise EmbeddedServerError(
                f"cannot work in {directory.path} ({error}): "
                "make room and give its files back to their owner, or give another --data-dir"
            ) from error
        except BaseException:  # also Ctrl-C: no server may be left behind
            servers.stop()
            raise
        return servers

    @property
    def redis_url(self) -> str:
        """`redis://:PASSWORD@127.0.0.1:PORT/0`."""
        return self.redis.url

    @property
    def database_url(self) -> str:
        """`postgresql://callfold:PASSWORD@127.0.0.1:PORT/callfold`."""
        return self.postgres.url

    def restart_ended(self) -> list[str]:
        """Start again, at the same port, what ended by itself; returns the titles of those."""
        ended = [server for server in (self.postgres, self.redis) if not server.running]
        for server in ended:
            server.restart()
        return [server.title for server in ended]

    def stop(self) -> None:
        """End both cleanly. May be called twice."""
        self.postgres.stop()
        self.redis.stop()
        if self._releases_directory:
            self._directory.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()
