"""`callfold replay execution … --as-of`: reports as they would have been at some moment."""

import sys
from typing import Final

import msgspec
import typer
from msgspec import Raw

from services.tooling.replay.refolded import refold
from services.tooling.replay.reports import ReportsAsked, report_bodies
from services.tooling.replay.subjects import UnknownSubjectError
from services.tooling.safe_text import one_line
from shared.clock import utc_now
from shared.contracts.instants import datetime_us, us_datetime
from shared.storage.connection import connect
from shared.storage.cutoffs import Clock, Cutoff
from shared.storage.live_standing import live_standing

_CLOCKS: Final = {
    Clock.LEARNED: "what had been received by then",
    Clock.EVENT: "what had happened by then",
}


class _Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What `--json` prints."""

    organization_id: str
    execution_id: str
    as_of: str
    by: Clock
    events_folded: int
    #: Each as the read API would have answered it.
    reports: dict[str, Raw]


def print_reports(
    database_url: str, asked: ReportsAsked, cutoff: Cutoff | None, *, as_json: bool
) -> None:
    """Print reports; without a cutoff as they are now, folded by the code at hand.

    Raises:
        UnknownSubjectError: there was no such execution.
    """
    until = cutoff or Cutoff(datetime_us(utc_now()), Clock.LEARNED)
    moment = us_datetime(until.at_us).isoformat().replace("+00:00", "Z")
    with connect(database_url, "replay") as connection:
        owner = asked.organization_id, asked.execution_id
        refolded = refold(connection, live_standing(connection), *owner, cutoff)
        bodies = report_bodies(asked, refolded.reader, until.at_us)
    if bodies is None:
        raise UnknownSubjectError(
            one_line(
                f"no execution {asked.execution_id!r} was known of organization"
                f" {asked.organization_id!r} as of {moment}, by {_CLOCKS[until.by]}"
            )
        )
    if as_json:
        answer = _Answer(
            organization_id=asked.organization_id,
            execution_id=asked.execution_id,
            as_of=moment,
            by=until.by,
            events_folded=refolded.events_folded,
            reports={name: Raw(body) for name, body in bodies.items()},
        )
        typer.echo(msgspec.json.encode(answer))
        return
    sys.stderr.write(f"as of {moment}, by {_CLOCKS[until.by]}; {refolded.in_words}\n")
    raw = {name: Raw(body) for name, body in bodies.items()}
    body = next(iter(raw.values())) if len(raw) == 1 else msgspec.json.encode(raw)
    typer.echo(msgspec.json.format(bytes(body), indent=2))
