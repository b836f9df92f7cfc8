"""`callfold log export`: archived events as a file of lines, which `log import` takes back."""

import sys
from typing import Annotated

import msgspec
import typer

from services.tooling.exit_codes import FAILED
from services.tooling.log_commands import options
from services.tooling.log_commands.event_filter import EventFilter, selection
from services.tooling.log_commands.export_file import opened_export
from services.tooling.log_commands.log_file import format_of
from services.tooling.log_commands.scan_progress import ScanProgress
from services.tooling.log_commands.wanted_events import wanted_events
from shared.clock import utc_now
from shared.settings import Settings
from shared.storage.connection import connect
from shared.storage.log_reading import LogScan, log_partitions


class _Exported(msgspec.Struct, frozen=True, rename="camel"):
    """What `--json` prints."""

    file: str
    events: int
    damaged: list[str]


def export(  # noqa: PLR0913, PLR0917 -- each is an option
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="Where to; - is standard output.")],
    organization: options.Organization = None,
    execution: options.Execution = None,
    subject: options.Subject = None,
    event_type: options.EventType = None,
    since: options.Since = None,
    until: options.Until = None,
    format_: options.Format = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what was written as one JSON object.")
    ] = False,
) -> None:
    """Write archived events to a file, a line each, duplicates and parked ones too.

    A line is {"partition", "ms", "seq", "receivedAt", "mode", "event": {…}}; what is no JSON has
    "bytes", in base64, instead of "event". A file that ends in .parquet has a row each: the
    columns partition, ms, seq, received_at, mode, organization, execution, source, type, subject,
    id and time (null where the event does not say it), event (its JSON) and bytes.

    An existing file is replaced once all is written. A damaged segment is named and left out, and
    the exit code is then 1.

    For example, one tenant's events of the last day:
    `callfold log export day.ndjson --organization acme --since 1d`

    How many of which type came within the hour:
    `callfold log export - --since 1h | jq .event.type | sort | uniq -c`

    The same as a question about a Parquet file:
    `duckdb -c "SELECT type, count(*) FROM 'day.parquet' GROUP BY type"`

    Needs CALLFOLD_DATABASE_URL. Parquet needs free disk of twice the file beside it meanwhile.
    """
    if file == "-" and as_json:
        raise typer.BadParameter("standard output is taken by the events", param_hint="--json")
    log_format = format_of(file, format_)
    wanted = EventFilter(
        organization_id=organization,
        execution_id=execution,
        subject=subject,
        event_type=event_type,
    )
    database_url = Settings.from_environment().require_database_url()
    with (
        connect(database_url, "log export") as connection,
        opened_export(file, log_format) as write,
    ):
        partitions = log_partitions(connection)
        scan = LogScan(connection, selection(partitions, wanted, since, until, utc_now()))
        events = 0
        with ScanProgress(scan, "exported") as progress:
            for entry, event in wanted_events(scan, wanted, progress):
                write(entry, event)
                events += 1
    progress.say(progress.line(events))
    if as_json:
        exported = _Exported(file, events, scan.damaged)
        sys.stdout.write(msgspec.json.encode(exported).decode() + "\n")
    if scan.damaged:
        progress.say(f"damaged segments: {len(scan.damaged)}; what they hold is not exported")
        raise typer.Exit(FAILED)
