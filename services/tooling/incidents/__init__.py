"""`callfold incidents`: what was lost, or may have been, and what is done about it.

`listing` is the command itself; `known` puts the kinds of incidents into one form, which the
commands beside it share.
"""

from typing import ClassVar

import typer

from services.tooling.incidents.listing import list_
from services.tooling.lazy_commands import Command, LazyGroup, Panels


class _IncidentCommands(LazyGroup):
    """`callfold incidents`."""

    panels: ClassVar[Panels] = {
        "Commands": (
            Command(
                "acknowledge",
                "services.tooling.incidents.acknowledging:acknowledge",
                "Take note of incidents, so that they are listed no longer",
            ),
            Command(
                "resume",
                "services.tooling.incidents.resuming:resume",
                "Let a lane go on that waits for an operator",
            ),
        )
    }


incidents_app = typer.Typer(
    cls=_IncidentCommands, rich_markup_mode="markdown", invoke_without_command=True
)
incidents_app.callback()(list_)
