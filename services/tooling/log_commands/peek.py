"""`callfold log peek`: the entries of one partition from a position on, as they were archived."""

import sys
from itertools import islice
from typing import Annotated

import typer

from services.tooling.exit_codes import FAILED
from services.tooling.log_commands.event_filter import position
from services.tooling.log_commands.event_lines import event_bytes, event_line
from services.tooling.log_commands.event_text import event_text
from services.tooling.log_commands.options import AsLines
from shared.settings import Settings
from shared.storage.connection import connect
from shared.storage.log_reading import LogScan, Selection, log_partitions

_SEQ_MAX = 2**64 - 1


def peek(
    partition: Annotated[int, typer.Argument(min=0, help="A partition, as `log ls` shows it.")],
    start: Annotated[
        str,
        typer.Argument(
            metavar="POSITION", help="An entry id, as in 1773000000000-0, or an RFC 3339 time."
        ),
    ],
    count: Annotated[int, typer.Option(min=1, help="Entries to print at most.")] = 10,
    as_json: AsLines = False,
) -> None:
    """Print archived entries of a partition from a position on: id, receive time, checksum, event.

    Every entry that is printed has passed the checksum of its segment and its own; a damaged
    segment is named, and reading goes on behind it, with exit code 1 at the end. Parked events are
    in the log as well; what is no JSON is shown in base64.

    For example: `callfold log peek 3 2026-03-02T09:00:00Z --count 2`

    Needs CALLFOLD_DATABASE_URL.
    """
    try:
        ms, seq = position(start)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="POSITION") from None
    before = (ms, seq - 1) if seq else (ms - 1, _SEQ_MAX)
    with connect(Settings.from_environment().require_database_url(), "log peek") as connection:
        if partition not in log_partitions(connection):
            raise typer.BadParameter("there is no such partition", param_hint="PARTITION")
        scan = LogScan(connection, Selection(partitions=[partition], after=before))
        for entry in islice(scan.entries(_say_damaged), count):
            event = event_bytes(entry)
            line = event_line(entry, event) if as_json else event_text(entry, event, checked=True)
            sys.stdout.buffer.write(line + b"\n")
    sys.stdout.flush()
    if scan.damaged:
        raise typer.Exit(FAILED)


def _say_damaged(line: str) -> None:
    typer.echo(f"callfold: damaged, read on behind it: {line}", err=True)
