"""`callfold incidents`: what was lost, or was done to the streams that might lose something."""

from typing import Annotated

import msgspec
import typer

from shared.contracts.stream_names import lane_stream
from shared.settings import Settings
from shared.storage.connection import connect
from shared.storage.incidents import Incident, all_incidents


def incidents(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Streams that somebody else trimmed, deleted or restored, the latest first; what was lost.

    Needs CALLFOLD_DATABASE_URL.
    """
    with connect(Settings.from_environment().require_database_url(), "incidents") as connection:
        found = all_incidents(connection)
    if as_json:
        typer.echo(msgspec.json.encode([_as_json(incident) for incident in found]))
        return
    for incident in found:
        typer.echo(_as_text(incident))
    if not found:
        typer.echo("no incident: nothing that we know of was lost")


def _as_json(incident: Incident) -> dict[str, object]:
    return {
        "lane": incident.lane,
        "kind": incident.kind,
        "cursor": f"{incident.place[0]}-{incident.place[1]}",
        "entriesLost": incident.entries_lost,
        "times": incident.times,
        "firstSeenAt": incident.first_seen_at,
        "lastSeenAt": incident.last_seen_at,
        "detail": incident.detail,
    }


def _as_text(incident: Incident) -> str:
    lost = "unknown" if incident.entries_lost is None else f"{incident.entries_lost:,}"
    place = f"{incident.place[0]}-{incident.place[1]}"
    line = (
        f"{incident.last_seen_at:%Y-%m-%d %H:%M:%S} {lane_stream(incident.lane)} {incident.kind}"
        f" at {place}: {incident.detail['what']}; entries lost: {lost}"
    )
    todo = incident.detail.get("todo")
    return line if todo is None else f"{line}\n  to do: {todo}"
