"""The options of `callfold simulate`, with what their help says."""

from datetime import datetime
from typing import Annotated

import typer

from shared.contracts.stream_names import INBOX_STREAM

_TIME_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]

Contacts = Annotated[int, typer.Option(min=1, help="Contacts of each execution.")]
Executions = Annotated[
    int, typer.Option(min=1, help="Executions of each organization, side by side.")
]
Organizations = Annotated[
    list[str] | None,
    typer.Option(
        help="Who owns the traffic; may be given several times, and all get executions of the same "
        "ids. Default: demo, whose API key `callfold up` prints."
    ),
]
RedisUrl = Annotated[
    str | None, typer.Option(help="Where to publish. Default: CALLFOLD_REDIS_URL.")
]
Rate = Annotated[float, typer.Option(min=0, help="Entries a second; 0 is as fast as possible.")]
Duplicates = Annotated[float, typer.Option(min=0, max=1, help="Share of events that come twice.")]
Disorder = Annotated[float, typer.Option(min=0, max=1, help="Share of events that come late.")]
Binary = Annotated[
    float, typer.Option(min=0, max=1, help="Share of entries in binary content mode.")
]
Inbox = Annotated[
    float, typer.Option(min=0, max=1, help=f"Share of entries published to {INBOX_STREAM}.")
]
LeaveOpen = Annotated[
    float, typer.Option(min=0, max=1, help="Share of contacts left in the middle of things.")
]
Seed = Annotated[int, typer.Option(help="Another seed, other traffic.")]
StartedAt = Annotated[
    datetime,
    typer.Option(
        formats=_TIME_FORMATS,
        metavar="TIME",
        help="When the executions start; UTC unless it says.",
    ),
]
ExecutionPrefix = Annotated[str, typer.Option(help="Begins the ids of the executions.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object with the truth of each execution.")
]
