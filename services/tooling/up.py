"""`callfold up`: everything on one machine, from nothing but Python and pip.

Starts Valkey and PostgreSQL (unless URLs are set), the projectors, the read API and ingest, keeps
them running, and ends them in order. Registered by the command line in `__main__`.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from services.tooling.embedded import DataDirectory
from services.tooling.embedded.data_directory import port_is_free
from services.tooling.exit_codes import FAILED
from services.tooling.installation import (
    ORGANIZATION_ID,
    Servers,
    claimed_directory,
    embedded_servers,
    running_installation,
)
from services.tooling.release_change import fold_as_this_release
from services.tooling.stop_signals import StopRequested, StopSignals
from shared.errors import CallfoldError, SettingsError
from shared.settings import Settings

_DATA_DIRECTORY = Path("~/.local/share/callfold")
_PROJECTORS_MAX = 64
_EVENT_MEDIA_TYPE = "application/cloudevents+json"
_EXAMPLE = (
    '{"specversion":"1.0","id":"e1","source":"/example","type":"call.ended","subject":"call-1",'
    f'"time":"2026-03-02T09:00:45Z","organizationid":"{ORGANIZATION_ID}","executionid":"spring",'
    '"data":{"outcome":"busy"}}'
)


@dataclass(frozen=True, slots=True)
class _Wanted:
    settings: Settings
    data_dir: Path | None
    projectors: int
    port: int | None
    rebuild: bool

    @property
    def data_directory(self) -> Path:
        return self.data_dir or self.settings.data_dir or _DATA_DIRECTORY

    @property
    def read_api_port(self) -> int | None:
        """The port that somebody asked for; None where any will do."""
        if self.port is None and "read_api_port" in self.settings.model_fields_set:
            return self.settings.read_api_port
        return self.port


class _Announcement(msgspec.Struct, frozen=True, rename="camel"):
    """What `--json` prints once everything is ready."""

    redis_url: str
    database_url: str
    read_api_url: str
    ingest_url: str
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
    rebuild: Annotated[
        bool,
        typer.Option(
            "--rebuild",
            help="After an upgrade that folds otherwise: fold the log anew first, and say what "
            "changes.",
        ),
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print one line of JSON when ready, and nothing else."),
    ] = False,
) -> None:
    """Run all of Callfold on this machine until Ctrl-C.

    Starts Valkey and PostgreSQL on loopback ports with random passwords, the projectors, the read
    API and ingest, and prints their addresses with an API key of the organization "demo". Publish
    events with XADD to the Redis that it prints, or over HTTP to ingest; read reports from the
    read API.

    To use servers of your own, set both CALLFOLD_REDIS_URL and CALLFOLD_DATABASE_URL: then no
    server is started. Logs are in the data directory, in `logs`.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with StopSignals() as stop:
        try:
            settings = Settings.from_environment()
            _run(
                _Wanted(settings, data_dir, projectors, port, rebuild),
                stop=stop,
                announce=_print_json if as_json else _print_table,
                log=console,
            )
        except StopRequested:
            return  # asked to end before everything was up
        except CallfoldError as error:
            console.print(f"callfold up: {error}", markup=False)
            raise typer.Exit(FAILED) from None


def _run(
    wanted: _Wanted,
    *,
    stop: StopSignals,
    announce: Callable[[_Announcement, Path], None],
    log: Console,
) -> None:
    with (
        claimed_directory(wanted.data_directory) as directory,
        _servers(wanted.settings, directory, stop) as servers,
    ):
        fold_as_this_release(
            servers.redis_url,
            servers.database_url,
            rebuilds=wanted.rebuild,
            say=lambda line: log.print(line, markup=False),
        )
        read_api_port = _read_api_port(wanted, directory)
        with running_installation(
            directory,
            servers,
            projectors=wanted.projectors,
            read_api_port=read_api_port,
            ingest_port=_ingest_port(wanted.settings, directory, read_api_port),
            stop=stop,
            report=lambda line: log.print(line, markup=False),
        ) as installation:
            announcement = _Announcement(
                servers.redis_url,
                servers.database_url,
                installation.read_api_url,
                installation.ingest_url,
                installation.api_key,
            )
            announce(announcement, directory.path)
            installation.supervisor.run(stop, installation.watch)


@contextlib.contextmanager
def _servers(settings: Settings, directory: DataDirectory, stop: StopSignals) -> Iterator[Servers]:
    """The servers that the environment names, else embedded ones that end with the block."""
    if bool(settings.redis_url) != bool(settings.database_url):
        names = ("REDIS", "DATABASE") if settings.redis_url else ("DATABASE", "REDIS")
        raise SettingsError(
            "CALLFOLD_{}_URL is set and CALLFOLD_{}_URL is not: set both to use servers "
            "of your own, or neither to have them started".format(*names)
        )
    if settings.redis_url:
        yield Servers(settings.require_redis_url(), settings.require_database_url(), None)
        return
    with embedded_servers(directory, stop) as servers:
        yield servers


def _read_api_port(wanted: _Wanted, directory: DataDirectory) -> int:
    port = wanted.read_api_port
    if port is None:
        return directory.port("readApi", preferred=wanted.settings.read_api_port)
    if not port_is_free(port):
        raise SettingsError(f"port {port} is taken: give --port another one, or leave it out")
    return port


def _ingest_port(settings: Settings, directory: DataDirectory, read_api_port: int) -> int:
    port = settings.ingest_port
    if "ingest_port" not in settings.model_fields_set:
        return directory.port("ingest", preferred=port if port != read_api_port else None)
    if port == read_api_port or not port_is_free(port):
        raise SettingsError(f"port {port} is taken: set CALLFOLD_INGEST_PORT to another one")
    return port


def _print_json(announcement: _Announcement, _data_directory: Path) -> None:
    sys.stdout.write(msgspec.json.encode(announcement).decode() + "\n")
    sys.stdout.flush()


def _print_table(announcement: _Announcement, data_directory: Path) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print("[bold green]Callfold is up.[/] Ctrl-C ends it; the data stays.\n")
    for label, value in (
        ("Read API", announcement.read_api_url),
        ("Ingest", announcement.ingest_url),
        ("API key", f"{announcement.api_key}  (organization {ORGANIZATION_ID})"),
        ("Redis", announcement.redis_url),
        ("PostgreSQL", announcement.database_url),
        ("Logs", str(data_directory / "logs")),
    ):
        console.print(f"  [bold]{label:<11}[/]", end="")
        console.print(value, markup=False)
    console.print("\nPublish an event:\n")
    console.print(
        f"curl -H 'x-api-key: {announcement.api_key}' -H 'content-type: {_EVENT_MEDIA_TYPE}' "
        f"-d '{_EXAMPLE}' {announcement.ingest_url}/v1/events",
        markup=False,
    )
