"""`callfold incidents resume`: lets a lane go on that waits for an operator (D-018, D-019)."""

from collections.abc import Sequence
from typing import Annotated, Final

import psycopg
import redis
import typer
from msgspec import Struct, json
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from services.tooling.audit import As, AsJson, who
from services.tooling.exit_codes import FAILED, INTERRUPTED
from services.tooling.stop_signals import StopRequested, StopSignals
from shared.contracts.entries import Entry
from shared.contracts.stream_names import INBOX_LANE, aside_stream, lane_stream, lane_word
from shared.delivery.connection import redis_client
from shared.delivery.stream_resuming import add_again, pages, set_aside
from shared.delivery.stream_watch import look
from shared.folds.journal import Position
from shared.limits import ENTRY_MS_MAX
from shared.settings import Settings
from shared.storage.archived_entries import archived_as_they_are
from shared.storage.audit import audited
from shared.storage.connection import connect
from shared.storage.incidents import LaneCount, lane_counts

#: How often a stream is set aside again that changes under our hands.
_TRIES: Final = 5


class _Resumed(Struct, kw_only=True, rename="camel"):
    """What `--json` prints."""

    lane: int
    stream: str
    dry_run: bool
    #: Whether the lane waited, or a run before this one was cut short.
    waited: bool = False
    #: Entries that were looked at, and those of them that the log did not hold.
    entries: int = 0
    added_again: int = 0
    interrupted: bool = False


class _Lane:
    """One lane, its stream and what was set aside of it."""

    def __init__(self, connection: psycopg.Connection, client: redis.Redis, lane: int) -> None:
        """`lane` must be one of the installation's."""
        self.number = lane
        self.client = client
        self._connection = connection

    def standing(self) -> LaneCount:
        """How far it is archived."""
        return lane_counts(self._connection, [self.number])[self.number]

    def waits(self) -> bool:
        """Whether nothing of its stream can be read any more."""
        at = self.standing()
        facts = look(self.client, {self.number: (at.position, at.counted)})[self.number]
        older = facts.exists and facts.last_generated < at.position
        return older or facts.last_generated[0] > ENTRY_MS_MAX

    def set_aside(self) -> bool:
        """Begin its stream anew behind the cursor; False where that must be tried again."""
        at = self.standing()
        return set_aside(self.client, self.number, at.position, at.counted)

    def archived(self, entries: Sequence[Entry]) -> set[Position]:
        """Which of these the log holds."""
        return archived_as_they_are(self._connection, self.number, entries)

    def length(self, stream: str) -> int:
        """Entries of a stream; 0 where there is none."""
        return int(self.client.xlen(stream))


def resume(
    lane: Annotated[str, typer.Argument(metavar="LANE", help="Its number, or `inbox`.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how much would be added again; change nothing.")
    ] = False,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Let a lane go on that waits for an operator: `/readyz` says `incident: lane …`.

    Its stream is renamed and begun anew behind the cursor, at once, so that nothing is lost that
    is published meanwhile. Then what the log does not hold is added again, page by page; what is
    added twice counts once. Cut short, it goes on when it is run again. A lane that reads is left
    alone. Needs CALLFOLD_REDIS_URL and CALLFOLD_DATABASE_URL.

    Example: `callfold incidents resume 3 --dry-run`
    """
    settings = Settings.from_environment()
    redis_url, name = settings.require_redis_url(), who(as_)
    with connect(settings.require_database_url(), "incidents") as connection:
        number = _number(connection, lane)
        resumed = _Resumed(lane=number, stream=lane_stream(number), dry_run=dry_run)
        with redis_client(redis_url) as client:
            of_lane = _Lane(connection, client, number)
            left = of_lane.length(aside_stream(number))
            resumed.waited = left > 0 or of_lane.waits()
            if resumed.waited and dry_run:
                _count(of_lane, resumed)
            elif resumed.waited:
                with audited(connection, name, "incidents resume", {"lane": number}) as details:
                    try:
                        _resume(of_lane, resumed)
                    finally:
                        details |= {"entries": resumed.entries, "addedAgain": resumed.added_again}
    _print(resumed, as_json=as_json)
    if resumed.interrupted:
        raise typer.Exit(INTERRUPTED)


def _number(connection: psycopg.Connection, lane: str) -> int:
    number = INBOX_LANE if lane == lane_word(INBOX_LANE) else int(lane) if lane.isdigit() else None
    if number is None or not lane_counts(connection, [number]):
        raise typer.BadParameter(f"{lane!r} is no lane of this installation", param_hint="LANE")
    return number


def _count(lane: _Lane, resumed: _Resumed) -> None:
    """What would be done, of both streams where a run before this one was cut short."""
    streams = [aside_stream(lane.number)]
    if lane.waits():
        streams.append(resumed.stream)
    for stream in streams:
        for entries in pages(lane.client, stream):
            resumed.entries += len(entries)
            resumed.added_again += len(entries) - len(lane.archived(entries))


def _resume(lane: _Lane, resumed: _Resumed) -> None:
    aside = aside_stream(lane.number)
    with StopSignals() as stop:
        try:
            for _ in range(_TRIES):
                if lane.length(aside):
                    _add_again(lane, resumed, lane.length(aside))
                elif not lane.waits():
                    return
                else:
                    lane.set_aside()
        except StopRequested:
            stop.hold()
            resumed.interrupted = True
            return
    typer.echo(f"callfold: {resumed.stream} changes under our hands; run it again", err=True)
    raise typer.Exit(FAILED)


def _add_again(lane: _Lane, resumed: _Resumed, total: int) -> None:
    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=total)
        for entries, added in add_again(lane.client, lane.number, lane.archived):
            resumed.entries += entries
            resumed.added_again += added
            progress.update(bar, advance=entries)


def _print(resumed: _Resumed, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.encode(resumed))
        return
    word = lane_word(resumed.lane)
    if not resumed.waited:
        typer.echo(f"lane {word} does not wait for anybody")
        return
    verb = "would add again" if resumed.dry_run else "added again"
    typer.echo(f"lane {word}: {verb} {resumed.added_again:,} of {resumed.entries:,} entries")
    if resumed.interrupted:
        typer.echo("interrupted: run it again to go on")
    elif not resumed.dry_run:
        typer.echo("it reads again; readiness turns green within seconds")
