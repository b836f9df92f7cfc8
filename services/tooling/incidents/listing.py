"""`callfold incidents`: every incident that nobody took note of yet, with what to do about it."""

from typing import Annotated, Any

import msgspec
import typer

from services.tooling.audit import AsJson
from services.tooling.exit_codes import DIFFERENT
from services.tooling.incidents.known import Known, known_incidents
from services.tooling.safe_text import one_line
from shared.contracts.incident_kinds import IncidentKind
from shared.settings import Settings
from shared.storage.connection import connect

Kind = Annotated[
    IncidentKind | None, typer.Option(help="Only those of this kind.", show_default=False)
]
Organization = Annotated[
    str | None,
    typer.Option(
        metavar="ID", help="Only those of this tenant, and of streams, which may concern any."
    ),
]


def list_(
    context: typer.Context,
    kind: Kind = None,
    organization: Organization = None,
    all_: Annotated[bool, typer.Option("--all", help="Acknowledged ones too.")] = False,
    as_json: AsJson = False,
) -> None:
    """What was lost, or may have been, the latest first; each with what to do.

    *trimmed*, *recreated*, *id_out_of_range*: somebody else changed a stream. *sequence_gap*:
    numbers of a source's own counter are missing below one that arrived; it closes by itself when
    they come, and is no gap while they may only be late. *conflict*: one id, two contents.

    Exit code 0 where none is open, 3 where any is shown that is. What is acknowledged is open
    again when it happens again. Needs CALLFOLD_DATABASE_URL.

    Example: `callfold incidents --organization acme --kind sequence_gap`
    """
    if context.invoked_subcommand is not None:
        return
    with connect(Settings.from_environment().require_database_url(), "incidents") as connection:
        found = [
            known
            for known in known_incidents(connection)
            if (all_ or known.standing != "acknowledged")
            and kind in {None, known.key.kind}
            and (organization is None or known.may_concern in {None, organization})
        ]
    if as_json:
        typer.echo(msgspec.json.encode([as_json_object(known) for known in found]))
    else:
        for known in found:
            typer.echo("\n".join(map(one_line, _lines(known))))
        if not found:
            typer.echo("no incident: nothing that we know of was lost")
    if any(known.standing == "open" for known in found):
        if not as_json:
            typer.echo("what is dealt with: `callfold incidents acknowledge ID --note TEXT`")
        raise typer.Exit(DIFFERENT)


def as_json_object(known: Known) -> dict[str, Any]:
    """One incident as `--json` prints it."""
    noted = known.acknowledgement
    return {
        "id": known.key.id,
        "kind": known.key.kind,
        "standing": known.standing,
        "organizationId": known.key.organization_id or None,
        "source": known.key.source or None,
        "what": known.what,
        "toDo": known.to_do,
        "firstSeenAt": known.first_seen_at,
        "lastSeenAt": known.last_seen_at,
        "acknowledgedAt": noted and noted.at,
        "acknowledgedBy": noted and noted.by,
        "note": noted and noted.note,
        **known.detail,
    }


def _lines(known: Known) -> list[str]:
    standing = "" if known.standing == "open" else f" ({known.standing})"
    lines = [f"{known.key.id} {known.key.kind}{standing} {known.what}"]
    seen = [
        f"{word} {moment:%Y-%m-%dT%H:%M:%SZ}"
        for word, moment in (("since", known.first_seen_at), ("last seen", known.last_seen_at))
        if moment is not None
    ]
    if seen:
        lines.append("  " + ", ".join(seen))
    noted = known.acknowledgement
    if noted is not None:
        lines.append(f"  acknowledged {noted.at:%Y-%m-%dT%H:%M:%SZ} by {noted.by}: {noted.note}")
    return [*lines, f"  to do: {known.to_do}"] if known.standing != "acknowledged" else lines
