"""`callfold parked`: what could not be folded, and what is done about it (events.md, rule 7).

One module a command; `choice` says which events are meant, `bodies` how their bytes are shown.
"""

import typer

from services.tooling.parked.discarding import discard
from services.tooling.parked.listing import list_
from services.tooling.parked.retrying import retry
from services.tooling.parked.showing import show

parked_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Bad events: list them, look at one, publish it again, or put it aside for good. "
    "Begin with `callfold parked list`; take the sample of a line to `callfold parked show`.",
)
parked_app.command("list")(list_)
parked_app.command()(show)
parked_app.command()(retry)
parked_app.command()(discard)
