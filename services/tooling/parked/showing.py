"""`callfold parked show`: all that is known of one parked event, its bytes too."""

import base64
import sys
from typing import Annotated, Any

import msgspec
import typer

from services.tooling.audit import AsJson
from services.tooling.parked import bodies, choice
from services.tooling.parked.listing import event_json
from services.tooling.safe_text import one_line
from shared.contracts.stream_names import lane_stream
from shared.settings import Settings
from shared.storage.connection import connect
from shared.storage.parked_events import ParkedBody, ParkedEvent, body_of

_SHOWN_CHARS = 64 * 1024


def show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="As `callfold parked list` says it.")],
    body_only: Annotated[
        bool,
        typer.Option(
            "--body",
            help="Write only the event, as one CloudEvent to edit; for `retry --edited`.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Why an event was parked, where it came from, and what it says.

    What is no UTF-8 and what a terminal would obey is shown as escapes. Where a source was over
    its quota the bytes are read from the log. Needs CALLFOLD_DATABASE_URL.

    Example: `callfold parked show 3-9f2c61ab04d2a1b0 --body > event.json`
    """
    with connect(Settings.from_environment().require_database_url(), "parked") as connection:
        (event,) = choice.by_ids(connection, [id_])
        body = body_of(connection, event)
    if body_only:
        if body is None:
            raise typer.BadParameter("its bytes are held neither by its row nor by the log")
        sys.stdout.buffer.write(bodies.draft(body))
    elif as_json:
        typer.echo(msgspec.json.encode(event_json(event) | _body_json(event, body)))
    else:
        typer.echo("\n".join([*map(one_line, _lines(event, body)), "", _body_text(body)]))


def _lines(event: ParkedEvent, body: ParkedBody | None) -> list[str]:
    origin = {
        "organization": event.organization_id,
        "source": event.source,
        "type": event.event_type,
        "subject": event.subject,
    }
    first, last = f"{event.first_ms}-{event.first_seq}", f"{event.last_ms}-{event.last_seq}"
    kept = "nowhere" if body is None else "in the log" if body.from_log else "whole"
    if body is not None and body.fields is None:
        kept = f"the first {len(body.kept):,} of them"
    lines = [
        f"{event.id} {event.resolution or 'open'}",
        f"reason: {event.reason}",
        f"detail: {event.detail}",
        *(f"{name}: {value}" for name, value in origin.items() if value is not None),
        f"lane: {event.lane} ({lane_stream(event.lane)})",
        (
            f"entries: {event.entries:,}, from {first} ({choice.moment_text(event.first_ms)})"
            f" to {last} ({choice.moment_text(event.last_ms)})"
        ),
        f"content: {event.mode} mode, {event.length_bytes:,} bytes, kept: {kept}",
        f"sha256: {event.sha256.hex()}",
    ]
    if event.resolved_at is not None:
        came = f" as event {event.retried_as}" if event.retried_as else ""
        why = f": {event.note}" if event.note else ""
        by = f"{event.resolved_by} at {event.resolved_at:%Y-%m-%d %H:%M:%S %z}"
        lines.append(f"{event.resolution} by {by}{came}{why}")
    return lines


def _body_text(body: ParkedBody | None) -> str:
    if body is None:
        return "its bytes are held neither by its row nor by the log"
    text = bodies.pretty(body)
    if len(text) <= _SHOWN_CHARS:
        return text
    return f"{text[:_SHOWN_CHARS]}\n… {len(text) - _SHOWN_CHARS:,} characters more; see --body"


def _body_json(event: ParkedEvent, body: ParkedBody | None) -> dict[str, Any]:
    if body is None:
        return {"bodyFrom": None, "cut": None, "body": None, "fields": None}
    text: dict[str, Any]
    try:
        text = {"body": body.kept.decode()} if event.mode == "structured" else {"body": None}
    except UnicodeDecodeError:
        text = {"body": None, "bodyBase64": base64.b64encode(body.kept).decode()}
    return {
        "bodyFrom": "log" if body.from_log else "row",
        "cut": body.fields is None,
        **text,
        "fields": bodies.fields_json(body) if event.mode == "binary" else None,
    }
