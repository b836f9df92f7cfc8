"""`callfold rebuild`: folds the log into a new generation, compares it with live, and switches."""

import os
from typing import Annotated, NamedTuple

import msgspec
import psycopg
import typer

from services.tooling.audit import As, AsJson, who
from services.tooling.exit_codes import DIFFERENT, INTERRUPTED
from services.tooling.rebuild.build import Build
from services.tooling.rebuild.differences import comparison_text
from services.tooling.rebuild.fold_progress import FoldProgress
from services.tooling.rebuild.in_place import rebuild_in_place
from services.tooling.rebuild.moving import after_switch
from shared.clock import monotonic_s
from shared.errors import GenerationError
from shared.folds.states import FOLD_VERSION
from shared.settings import Settings
from shared.storage.audit import audited
from shared.storage.comparison import Comparison
from shared.storage.connection import connect
from shared.storage.generation_schemas import create_generation
from shared.storage.generations import (
    BUILDING,
    COMPLETE,
    Generation,
    all_generations,
    live_of,
    operating_alone,
    partitions_of,
)
from shared.storage.parked_known import known_by_now
from shared.storage.rebuilding import archived_events, waiting_events
from shared.storage.schema import engine_of
from shared.storage.subject_refold import RepairScope
from shared.storage.switching import set_state

_EXAMPLES = 10
_EXAMPLES_MAX = 10_000
_PROCESSES_MAX = 64


class _Wanted(NamedTuple):
    """What was asked for."""

    keep: bool
    accept_differences: bool
    processes: int
    examples: int
    name: str
    quiet: bool


class RebuildOutcome(msgspec.Struct, kw_only=True, rename="camel"):
    """What `--json` prints."""

    generation: int
    live_before: int
    #: Whether it went on with one that was cut short.
    resumed: bool
    #: Folded by this run, and how long all of it took.
    events: int
    seconds: float
    comparison: Comparison
    switched: bool = False
    #: For how long commits were held up.
    barrier_ms: float | None = None
    #: Ids of parked events that are folded now.
    parked_now_folded: list[str] = msgspec.field(default_factory=list)


def rebuild(  # noqa: PLR0913, PLR0917 -- each is an option
    keep: Annotated[
        bool, typer.Option("--keep", help="Build and compare, but do not switch.")
    ] = False,
    accept_differences: Annotated[
        bool, typer.Option("--accept-differences", help="Switch though figures change.")
    ] = False,
    organization: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Repair this organization alone, where it is served."),
    ] = None,
    execution: Annotated[
        str | None, typer.Option(metavar="ID", help="Of the organization this execution alone.")
    ] = None,
    trust_log: Annotated[
        bool,
        typer.Option("--trust-log", help="In a repair: undo what the log knows no event of."),
    ] = False,
    processes: Annotated[
        int, typer.Option(min=1, max=_PROCESSES_MAX, help="Processes that fold.")
    ] = os.cpu_count() or 1,
    examples: Annotated[
        int, typer.Option(min=0, max=_EXAMPLES_MAX, help="Differences shown of each kind.")
    ] = _EXAMPLES,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")
    ] = False,
    as_name: As = None,
    as_json: AsJson = False,
) -> None:
    """Fold the log from its first event into a new generation beside the live one, and switch.

    Live traffic and reports go on. The new generation is compared with the live one at equal
    positions: equal, or a table of what differs, and which attempts cause it. If nothing differs
    but by parked events that this release knows, it becomes live by one row; the old one is
    followed until `callfold drop`, so `callfold rollback` is instant. Cut short in any way, the
    next run goes on where it stood. With `--organization` only wrong rows of the live generation
    are repaired, in small transactions.

    Needs CALLFOLD_DATABASE_URL. Exit codes: 3 figures differ (nothing was switched), 130
    interrupted.
    """
    database_url = Settings.from_environment().require_database_url()
    if organization is not None:
        scope = RepairScope(organization, execution)
        raise typer.Exit(
            rebuild_in_place(
                database_url, scope, who(as_name),
                trust_log=trust_log, dry_run=dry_run, as_json=as_json,
            )
        )  # fmt: skip
    if execution is not None or trust_log:
        raise typer.BadParameter("--execution and --trust-log need --organization")
    wanted = _Wanted(keep, accept_differences, processes, examples, who(as_name), as_json)
    with connect(database_url, f"rebuild by {wanted.name}") as control, operating_alone(control):
        live, generation, resumed = _choose(control)
        if dry_run:
            _say_plan(control, generation, resumed=resumed, as_json=as_json)
            return
        outcome = _rebuild(database_url, control, live, generation, wanted, resumed=resumed)
    _print(outcome, as_json=as_json)
    if not outcome.switched and outcome.comparison.unexplained:
        raise typer.Exit(DIFFERENT)


