"""`callfold up`: everything on one machine, from nothing but Python and pip.

Starts Valkey and PostgreSQL (unless URLs are set), the projectors and the read API, keeps them
running, and ends them in order. Registered by the command line in `__main__`.
"""

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from services.tooling.embedded import DataDirectory, EmbeddedServers
from services.tooling.embedded.data_directory import port_is_free
from services.tooling.stop_signals import StopRequested, StopSignals
from services.tooling.supervisor import ProcessSpec, Supervisor, end_leftovers
from shared.errors import CallfoldError, SettingsError
from shared.settings import Settings
from shared.storage.api_keys import SCOPES, create_api_key, list_api_keys

_DATA_DIRECTORY = Path("~/.local/share/callfold")
_PROJECTORS_MAX = 64
_ORGANIZATION = "demo"
_KEY_NAME = "apiKey"
_READY_PATIENCE_S = 120.0  # the first start applies migrations


@dataclass(frozen=True, slots=True)
class _Wanted:
    settings: Settings
    data_dir: Path | None
    projectors: int
    port: int | None

    @property
    def data_directory(self) -> Path:
        return self.data_dir or self.settings.data_dir or _DATA_DIRECTORY

    @property
    def read_api_port(self) -> int | None:
        """The port that somebody asked for; None where any will do."""
        if self.port is None and "read_api_port" in self.settings.model_fields_set:
            return self.settings.read_api_port
        return self.port


@dataclass(frozen=True, slots=True)
class _Servers:
    redis_url: str
    database_url: str
    embedded: EmbeddedServers | None


class _Announcement(msgspec.Struct, frozen=True, rename="camel"):
    """What `--json` prints once everything is ready."""

    redis_url: str
    database_url: str
    read_api_url: str
    api_key: str


