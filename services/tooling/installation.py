"""A whole installation on this machine: servers and all processes, started and ended.

Used by `callfold up` and `callfold demo`; what they do with the installation is their affair.
"""

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from services.tooling.embedded import DataDirectory, EmbeddedServers
from services.tooling.stop_signals import StopSignals
from services.tooling.supervisor import ProcessSpec, Supervisor, end_leftovers
from shared.storage.api_keys import SCOPES, create_api_key, list_api_keys

#: The organization of the API key that comes with an installation.
ORGANIZATION_ID = "demo"
_KEY_NAME = "apiKey"
_READY_PATIENCE_S = 120.0  # the first start applies migrations


@dataclass(frozen=True, slots=True)
class Servers:
    """Where Redis and PostgreSQL are; `embedded` is None where somebody else runs them."""

    redis_url: str
    database_url: str
    embedded: EmbeddedServers | None


@dataclass(frozen=True, slots=True)
class Installation:
    """Everything is up and ready."""

    servers: Servers
    read_api_url: str
    ingest_url: str  #: without the path `/v1/events`
    probe_urls: tuple[str, ...]  #: of the projectors, without a path
    api_key: str  #: of the organization `ORGANIZATION_ID`, with every scope
    supervisor: Supervisor
    report: Callable[[str], None]

    def watch(self) -> None:
        """Start again what ended by itself; call it a few times a second."""
        if self.servers.embedded is not None:
            for title in self.servers.embedded.restart_ended():
                self.report(f"{title} ended by itself and was started again")
        self.supervisor.check()


@contextlib.contextmanager
def claimed_directory(path: Path) -> Iterator[DataDirectory]:
    """The data directory, ours alone until the block ends; processes of a killed run are ended.

    Raises:
        EmbeddedServerError: in use by another run, not a directory, or not writable.
    """
    with DataDirectory.claim(path) as directory:
        end_leftovers(_records(directory))
        yield directory


@contextlib.contextmanager
def embedded_servers(directory: DataDirectory, stop: StopSignals) -> Iterator[Servers]:
    """Valkey and PostgreSQL in the directory; they end with the block, undisturbed by signals."""
    with EmbeddedServers.start_in(directory) as embedded:
        try:
            yield Servers(embedded.redis_url, embedded.database_url, embedded)
        finally:
            stop.hold()


@contextlib.contextmanager
def running_installation(
    directory: DataDirectory,
    servers: Servers,
    *,
    projectors: int,
    read_api_port: int,
    ingest_port: int,
    stop: StopSignals,
    report: Callable[[str], None],
) -> Iterator[Installation]:
    """Start the processes and wait until all are ready; they end with the block.

    Args:
        report: takes one line for the operator about a restart or a forced end.

    Raises:
        CallfoldError: one does not come up; the message says what to do.
    """
    probe_urls = tuple(
        f"http://127.0.0.1:{directory.port(f'projector-{number}')}"
        for number in range(1, projectors + 1)
    )
    read_api_url = f"http://127.0.0.1:{read_api_port}"
    ingest_url = f"http://127.0.0.1:{ingest_port}"
    supervisor = Supervisor(
        [
            *_projectors(servers, probe_urls),
            _http_process("read_api", servers, read_api_url),
            _http_process("ingest", servers, ingest_url),
        ],
        records=_records(directory),
        logs=directory.path / "logs",
        report=report,
    )
    try:
        supervisor.start()
        supervisor.wait_until_ready(patience_s=_READY_PATIENCE_S)
        api_key = _api_key(directory, servers.database_url)
        yield Installation(
            servers, read_api_url, ingest_url, probe_urls, api_key, supervisor, report
        )
    finally:
        stop.hold()
        supervisor.stop(urgent=lambda: stop.urgent)


def _records(directory: DataDirectory) -> Path:
    return directory.path / "workers"


def _projectors(servers: Servers, probe_urls: tuple[str, ...]) -> Iterator[ProcessSpec]:
    for number, probe_url in enumerate(probe_urls, start=1):
        yield ProcessSpec(
            name=f"projector-{number}",
            argv=(sys.executable, "-m", "services.projector"),
            env=_urls(servers) | {"CALLFOLD_PROBE_PORT": probe_url.rpartition(":")[2]},
            ready_url=f"{probe_url}/readyz",
        )


def _http_process(service: str, servers: Servers, url: str) -> ProcessSpec:
    return ProcessSpec(
        name=service.replace("_", "-"),
        argv=(sys.executable, "-m", f"services.{service}"),
        env=_urls(servers) | {f"CALLFOLD_{service.upper()}_PORT": url.rpartition(":")[2]},
        ready_url=f"{url}/readyz",
        death_signal=signal.SIGTERM,  # it answers what it is asked already
    )


def _urls(servers: Servers) -> dict[str, str]:
    return {"CALLFOLD_REDIS_URL": servers.redis_url, "CALLFOLD_DATABASE_URL": servers.database_url}


def _api_key(directory: DataDirectory, database_url: str) -> str:
    """The key of the last run while it is valid, else a new one.

    The database keeps only a hash, so the key itself is kept with the passwords.
    """
    remembered = directory.remembered_secret(_KEY_NAME)
    if remembered is not None:
        for key in list_api_keys(database_url, ORGANIZATION_ID):
            if remembered.startswith(f"cf_{key.id}_") and not key.revoked_at:
                return remembered
    api_key = create_api_key(database_url, ORGANIZATION_ID, SCOPES, "callfold up")
    directory.remember_secret(_KEY_NAME, api_key)
    return api_key
