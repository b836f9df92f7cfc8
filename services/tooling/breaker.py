"""`callfold breaker`: lanes that only archive because our own code failed on their events."""

from typing import Annotated

import msgspec
import typer

from services.tooling.audit import As, who
from shared.settings import Settings
from shared.storage.audit import audited
from shared.storage.connection import connect
from shared.storage.lanes import close_breaker, open_breakers

breaker_app = typer.Typer(
    no_args_is_help=True,
    help="Lanes that archive without folding, and how to let them fold again.",
)
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@breaker_app.command("list")
def list_breakers(as_json: _Json = False) -> None:
    """Which lanes only archive, and why. Needs CALLFOLD_DATABASE_URL."""
    with connect(Settings.from_environment().require_database_url(), "breaker") as connection:
        found = open_breakers(connection)
    if as_json:
        lanes = [{"lane": lane, "reason": reason} for lane, reason in found.items()]
        typer.echo(msgspec.json.encode(lanes))
        return
    for lane, reason in found.items():
        typer.echo(f"lane {lane}: {reason}")
    if not found:
        typer.echo("no breaker is open: every lane folds")


@breaker_app.command("release")
def release_breakers(
    lane: Annotated[
        list[int] | None, typer.Option(help="A lane to release; may be repeated. [default: all]")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say which lanes would fold again; release none.")
    ] = False,
    as_: As = None,
    as_json: _Json = False,
) -> None:
    """Fold again, what was archived meanwhile first. Run a release that can fold it before.

    Needs CALLFOLD_DATABASE_URL.
    """
    with connect(Settings.from_environment().require_database_url(), "breaker") as connection:
        if dry_run:
            found = open_breakers(connection)
            released = [each for each in found if lane is None or each in lane]
        else:
            with audited(connection, who(as_), "breaker release", {"lanes": lane}) as details:
                released = close_breaker(connection, lane or list(open_breakers(connection)))
                details["released"] = released
    if as_json:
        typer.echo(msgspec.json.encode({"dryRun": dry_run, "released": released}))
    elif released and dry_run:
        typer.echo(f"would release: {', '.join(map(str, released))}")
    elif released:
        typer.echo(f"released: {', '.join(map(str, released))}; they fold what was archived first")
    else:
        typer.echo("nothing to release")