def up(
    data_dir: Annotated[
        Path | None,
        typer.Option(
            help="Where everything is kept; start again with the same one and your data is there. "
            "Default: CALLFOLD_DATA_DIR, or ~/.local/share/callfold.",
        ),
    ] = None,
    projectors: Annotated[
        int,
        typer.Option(
            min=1,
            max=_PROJECTORS_MAX,
            help="Processes that fold events; partitions are shared out among them.",
        ),
    ] = 2,
    port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            help="Port of the read API. Default: CALLFOLD_READ_API_PORT, or 8080, or a free one "
            "where 8080 is taken.",
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print one line of JSON when ready, and nothing else."),
    ] = False,
) -> None:
    """Run all of Callfold on this machine until Ctrl-C.

    Starts Valkey and PostgreSQL on loopback ports with random passwords, the projectors and the
    read API, and prints their addresses with an API key of the organization "demo". Publish
    events with XADD to the Redis that it prints; read reports from the read API.

    To use servers of your own, set both CALLFOLD_REDIS_URL and CALLFOLD_DATABASE_URL: then no
    server is started. Logs are in the data directory, in `logs`.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with StopSignals() as stop:
        try:
            settings = Settings.from_environment()
            _run(
                _Wanted(settings, data_dir, projectors, port),
                stop=stop,
                announce=_print_json if as_json else _print_table,
                log=console,
            )
        except StopRequested:
            return  # asked to end before everything was up
        except CallfoldError as error:
            console.print(f"callfold up: {error}", markup=False)
            raise typer.Exit(1) from None


def _run(
    wanted: _Wanted,
    *,
    stop: StopSignals,
    announce: Callable[[_Announcement, Path], None],
    log: Console,
) -> None:
    with DataDirectory.claim(wanted.data_directory) as directory:
        workers = directory.path / "workers"
        end_leftovers(workers)
        read_api_port = _read_api_port(wanted, directory)
        with _servers(wanted.settings, directory, stop) as servers:
            supervisor = Supervisor(
                _process_specs(directory, servers, wanted.projectors, read_api_port),
                records=workers,
                logs=directory.path / "logs",
                report=lambda line: log.print(line, markup=False),
            )
            try:
                supervisor.start()
                supervisor.wait_until_ready(patience_s=_READY_PATIENCE_S)
                announcement = _Announcement(
                    servers.redis_url,
                    servers.database_url,
                    f"http://127.0.0.1:{read_api_port}",
                    _api_key(directory, servers.database_url),
                )
                announce(announcement, directory.path)
                supervisor.run(stop, lambda: _restart_ended(servers, log))
            finally:
                stop.hold()
                supervisor.stop(urgent=lambda: stop.urgent)


@contextlib.contextmanager
def _servers(settings: Settings, directory: DataDirectory, stop: StopSignals) -> Iterator[_Servers]:
    """The servers that the environment names, else embedded ones that end with the block."""
    if bool(settings.redis_url) != bool(settings.database_url):
        names = ("REDIS", "DATABASE") if settings.redis_url else ("DATABASE", "REDIS")
        raise SettingsError(
            "CALLFOLD_{}_URL is set and CALLFOLD_{}_URL is not: set both to use servers "
            "of your own, or neither to have them started".format(*names)
        )
    if settings.redis_url:
        yield _Servers(settings.require_redis_url(), settings.require_database_url(), None)
        return
    with EmbeddedServers.start_in(directory) as embedded:
        try:
            yield _Servers(embedded.redis_url, embedded.database_url, embedded)
        finally:
            stop.hold()


def _read_api_port(wanted: _Wanted, directory: DataDirectory) -> int:
    port = wanted.read_api_port
    if port is None:
        return directory.port("readApi", preferred=wanted.settings.read_api_port)
    if not port_is_free(port):
        raise SettingsError(f"port {port} is taken: give --port another one, or leave it out")
    return port


def _process_specs(
    directory: DataDirectory, servers: _Servers, projectors: int, read_api_port: int
) -> list[ProcessSpec]:
    urls = {"CALLFOLD_REDIS_URL": servers.redis_url, "CALLFOLD_DATABASE_URL": servers.database_url}
    specs = []
    for number in range(1, projectors + 1):
        probe_port = directory.port(f"projector-{number}")
        specs.append(
            ProcessSpec(
                name=f"projector-{number}",
                argv=(sys.executable, "-m", "services.projector"),
                env=urls | {"CALLFOLD_PROBE_PORT": str(probe_port)},
                ready_url=f"http://127.0.0.1:{probe_port}/readyz",
            )
        )
    specs.append(
        ProcessSpec(
            name="read-api",
            argv=(sys.executable, "-m", "services.read_api"),
            env=urls | {"CALLFOLD_READ_API_PORT": str(read_api_port)},
            ready_url=f"http://127.0.0.1:{read_api_port}/readyz",
            death_signal=signal.SIGTERM,  # it ends its workers
        )
    )
    return specs


def _api_key(directory: DataDirectory, database_url: str) -> str:
    """A key of the organization "demo": that of the last run while it is valid, else a new one.

    The database keeps only a hash, so the key itself is kept with the passwords.
    """
    remembered = directory.remembered_secret(_KEY_NAME)
    if remembered is not None:
        for key in list_api_keys(database_url, _ORGANIZATION):
            if remembered.startswith(f"cf_{key.id}_") and not key.revoked_at:
                return remembered
    api_key = create_api_key(database_url, _ORGANIZATION, SCOPES, "callfold up")
    directory.remember_secret(_KEY_NAME, api_key)
    return api_key


def _restart_ended(servers: _Servers, log: Console) -> None:
    if servers.embedded is not None:
        for title in servers.embedded.restart_ended():
            log.print(f"{title} ended by itself and was started again", markup=False)


def _print_json(announcement: _Announcement, _data_directory: Path) -> None:
    sys.stdout.write(msgspec.json.encode(announcement).decode() + "\n")
    sys.stdout.flush()


def _print_table(announcement: _Announcement, data_directory: Path) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print("[bold green]Callfold is up.[/] Ctrl-C ends it; the data stays.\n")
    for label, value in (
        ("Read API", announcement.read_api_url),
        ("API key", f"{announcement.api_key}  (organization {_ORGANIZATION})"),
        ("Redis", announcement.redis_url),
        ("PostgreSQL", announcement.database_url),
        ("Logs", str(data_directory / "logs")),
    ):
        console.print(f"  [bold]{label:<11}[/]", end="")
        console.print(value, markup=False)
