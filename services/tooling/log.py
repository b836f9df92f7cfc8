"""`callfold log`: the commands that look into the log of record; each is in `log_commands/`."""

from typing import ClassVar

import typer

from services.tooling.lazy_commands import Command, LazyGroup, Panels


class _LogCommands(LazyGroup):
    """`callfold log`."""

    panels: ClassVar[Panels] = {
        "Commands": (
            Command(
                "ls",
                "services.tooling.log_commands.listing:ls",
                "What the log holds: segments, events and bytes of each partition and month.",
            ),
            Command(
                "peek",
                "services.tooling.log_commands.peek:peek",
                "Print archived entries of a partition from a position on",
            ),
            Command(
                "grep",
                "services.tooling.log_commands.grep:grep",
                "Print every archived event that matches",
            ),
            Command(
                "export",
                "services.tooling.log_commands.export:export",
                "Write archived events to a file",
            ),
            Command(
                "import",
                "services.tooling.log_commands.importing:import_",
                "Publish the events of a file that `log export` wrote",
            ),
        )
    }


log_app = typer.Typer(
    cls=_LogCommands,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Look into the log of record: every event that was ever accepted, of all tenants. Whoever "
    "has CALLFOLD_DATABASE_URL may read it; --organization narrows it to one.",
)
