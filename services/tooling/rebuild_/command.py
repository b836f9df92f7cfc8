"""`callfold rebuild`: folds the whole log into a new generation and proves that it equals live.

Live traffic goes on meanwhile. Switching to the new generation comes with a later release.
"""

from time import monotonic, sleep
from typing import Annotated

import msgspec
import psycopg
import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from shared.errors import GenerationError
from shared.settings import Settings
from shared.storage.connection import connect
from shared.storage.generations import (
    create_generation,
    drop_generation,
    installed,
    next_generation,
)
from shared.storage.rebuilding import Rebuilder, TableDifference, compare, equal_positions
from shared.storage.schema import engine_of

EXIT_DIFFERENT = 3
_MEETING_PATIENCE_S = 60.0


class RebuildOutcome(msgspec.Struct, frozen=True, rename="camel"):
    """What `--json` prints."""

    generation: int
    events: int
    seconds: float
    equal: bool
    kept: bool
    tables: list[dict[str, int | str]]


def rebuild(
    keep: Annotated[bool, typer.Option(help="Keep the new generation after comparing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Fold the log from its first event into a new generation and compare it with the live one.

    Needs CALLFOLD_DATABASE_URL. Exit code 0: every table is equal; 3: they differ, and how.
    """
    database_url = Settings.from_environment().require_database_url()
    live, partitions = installed(database_url)
    generation = next_generation(database_url)
    with engine_of(database_url).begin() as connection:
        create_generation(connection, generation)
    try:
        started_s = monotonic()
        with (
            connect(database_url, "rebuild reading") as reading,
            connect(database_url, "rebuild writing") as writing,
        ):
            rebuilder = Rebuilder(reading, writing, partitions, generation)
            events = _follow(rebuilder, quiet=as_json)
            events += _meet(rebuilder, reading, live, generation)
            differences = list(compare(reading, live, generation))
            reading.execute("COMMIT")
        outcome = _outcome(generation, events, monotonic() - started_s, differences, kept=keep)
    finally:
        if not keep:
            with engine_of(database_url).begin() as connection:
                drop_generation(connection, generation)
    _print(outcome, live, as_json=as_json)
    if not outcome.equal:
        raise typer.Exit(EXIT_DIFFERENT)


def _follow(rebuilder: Rebuilder, *, quiet: bool) -> int:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as progress:
        task = progress.add_task("folding the log", total=None)
        started_s = monotonic()

        def show(events: int) -> None:
            rate = events / max(monotonic() - started_s, 0.001)
            progress.update(task, description=f"folded {events:,} events, {rate:,.0f} a second")

        return rebuilder.follow(show)


def _meet(rebuilder: Rebuilder, reading: psycopg.Connection, live: int, generation: int) -> int:
    """Follow until both generations stand at the same positions, and stay in that snapshot.

    Raises:
        GenerationError: live traffic was always faster.
    """
    deadline_s = monotonic() + _MEETING_PATIENCE_S
    events = 0
    while True:
        reading.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        if equal_positions(reading, live, generation):
            return events
        reading.execute("ROLLBACK")
        if monotonic() > deadline_s:
            raise GenerationError(
                f"generation {generation} could not catch up with live traffic within "
                f"{_MEETING_PATIENCE_S:.0f} s; run it again when there is less"
            )
        followed = rebuilder.follow(lambda _events: None)
        events += followed
        if not followed:
            sleep(0.05)


def _outcome(
    generation: int, events: int, seconds: float, found: list[TableDifference], *, kept: bool
) -> RebuildOutcome:
    return RebuildOutcome(
        generation=generation,
        events=events,
        seconds=round(seconds, 3),
        equal=not any(table.missing or table.unexpected for table in found),
        kept=kept,
        tables=[table._asdict() for table in found],
    )


def _print(outcome: RebuildOutcome, live: int, *, as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.encode(outcome))
        return
    table = Table(title=f"generation {outcome.generation} against the live one, {live}")
    for column in ("table", "rows", "missing", "unexpected"):
        table.add_column(column, justify="left" if column == "table" else "right")
    for row in outcome.tables:
        table.add_row(*map(str, row.values()))
    console = Console()
    console.print(table)
    verdict = "equal" if outcome.equal else "DIFFERENT"
    rate = outcome.events / max(outcome.seconds, 0.001)
    console.print(
        f"{verdict}: {outcome.events:,} events in {outcome.seconds:.1f} s ({rate:,.0f} a second)"
    )
