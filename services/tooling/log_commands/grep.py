"""`callfold log grep`: archived events that match a regular expression."""

import re
import sys
from typing import Annotated

import typer

from services.tooling.exit_codes import FAILED
from services.tooling.log_commands import options
from services.tooling.log_commands.event_filter import EventFilter, selection
from services.tooling.log_commands.event_lines import event_line
from services.tooling.log_commands.event_text import event_text
from services.tooling.log_commands.scan_progress import ScanProgress
from services.tooling.log_commands.wanted_events import wanted_events
from shared.clock import utc_now
from shared.settings import Settings
from shared.storage.connection import connect
from shared.storage.log_reading import LogScan, log_partitions


def grep(  # noqa: PLR0913, PLR0917 -- each is an option
    pattern: Annotated[
        str, typer.Argument(help="A regular expression of Python's, matched on the event's bytes.")
    ],
    organization: options.Organization = None,
    execution: options.Execution = None,
    subject: options.Subject = None,
    event_type: options.EventType = None,
    since: options.Since = None,
    until: options.Until = None,
    limit: Annotated[int | None, typer.Option(min=1, help="End after so many events.")] = None,
    as_json: options.AsLines = False,
) -> None:
    r"""Print every archived event that matches, duplicates and parked ones too.

    The log is read partition by partition, each in the order of its stream. --organization,
    --subject, --since and --until skip segments unread. A damaged segment is named and skipped, and
    the exit code is then 1; finding nothing is no failure.

    For example, what named one number in the last week: `callfold log grep '\+4930123' --since 7d`

    How many calls ended without an outcome:
    `callfold log grep '"outcome":null' --type call.ended --json | wc -l`

    Needs CALLFOLD_DATABASE_URL.
    """
    wanted = EventFilter(
        organization_id=organization,
        execution_id=execution,
        subject=subject,
        event_type=event_type,
        pattern=_compiled(pattern),
    )
    database_url = Settings.from_environment().require_database_url()
    with connect(database_url, "log grep") as connection:
        partitions = log_partitions(connection)
        scan = LogScan(connection, selection(partitions, wanted, since, until, utc_now()))
        found = 0
        with ScanProgress(scan, "found") as progress:
            for entry, event in wanted_events(scan, wanted, progress):
                found += 1
                line = event_line(entry, event) if as_json else event_text(entry, event)
                sys.stdout.buffer.write(line + b"\n")
                if found == limit:
                    break
            sys.stdout.flush()
        progress.say(progress.line(found))
    if scan.damaged:
        progress.say(f"damaged segments: {len(scan.damaged)}; what they hold was not searched")
        raise typer.Exit(FAILED)


def _compiled(pattern: str) -> re.Pattern[bytes]:
    try:
        return re.compile(pattern.encode())
    except (re.error, UnicodeEncodeError) as error:
        raise typer.BadParameter(str(error), param_hint="PATTERN") from None
