"""Debian's PostgreSQL behind TLS alone, with SCRAM passwords and an owner who creates no role."""

from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

from services.tooling.embedded import (
    DataDirectory,
    EmbeddedPostgres,
    postgres_cluster,
    postgres_server,
)
from services.tooling.embedded.postgres_cluster import PostgresCluster
from tests.secured.certificates import Authority

ADMINISTRATOR = "postgres"
OWNER = "callfold"
_PROGRAMS = "/usr/lib/postgresql/*/bin/postgres"
_ACCESS = "hostssl all all 127.0.0.1/32 scram-sha-256\n"
_TLS = {"ssl": "on", "ssl_cert_file": "server.crt", "ssl_key_file": "server.key"}


class SecuredPostgres(EmbeddedPostgres):
    """Plaintext is off; `callfold` owns its databases and may nothing else."""

    def __init__(self, directory: DataDirectory, authority: Authority) -> None:
        """Skips the test where there is no such server."""
        programs = sorted(Path("/").glob(_PROGRAMS.removeprefix("/")))
        if not programs:
            pytest.skip("no PostgreSQL here, which unlike the wheel's has TLS: Debian has one")
        super().__init__(directory)
        self._authority = authority
        data = directory.path / self.name / "data"
        self._cluster = PostgresCluster(data, programs[-1].parent, directory.account)

    def url_of(self, user: str, database: str = "postgres") -> str:
        """The URL as that user; the server's certificate is checked, and bound to the password."""
        password = quote(self.password_of(user), safe="")
        trusted = quote(str(self._authority.certificate), safe="")
        return (
            f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"
            f"?sslmode=verify-full&sslrootcert={trusted}&channel_binding=require"
        )

    @property
    def url(self) -> str:
        """As the administrator."""
        return self.url_of(ADMINISTRATOR)

    def password_of(self, user: str) -> str:
        """Made at random when first asked for; with what a URL must escape."""
        return f"{self._directory.secret(f'postgres {user}')}/@:%"

    def give(self, statement: str) -> None:
        """Run a statement as the administrator, as it stands in the documentation."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def create_database(self, name: str) -> None:
        """A database of the owner."""
        words = {"name": sql.Identifier(name), "owner": sql.Identifier(OWNER)}
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {name} OWNER {owner}").format(**words))

    def _prepare(self, folder: Path) -> None:
        """Create the cluster the first time; it is of another version than the wheel's."""
        if self._cluster.data.exists():
            self._cluster.clear_remains()
            return
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(postgres_cluster, "_ACCESS", _ACCESS)
            patch.setattr(postgres_cluster, "_setup_statements", lambda _: self._users())
            self._cluster.create_if_missing(folder, "")
        self._authority.issue(self._cluster.data, self._directory.account)

    def _users(self) -> str:
        return "".join(
            f"{words} LOGIN PASSWORD '{self.password_of(user)}';\n"
            for words, user in (
                (f"ALTER ROLE {ADMINISTRATOR}", ADMINISTRATOR),
                (f"CREATE ROLE {OWNER}", OWNER),
            )
        )

    def _launch(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.delitem(postgres_server._SETTINGS, "createrole_self_grant")  # since version 16
            for name, value in _TLS.items():
                patch.setitem(postgres_server._SETTINGS, name, value)
            super()._launch()
