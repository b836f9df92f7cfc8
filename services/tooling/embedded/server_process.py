"""One server process: started through the launcher, recorded, stopped politely or killed.

Used by `EmbeddedServer`, whose subclasses know what to run and when it is ready.
"""

import contextlib
import os
import re
import signal
import subprocess
from pathlib import Path

from services.tooling.embedded import process_records
from services.tooling.embedded.data_directory import DataDirectory
from services.tooling.embedded.errors import EmbeddedServerError
from services.tooling.embedded.launcher import launch_command

#: The whole environment of a server: PGPORT, PGDATA, LC_ALL and the like must not leak into it.
SERVER_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/local/bin:/usr/bin:/bin"}
_LOG_TAIL_BYTES = 16 * 1024
_FAULT = re.compile(r"FATAL|PANIC|Fatal|[Ff]ailed|[Ee]rror:|Bad file format|Can't")
_STAMP = re.compile(r"^(\d+:\w \d+ \w+ \d+ [\d:.]+ [*#.-] |\d{4}-\S+ \S+ \S+ \[\d+\] )")


class ServerProcess:
    """The process of one server in its folder of the data directory."""

    def __init__(
        self,
        directory: DataDirectory,
        name: str,
        *,
        stop_signal: signal.Signals,
        stop_patience_s: float,
    ) -> None:
        """Args: `stop_signal` ends the server cleanly; after `stop_patience_s` it is killed."""
        self._directory = directory
        self._name = name
        self._stop_signal = stop_signal
        self._stop_patience_s = stop_patience_s
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start_bytes = 0

    @property
    def running(self) -> bool:
        """Whether the process was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The id of the process that was started last."""
        if self._process is None:
            raise EmbeddedServerError(f"{self._name} was not started: call start() first")
        return self._process.pid

    def end_leftover(self) -> None:
        """End what a crashed run left behind in this directory."""
        process_records.end_leftover(
            self._directory.record(self._name), self._stop_signal, patience_s=self._stop_patience_s
        )

    def start(self, argv: list[str], *, folder: Path, configuration: str = "") -> None:
        """Start the server with `folder` as its working directory.

        Its session is its own, so that Ctrl-C in a terminal reaches the supervisor only and the
        servers end last. `configuration` goes to its standard input, where no other user sees it.
        """
        account = self._directory.account
        command = launch_command(
            argv,
            death_signal=self._stop_signal,
            user_and_group=None if account is None else (account.uid, account.gid),
            environment=SERVER_ENVIRONMENT,
        )
        with self._directory.log(self._name).open("ab") as output:
            self._log_start_bytes = output.tell()
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        process_records.write_record(self._directory.record(self._name), self._process.pid)
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # it ended already: its log says why
                self._process.stdin.write(configuration.encode())
                self._process.stdin.close()

    def stop(self) -> None:
        """End the server cleanly, by force after its patience. May be called twice."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(self._stop_signal)
            try:
                self._process.wait(self._stop_patience_s)
            except subprocess.TimeoutExpired:
                self.kill()
        process_records.forget_record(self._directory.record(self._name))

    def kill(self) -> None:
        """End the server and its children as a dying machine would (SIGKILL to all)."""
        if self._process is not None and self._process.poll() is None:
            process_records.kill_tree(self._process.pid)
            self._process.wait()

    def log_tail(self) -> str:
        """What this start has printed so far, at most the last 16 KiB."""
        with self._directory.log(self._name).open("rb") as log:
            size_bytes = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_start_bytes, size_bytes - _LOG_TAIL_BYTES))
            return log.read().decode("utf-8", "replace")

    def failure(self, server: str) -> EmbeddedServerError:
        """The error for a server that ended while it should have started, in one line."""
        log = self._directory.log(self._name)
        return EmbeddedServerError(
            f"{server} did not start: {most_telling_line(self.log_tail())} (its log is {log})"
        )


def most_telling_line(log: str) -> str:
    """The first line that speaks of a fault, without its time stamp; else the last line."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    telling = next((line for line in lines if _FAULT.search(line)), None)
    return _STAMP.sub("", telling or (lines or ["it printed nothing"])[-1])