def _choose(control: psycopg.Connection) -> tuple[Generation, int, bool]:
    """The live generation, the number of the one to build, and whether it was begun already."""
    generations = all_generations(control)
    live = live_of(generations)
    for begun in generations:
        if begun.state != BUILDING:
            continue
        if begun.fold_version == FOLD_VERSION:
            return live, begun.number, True
        raise GenerationError(
            f"generation {begun.number} was begun by a release of fold version"
            f" {begun.fold_version}; let that release end it, or run `callfold drop {begun.number}`"
        )
    return live, max(generation.number for generation in generations) + 1, False


def _rebuild(
    database_url: str,
    control: psycopg.Connection,
    live: Generation,
    generation: int,
    wanted: _Wanted,
    *,
    resumed: bool,
) -> RebuildOutcome:
    said = {"generation": generation, "keep": wanted.keep, "resumed": resumed}
    started_s = monotonic_s()
    with audited(control, wanted.name, "rebuild", said) as details:
        if not resumed:
            engine = engine_of(database_url)
            with engine.begin() as connection:
                create_generation(connection, generation, BUILDING)
            engine.dispose()
        with Build(database_url, control, generation, wanted.processes) as build:
            progress = FoldProgress(build.waiting(), quiet=wanted.quiet)
            try:
                outcome = _fold_and_compare(build, control, live, generation, wanted, progress)
            except KeyboardInterrupt:
                progress.say(
                    f"interrupted: run `callfold rebuild` again to go on with generation"
                    f" {generation}, or `callfold drop {generation}` to give it up"
                )
                raise typer.Exit(INTERRUPTED) from None
            outcome.resumed = resumed
            if wanted.keep or (outcome.comparison.unexplained and not wanted.accept_differences):
                set_state(control, generation, COMPLETE)
            else:
                outcome.barrier_ms = round(build.switch().barrier_ms, 1)
                outcome.switched = True
                outcome.parked_now_folded = after_switch(control, generation, wanted.name)
        outcome.seconds = round(monotonic_s() - started_s, 3)
        details |= {
            "events": outcome.events,
            "equal": outcome.comparison.equal,
            "switched": outcome.switched,
        }
    return outcome


def _fold_and_compare(
    build: Build,
    control: psycopg.Connection,
    live: Generation,
    generation: int,
    wanted: _Wanted,
    progress: FoldProgress,
) -> RebuildOutcome:
    with progress:
        build.fold(progress.folded)
        progress.say(f"folded {progress.events:,} events; comparing with generation {live.number}")
        explained = {known.subject for known in known_by_now(control, partitions_of(control))}
        comparison = build.compare(live, explained, wanted.examples)
    return RebuildOutcome(
        generation=generation,
        live_before=live.number,
        resumed=False,
        events=progress.events,
        seconds=0.0,
        comparison=comparison,
    )


def _say_plan(
    control: psycopg.Connection, generation: int, *, resumed: bool, as_json: bool
) -> None:
    waiting = waiting_events(control, generation).values() if resumed else ()
    events = sum(waiting) if resumed else archived_events(control)
    if as_json:
        plan = {"dryRun": True, "generation": generation, "resumed": resumed, "events": events}
        typer.echo(msgspec.json.encode(plan))
        return
    verb = "go on with" if resumed else "build"
    typer.echo(f"would {verb} generation {generation}: {events:,} events wait to be folded")


def _print(outcome: RebuildOutcome, *, as_json: bool) -> None:
    if as_json:
        encoder = msgspec.json.Encoder(decimal_format="number")
        typer.echo(encoder.encode(outcome))
        return
    typer.echo(comparison_text(outcome.comparison))
    rate = outcome.events / max(outcome.seconds, 0.001)
    typer.echo(f"{outcome.events:,} events in {outcome.seconds:.1f} s ({rate:,.0f}/s)")
    new, old = outcome.generation, outcome.live_before
    for id_ in outcome.parked_now_folded:
        typer.echo(f"parked event {id_} is folded now")
    if outcome.switched:
        typer.echo(
            f"generation {new} is live; commits were held up for {outcome.barrier_ms:.0f} ms."
            f" Generation {old} is followed: `callfold rollback` goes back to it,"
            f" `callfold drop {old}` removes it"
        )
        return
    typer.echo(
        f"generation {old} stays live; {new} is followed beside it: `callfold switch {new}`"
        f" makes it live, `callfold drop {new}` removes it"
    )
