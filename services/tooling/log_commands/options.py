"""The options that several of the `callfold log` commands share, with what their help says."""

from typing import Annotated

import typer

from services.tooling.log_commands.log_file import LogFormat

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")]
AsLines = Annotated[
    bool, typer.Option("--json", help="Print each event as a line of JSON, as `log export` does.")
]
Organization = Annotated[
    str | None, typer.Option(help="Only this tenant's events. Without it: those of all tenants.")
]
Execution = Annotated[str | None, typer.Option(help="Only events that name this execution.")]
Subject = Annotated[
    str | None,
    typer.Option(
        help="Only events about the call, contact, execution, flow or attribute so named."
    ),
]
EventType = Annotated[str | None, typer.Option("--type", help="Such as call.ended.")]
Since = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Only entries that Redis took at or after this RFC 3339 time, or so long ago: 90s, "
        "15m, 12h, 7d.",
    ),
]
Format = Annotated[
    LogFormat | None,
    typer.Option(
        "--format", help="What the file is. [default: parquet if it ends so, else ndjson]"
    ),
]
Until = Annotated[
    str | None, typer.Option(metavar="TIME", help="The same for entries before this time.")
]
