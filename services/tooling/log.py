"""`callfold log`: the commands that look into the log of record; each is in `log_commands/`."""

import typer

from services.tooling.log_commands.export import export
from services.tooling.log_commands.grep import grep
from services.tooling.log_commands.importing import import_
from services.tooling.log_commands.listing import ls
from services.tooling.log_commands.peek import peek

log_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Look into the log of record: every event that was ever accepted, of all tenants. Whoever "
    "has CALLFOLD_DATABASE_URL may read it; --organization narrows it to one.",
)
log_app.command()(ls)
log_app.command()(peek)
log_app.command()(grep)
log_app.command()(export)
log_app.command("import")(import_)
