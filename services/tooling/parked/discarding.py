"""`callfold parked discard`: puts parked events aside for good; none is ever deleted."""

from typing import Annotated

import msgspec
import typer

from services.tooling.audit import As, AsJson, who
from services.tooling.exit_codes import FAILED
from services.tooling.parked import choice
from shared.settings import Settings
from shared.storage.audit import audited
from shared.storage.connection import connect
from shared.storage.parked_events import Verdict, resolve


def discard(
    ids: Annotated[list[str], typer.Argument(metavar="ID", show_default=False)],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, for those who come after.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be discarded; mark nothing.")
    ] = False,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Mark events as not worth mending: `list` hides them, `list --all` shows who and why.

    The event stays in the log, and out of every rebuild, also by a release that knows its type.
    What comes again is open again. Needs CALLFOLD_DATABASE_URL.

    Example: `callfold parked discard 3-9f2c61ab04d2a1b0 --reason "load test of 2 March"`
    """
    if not reason.strip():
        raise typer.BadParameter("say why", param_hint="--reason")
    name = who(as_)
    with connect(Settings.from_environment().require_database_url(), "parked") as connection:
        events = choice.by_ids(connection, ids)
        resolved = [event for event in events if event.resolution is not None]
        if resolved:
            names = ", ".join(f"{event.id} ({event.resolution})" for event in resolved)
            raise typer.BadParameter(f"already resolved: {names}", param_hint="ID")
        verdicts = [Verdict(event, "discarded", name, reason.strip()) for event in events]
        came_again = []
        if not dry_run:
            said = {"ids": [event.id for event in events], "reason": reason}
            with audited(connection, name, "parked discard", said) as details:
                came_again = resolve(connection, verdicts)
                details["discarded"] = len(events) - len(came_again)
    again = {event.id for event in came_again}
    _print([event.id for event in events], again, dry_run=dry_run, as_json=as_json)
    if again:
        raise typer.Exit(FAILED)


def _print(ids: list[str], again: set[str], *, dry_run: bool, as_json: bool) -> None:
    discarded = [id_ for id_ in ids if id_ not in again]
    if as_json:
        answer = {"dryRun": dry_run, "discarded": discarded, "cameAgain": sorted(again)}
        typer.echo(msgspec.json.encode(answer))
        return
    for id_ in discarded:
        typer.echo(f"{'would discard' if dry_run else 'discarded'} {id_}")
    for id_ in sorted(again):
        typer.echo(f"{id_} came again meanwhile and stays open")
