"""`callfold audit`: who did what by the command line; and who it is that gives a command."""

import getpass
import socket
from datetime import datetime
from typing import Annotated, Final

import msgspec
import typer

from services.tooling.safe_text import one_line
from shared.settings import Settings
from shared.storage.audit import AuditRow, latest_audit
from shared.storage.connection import connect

_LIMIT_DEFAULT = 50
_LIMIT_MAX = 100_000

#: The option `--as` of every command that writes.
As = Annotated[
    str | None,
    typer.Option(
        "--as", metavar="NAME", help="Who you are, for the audit. [default: your user@machine]"
    ),
]
#: Of the commands here that print.
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")]
#: Shown of arguments and details.
_SHOWN_CHARS: Final = 200


def who(given: str | None) -> str:
    """The name given, else the user of the operating system and the machine."""
    if given is not None and given.strip():
        return given.strip()
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container may run under a number without a name
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


def audit(
    limit: Annotated[
        int, typer.Option(min=1, max=_LIMIT_MAX, help="How many, the latest first.")
    ] = _LIMIT_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Who changed what by the command line, the latest first.

    `started` is a deed that is under way, or was cut short. Needs CALLFOLD_DATABASE_URL.

    Example: `callfold audit --limit 5`
    """
    with connect(Settings.from_environment().require_database_url(), "audit") as connection:
        rows = latest_audit(connection, limit)
    if as_json:
        typer.echo(msgspec.json.encode(rows))
        return
    for row in rows:
        typer.echo(_as_text(row))
    if not rows:
        typer.echo("nothing was done by the command line yet")


def _as_text(row: AuditRow) -> str:
    at: datetime = row.at
    said = _short(row.arguments)
    came = f" → {_short(row.details)}" if row.details else ""
    line = f"{at:%Y-%m-%d %H:%M:%S} {row.who} {row.outcome}: {row.command} {said}{came}"
    return one_line(line)


def _short(value: dict[str, object]) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
