"""`callfold incidents acknowledge`: somebody has taken note; none is ever deleted."""

from typing import Annotated

import msgspec
import typer

from services.tooling.audit import As, AsJson, who
from services.tooling.incidents.known import Known, known_incidents
from services.tooling.incidents.listing import Kind
from services.tooling.safe_text import one_line
from shared.settings import Settings
from shared.storage.acknowledging import acknowledge as write_down
from shared.storage.audit import audited
from shared.storage.connection import connect


def acknowledge(
    note: Annotated[str, typer.Option(metavar="TEXT", help="Why, for those who come after.")],
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", show_default=False)] = None,
    kind: Kind = None,
    lane: Annotated[
        int | None, typer.Option(help="Only those of this lane; -1 is the inbox.")
    ] = None,
    organization: Annotated[
        str | None, typer.Option(metavar="ID", help="Only gaps and conflicts of this tenant.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be acknowledged; mark nothing.")
    ] = False,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Take note of incidents, so that they are listed no longer: by id, or all open ones of a kind.

    What happens again is open again, with `--all` it can be seen who acknowledged what. Nothing
    is mended by this: what is lost stays lost. Doing it twice changes nothing. Needs
    CALLFOLD_DATABASE_URL.

    Examples: `callfold incidents acknowledge 4f2a91c0 --note "load test"`, or
    `callfold incidents acknowledge --kind conflict --organization acme --note "told them"`
    """
    if not note.strip():
        raise typer.BadParameter("say why", param_hint="--note")
    if not ids and kind is None and lane is None and organization is None:
        raise typer.BadParameter("name some, or a --kind, --lane or --organization of them")
    name = who(as_)
    with connect(Settings.from_environment().require_database_url(), "incidents") as connection:
        known = known_incidents(connection)
        named = known if not ids else [_named(known, id_) for id_ in dict.fromkeys(ids)]
        chosen = [
            incident
            for incident in named
            if incident.standing != "late"
            and kind in {None, incident.key.kind}
            and lane in {None, incident.detail.get("lane")}
            and organization in {None, incident.may_concern}
        ]
        taken = [incident for incident in chosen if incident.standing == "open"]
        if taken and not dry_run:
            said = {"ids": [incident.key.id for incident in taken], "note": note.strip()}
            with audited(connection, name, "incidents acknowledge", said) as details:
                measures = [(incident.key, incident.measure) for incident in taken]
                write_down(connection, measures, name, note.strip())
                details["acknowledged"] = len(taken)
    _print(taken, len(chosen) - len(taken), dry_run=dry_run, as_json=as_json)


def _named(known: list[Known], id_: str) -> Known:
    """The incident whose id begins so.

    Raises:
        typer.BadParameter: none does, or several do.
    """
    found = [incident for incident in known if incident.key.id.startswith(id_)]
    if len(found) != 1 or not id_:
        what = "is the beginning of several ids" if found else "names no incident"
        raise typer.BadParameter(f"{id_} {what}", param_hint="ID")
    return found[0]


def _print(taken: list[Known], already: int, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        answer = {
            "dryRun": dry_run,
            "acknowledged": [incident.key.id for incident in taken],
            "alreadyAcknowledged": already,
        }
        typer.echo(msgspec.json.encode(answer))
        return
    verb = "would acknowledge" if dry_run else "acknowledged"
    for incident in taken:
        typer.echo(one_line(f"{verb} {incident.key.id} {incident.key.kind} {incident.what}"))
    if already:
        typer.echo(f"{already} acknowledged already")
    if not taken and not already:
        typer.echo("nothing to acknowledge")
