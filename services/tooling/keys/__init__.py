"""`callfold keys`: makes, lists, rotates and revokes API keys."""

import typer

from services.tooling.keys.creating import create
from services.tooling.keys.listing import list_
from services.tooling.keys.revoking import revoke
from services.tooling.keys.rotating import rotate

keys_app = typer.Typer(
    no_args_is_help=True,
    help="Make, list, rotate and revoke API keys; needs CALLFOLD_DATABASE_URL.",
)
keys_app.command()(create)
keys_app.command("list")(list_)
keys_app.command()(rotate)
keys_app.command()(revoke)
