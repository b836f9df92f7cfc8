"""What the two embedded servers have in common: start until ready, stop, kill, restart.

Subclassed by `EmbeddedRedis` and `EmbeddedPostgres` alone.
"""

import re
import signal
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Self

from services.tooling.embedded.data_directory import DataDirectory, port_is_free
from services.tooling.embedded.errors import EmbeddedServerError
from services.tooling.embedded.server_process import ServerProcess

_START_ATTEMPTS = 5  # a port that was free can be taken before the server listens
_START_PATIENCE_S = 300.0  # replaying some gigabytes of log after a crash takes minutes
_PORT_PATIENCE_S = 5.0
_POLL_INTERVAL_S = 0.01
_PORT_TAKEN = re.compile("address already in use", re.IGNORECASE)


class EmbeddedServer(ABC):
    """A server in its own folder of a claimed data directory, on a loopback port."""

    title: ClassVar[str]  #: how messages call it
    name: ClassVar[str]  #: of its folder, log and record
    stop_signal: ClassVar[signal.Signals]
    stop_patience_s: ClassVar[float]

    def __init__(self, directory: DataDirectory) -> None:
        self._directory = directory
        self._process = ServerProcess(
            directory,
            self.name,
            stop_signal=self.stop_signal,
            stop_patience_s=self.stop_patience_s,
        )
        self._port = 0

    @property
    def port(self) -> int:
        """The loopback port; 0 before the first start."""
        return self._port

    @property
    def pid(self) -> int:
        """The server's process id, for tests that stop or kill it from outside."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._process.running

    def start(self) -> Self:
        """Start and wait until it answers, recovering whatever an earlier run left.

        Raises:
            EmbeddedServerError: it cannot run here; the message says what to do.
        """
        self._process.end_leftover()
        self._prepare(self._directory.server_folder(self.name))
        for _attempt in range(_START_ATTEMPTS):
            self._port = self._directory.port(self.name)
            if self._starts():
                return self
        raise self._process.failure(self.title)

    def restart(self) -> None:
        """Start again at the same port, so that the URLs that others hold stay true."""
        self.stop()
        self._prepare(self._directory.server_folder(self.name))
        deadline_s = time.monotonic() + _PORT_PATIENCE_S
        while not port_is_free(self._port):
            if time.monotonic() > deadline_s:
                raise EmbeddedServerError(
                    f"port {self._port} of {self.title} was taken by another program: "
                    "end that program, or start 'callfold up' again"
                )
            time.sleep(_POLL_INTERVAL_S)
        if not self._starts():
            raise self._process.failure(self.title)

    def stop(self) -> None:
        """End it cleanly. May be called twice, and after a crash."""
        self._process.stop()

    def kill(self) -> None:
        """End it as a dying machine would: SIGKILL to the server and all its children."""
        self._process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def _starts(self) -> bool:
        """Start and wait until ready; False if the port was taken meanwhile."""
        self._launch()
        deadline_s = time.monotonic() + _START_PATIENCE_S
        while time.monotonic() < deadline_s:
            if self._process.running:
                if self._is_ready():
                    return True
            elif _PORT_TAKEN.search(self._process.log_tail()):
                return False
            else:
                break
            time.sleep(_POLL_INTERVAL_S)
        self.kill()
        raise self._process.failure(self.title)

    @abstractmethod
    def _prepare(self, folder: Path) -> None:
        """Make the server's folder ready for a start, whatever an earlier run left in it."""

    @abstractmethod
    def _launch(self) -> None:
        """Start the process at `self.port`."""

    @abstractmethod
    def _is_ready(self) -> bool:
        """Whether it answers with our password; an answer by another server is False."""
