"""`callfold parked retry`: publishes parked events again, as they were or with an edited body."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
import psycopg
import typer
from msgspec import Struct

from services.tooling.audit import As, AsJson, who
from services.tooling.exit_codes import FAILED
from services.tooling.parked import choice
from services.tooling.safe_text import one_line
from shared.contracts.codec import EVENT_FIELD, decode_event, decode_fields
from shared.delivery.publisher import Publisher
from shared.errors import ContractError
from shared.settings import Settings
from shared.storage.audit import audited
from shared.storage.connection import connect
from shared.storage.parked_events import (
    OPEN,
    ParkedEvent,
    Verdict,
    body_of,
    parked_events,
    resolve,
)

#: Events that an answer names; of further ones only the numbers are told.
_NAMED_MAX = 1_000
#: How long Redis being away is waited out.
_PATIENCE_S = 10.0


class _Ready(NamedTuple):
    """What to publish in the place of a parked event."""

    fields: Sequence[bytes]
    subject: str
    event_id: str


class _Retried(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What became of one."""

    id: str
    #: sent, checked (a dry run), came_again (sent, but open: it came again meanwhile), refused.
    outcome: str
    event_id: str | None = None
    why: str | None = None


class _Outcome(Struct, kw_only=True, rename="camel"):
    """What `--json` prints; `events` are the first thousand."""

    dry_run: bool
    sent: int = 0
    refused: int = 0
    events: list[_Retried] = []

    def add(self, retried: _Retried) -> None:
        if retried.outcome == "refused":
            self.refused += 1
        else:
            self.sent += 1
        if len(self.events) < _NAMED_MAX:
            self.events.append(retried)


def retry(
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", show_default=False)] = None,
    reason: choice.Reason = None,
    all_: Annotated[bool, typer.Option("--all", help="Every event that is open.")] = False,
    edited: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            allow_dash=True,
            help="Publish this CloudEvent in JSON instead; - reads standard input. One ID only.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check and say what would be sent; send nothing.")
    ] = False,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Publish parked events again: after a new release, or with an edited body.

    What would only be parked again is refused, with the reason, before it is sent. The original
    stays, marked as retried. Retrying twice counts once: id and source are the same. Exit code 1
    where any was refused. Needs CALLFOLD_DATABASE_URL and CALLFOLD_REDIS_URL.

    Examples: `callfold parked retry --reason unknown_type --dry-run`, or
    `callfold parked retry 3-9f2c61ab04d2a1b0 --edited event.json`
    """
    _check_usage(ids, reason, all_=all_, edited=edited)
    settings = Settings.from_environment()
    redis_url = settings.require_redis_url()
    body = None if edited is None else _read(edited)
    name = who(as_)
    said = {
        "ids": ids,
        "reason": reason,
        "all": all_ or None,
        "edited": None if edited is None else str(edited),
    }
    outcome = _Outcome(dry_run=dry_run)
    with connect(settings.require_database_url(), "parked") as connection:
        chosen: Iterable[ParkedEvent] = (
            choice.by_ids(connection, ids)
            if ids
            else parked_events(connection, OPEN._replace(reason=reason))
        )
        deed: Any = nullcontext({}) if dry_run else audited(connection, name, "parked retry", said)
        with deed as details:
            for retried in _retry(connection, redis_url, chosen, body, name, dry_run=dry_run):
                outcome.add(retried)
                details |= {"sent": outcome.sent, "refused": outcome.refused}
    _print(outcome, as_json=as_json)
    if outcome.refused:
        raise typer.Exit(FAILED)


def _check_usage(
    ids: list[str] | None, reason: str | None, *, all_: bool, edited: Path | None
) -> None:
    if (ids is not None) + (reason is not None) + all_ != 1:
        raise typer.BadParameter("say which: ids, or --reason, or --all")
    if edited is not None and (ids is None or len(ids) != 1):
        raise typer.BadParameter("an edited body takes the place of one event: say its id")


def _read(path: Path) -> bytes:
    return (sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()).strip()


def _retry(
    connection: psycopg.Connection,
    redis_url: str,
    events: Iterable[ParkedEvent],
    edited: bytes | None,
    name: str,
    *,
    dry_run: bool,
) -> Iterator[_Retried]:
    """Publish and mark a few at a time: what is marked as retried is in Redis."""
    with Publisher(redis_url, patience_s=_PATIENCE_S) as publisher:
        for chunk in choice.in_chunks(events):
            verdicts = []
            for event in chunk:
                ready = _ready(connection, event, edited)
                if isinstance(ready, str):
                    yield _Retried(id=event.id, outcome="refused", why=ready)
                    continue
                verdicts.append(Verdict(event, "retried", name, None, ready.event_id))
                if not dry_run:
                    publisher.publish_fields(ready.subject, ready.fields)
            if dry_run:
                came_again = []
            else:
                publisher.flush()
                came_again = resolve(connection, verdicts)
            for verdict in verdicts:
                sent = "checked" if dry_run else "sent"
                yield _Retried(
                    id=verdict.event.id,
                    outcome="came_again" if verdict.event in came_again else sent,
                    event_id=verdict.retried_as,
                )


def _ready(
    connection: psycopg.Connection, event: ParkedEvent, edited: bytes | None
) -> _Ready | str:
    """What to publish, or why it must not be."""
    try:
        if edited is not None:
            good = decode_event(edited)
            return _Ready((EVENT_FIELD, edited), good.subject, good.id)
        body = body_of(connection, event)
        if body is None:
            return "its bytes are held neither by its row nor by the log: use --edited"
        if body.fields is None:
            return (
                f"only the first {len(body.kept):,} of its {event.length_bytes:,} bytes were kept:"
                " use --edited"
            )
        good = decode_fields(body.fields)
        return _Ready(body.fields, good.subject, good.id)
    except ContractError as error:
        return f"would be parked again: {error}"


def _print(outcome: _Outcome, *, as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.encode(outcome))
        return
    for event in outcome.events:
        said = f": {event.why}" if event.why else f" as event {event.event_id}"
        typer.echo(one_line(f"{event.outcome.replace('_', ' ')} {event.id}{said}"))
    if outcome.sent + outcome.refused > len(outcome.events):
        typer.echo("…")
    done = "would be sent" if outcome.dry_run else "sent"
    typer.echo(f"{outcome.sent:,} {done}, {outcome.refused:,} refused")
