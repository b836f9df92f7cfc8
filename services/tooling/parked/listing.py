"""`callfold parked list`: what is parked, grouped by what is wrong with it, or one by one."""

from itertools import islice
from typing import Annotated, Any

import msgspec
import psycopg
import typer

from services.tooling.audit import AsJson
from services.tooling.parked import choice
from services.tooling.safe_text import one_line
from shared.settings import Settings
from shared.storage.connection import connect
from shared.storage.parked_events import (
    ParkedEvent,
    ParkedFilter,
    ParkedGroup,
    parked_events,
    parked_groups,
)

_LIMIT_DEFAULT = 100


def list_(
    reason: choice.Reason = None,
    organization: choice.Organization = None,
    source: choice.Source = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only those last seen since: 2026-03-02, or 6h ago."),
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Those too that were retried or discarded.")
    ] = False,
    each: Annotated[bool, typer.Option("--each", help="One line an event, not a group.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Lines at most.")] = _LIMIT_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """What is parked and why, the most frequent first; each group with a sample.

    A group is a reason, an organization and source as far as they can be read, a type, and what
    is wrong without its variable parts. Needs CALLFOLD_DATABASE_URL.

    Example: `callfold parked list --reason unknown_type --since 2d`
    """
    wanted = ParkedFilter(reason, organization, source, choice.since_ms(since), all_)
    with connect(Settings.from_environment().require_database_url(), "parked") as connection:
        if each:
            _print_each(connection, wanted, limit, as_json=as_json)
        else:
            _print_groups(parked_groups(connection, wanted), limit, as_json=as_json)


def _print_groups(groups: list[ParkedGroup], limit: int, *, as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.encode([_group_json(group) for group in groups[:limit]]))
        return
    for group in groups[:limit]:
        typer.echo("\n".join(map(one_line, _group_lines(group))))
    if len(groups) > limit:
        typer.echo(f"… and {len(groups) - limit} groups more; see --limit")
    if not groups:
        typer.echo("nothing is parked")


def _print_each(
    connection: psycopg.Connection, wanted: ParkedFilter, limit: int, *, as_json: bool
) -> None:
    events = list(islice(parked_events(connection, wanted), limit + 1))
    if as_json:
        typer.echo(msgspec.json.encode([event_json(event) for event in events[:limit]]))
        return
    for event in events[:limit]:
        typer.echo(one_line(_event_line(event)))
    if len(events) > limit:
        typer.echo("… and more; see --limit")
    if not events:
        typer.echo("nothing is parked")


def _group_lines(group: ParkedGroup) -> list[str]:
    standing = "" if group.standing == "open" else f" ({group.standing})"
    entries = _count(group.entries, "entry", "entries")
    events = _count(group.events, "event", "events")
    first, last = choice.moment_text(group.first_ms), choice.moment_text(group.last_ms)
    return [
        f"{group.reason}{standing}: {entries} of {events}, {_origin(group)}",
        f"  {group.shape}",
        f"  first {first}, last {last}, sample {group.sample}",
    ]


def _event_line(event: ParkedEvent) -> str:
    return (
        f"{event.id} {event.resolution or 'open'} {choice.moment_text(event.last_ms)}"
        f" ×{event.entries} {event.reason}: {event.detail} [{_origin(event)}]"
    )


def _origin(of: ParkedGroup | ParkedEvent) -> str:
    said = (of.organization_id, of.source, of.event_type)
    return " ".join(word for word in said if word) or "origin unreadable"


def _group_json(group: ParkedGroup) -> dict[str, Any]:
    return {
        "standing": group.standing,
        "reason": group.reason,
        "organizationId": group.organization_id,
        "source": group.source,
        "type": group.event_type,
        "shape": group.shape,
        "events": group.events,
        "entries": group.entries,
        "firstSeenAt": choice.moment_text(group.first_ms),
        "lastSeenAt": choice.moment_text(group.last_ms),
        "sample": group.sample,
    }


def event_json(event: ParkedEvent) -> dict[str, Any]:
    """One event as `--json` prints it, without its bytes."""
    return {
        "id": event.id,
        "standing": event.resolution or "open",
        "reason": event.reason,
        "detail": event.detail,
        "organizationId": event.organization_id,
        "source": event.source,
        "type": event.event_type,
        "subject": event.subject,
        "lane": event.lane,
        "firstEntry": f"{event.first_ms}-{event.first_seq}",
        "lastEntry": f"{event.last_ms}-{event.last_seq}",
        "firstSeenAt": choice.moment_text(event.first_ms),
        "lastSeenAt": choice.moment_text(event.last_ms),
        "entries": event.entries,
        "mode": event.mode,
        "lengthBytes": event.length_bytes,
        "sha256": event.sha256.hex(),
        "resolvedAt": event.resolved_at,
        "resolvedBy": event.resolved_by,
        "note": event.note,
        "retriedAs": event.retried_as,
    }


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
