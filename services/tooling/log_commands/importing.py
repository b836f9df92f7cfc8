"""`callfold log import`: publishes the events of an export again."""

import sys
import time
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from services.tooling.audit import As, who
from services.tooling.exit_codes import INTERRUPTED
from services.tooling.log_commands import options
from services.tooling.log_commands.file_progress import FileProgress
from services.tooling.log_commands.log_file import LogFormat, format_of, opened_log_file
from services.tooling.pace import Pace
from services.tooling.stop_signals import StopRequested, StopSignals
from shared.contracts.codec import decode_event
from shared.delivery.publisher import Publisher
from shared.errors import ContractError
from shared.settings import Settings
from shared.storage.audit import audited
from shared.storage.connection import connect

_AHEAD_S = 0.01  # shorter pauses are saved up: each costs a round trip


class _Imported(msgspec.Struct, rename="camel"):
    """What `--json` prints; counts while the file is read."""

    file: str
    dry_run: bool
    published: int = 0
    #: By the reason for which each would be parked.
    left_out: dict[str, int] = msgspec.field(default_factory=dict)
    interrupted: bool = False


def import_(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="An export; - is standard input.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and check every event, publish nothing.")
    ] = False,
    rate: Annotated[
        float,
        typer.Option(min=0, help="Events a second at most; 0 is as fast as Redis takes them."),
    ] = 0,
    format_: options.Format = None,
    as_: As = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what was done as one JSON object.")
    ] = False,
) -> None:
    """Publish the events of a file that `log export` wrote, into this or another installation.

    Ctrl-C ends it with exit code 130, and all that it counted is published.

    Events that the installation has seen count no second time, so running it again, also after an
    end halfway, is how to go on. What the contract refuses, and would only be parked again, is left
    out and counted by reason. The log keeps what is published again like any duplicate.

    For example, from one installation into another:
    `callfold log import --dry-run day.ndjson`, then `callfold log import day.ndjson --rate 5000`

    Needs CALLFOLD_REDIS_URL, and CALLFOLD_DATABASE_URL, where it notes who did it; a dry run needs
    neither.
    """
    imported = _Imported(file, dry_run)
    log_format = format_of(file, format_)
    with StopSignals() as stop:
        if dry_run:
            _import(imported, log_format, None, Pace(0), stop)
        else:
            _publish(imported, log_format, Pace(rate), stop, who(as_))
    if as_json:
        sys.stdout.write(msgspec.json.encode(imported).decode() + "\n")
    else:
        _print(imported)
    if imported.interrupted:
        raise typer.Exit(INTERRUPTED)


def _publish(
    imported: _Imported, log_format: LogFormat, pace: Pace, stop: StopSignals, name: str
) -> None:
    settings = Settings.from_environment()
    redis_url, database_url = settings.require_redis_url(), settings.require_database_url()
    with (
        connect(database_url, "log import") as connection,
        audited(connection, name, "log import", {"file": imported.file}) as details,
        Publisher(redis_url) as publisher,
    ):
        try:
            _import(imported, log_format, publisher, pace, stop)
        finally:
            details |= {"published": imported.published, "leftOut": imported.left_out}


def _import(
    imported: _Imported,
    log_format: LogFormat,
    publisher: Publisher | None,
    pace: Pace,
    stop: StopSignals,
) -> None:
    """Publish event by event, until a stop is asked for; what was counted is published then."""
    with (
        opened_log_file(imported.file, log_format) as (found, size),
        FileProgress(size) as progress,
    ):
        try:
            for event, read in found:
                _take(imported, event, publisher, pace)
                progress.published(read, imported.published)
        except StopRequested:
            imported.interrupted = True
        stop.hold()
        if publisher is not None:
            publisher.flush()


def _take(imported: _Imported, event: bytes, publisher: Publisher | None, pace: Pace) -> None:
    try:
        subject = decode_event(event).subject
    except ContractError as error:
        imported.left_out[error.reason] = imported.left_out.get(error.reason, 0) + 1
        return
    if publisher is not None:
        publisher.publish_json(subject, event)
    imported.published += 1
    if publisher is not None and (ahead_s := pace.ahead_s(imported.published)) > _AHEAD_S:
        publisher.flush()
        time.sleep(ahead_s)


def _print(imported: _Imported) -> None:
    console = Console(highlight=False, markup=False, soft_wrap=True)
    verb = "would publish" if imported.dry_run else "published"
    console.print(f"{verb} {imported.published:,} events")
    for reason, events in imported.left_out.items():
        console.print(f"left out {events:,} that the contract refuses: {reason}")
    if imported.interrupted:
        console.print("interrupted: run it again to go on, what is there already counts once")
