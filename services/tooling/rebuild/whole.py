"""The whole log into a new generation; called by `callfold rebuild` and `callfold up --rebuild`."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import psycopg
import typer

from services.tooling.exit_codes import INTERRUPTED
from services.tooling.rebuild.build import Build
from services.tooling.rebuild.differences import comparison_text
from services.tooling.rebuild.fold_progress import FoldProgress
from services.tooling.rebuild.moving import after_switch
from shared.clock import monotonic_s
from shared.errors import GenerationError
from shared.folds.states import FOLD_VERSION
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
from shared.storage.switching import set_state


class Wanted(NamedTuple):
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


class Plan(msgspec.Struct, frozen=True, rename="camel"):
    """What a dry run prints."""

    dry_run: bool
    generation: int
    resumed: bool
    #: Events that wait to be folded, about.
    events: int


def plan_rebuild(database_url: str, name: str) -> Plan:
    """What `rebuild_whole` would do."""
    with connect(database_url, f"rebuild by {name}") as control, operating_alone(control):
        _live, generation, resumed = _choose(control)
        waiting = waiting_events(control, generation).values() if resumed else ()
        events = sum(waiting) if resumed else archived_events(control)
        return Plan(True, generation, resumed, events)


def rebuild_whole(database_url: str, wanted: Wanted) -> RebuildOutcome:
    """Build a generation, or go on with one, compare it with the live one, and switch if it may.

    Raises:
        GenerationError: another command is under way, or a process failed; running it again goes
            on where it stood.
    """
    name = f"rebuild by {wanted.name}"
    with connect(database_url, name) as control, operating_alone(control):
        live, generation, resumed = _choose(control)
        return _rebuild(database_url, control, live, generation, wanted, resumed=resumed)


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
    wanted: Wanted,
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
    wanted: Wanted,
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


def outcome_lines(outcome: RebuildOutcome) -> Iterator[str]:
    """What came of it, for people."""
    yield comparison_text(outcome.comparison)
    rate = outcome.events / max(outcome.seconds, 0.001)
    yield f"{outcome.events:,} events in {outcome.seconds:.1f} s ({rate:,.0f}/s)"
    new, old = outcome.generation, outcome.live_before
    for id_ in outcome.parked_now_folded:
        yield f"parked event {id_} is folded now"
    if outcome.switched:
        yield (
            f"generation {new} is live; commits were held up for {outcome.barrier_ms:.0f} ms."
            f" Generation {old} is followed: `callfold rollback` goes back to it,"
            f" `callfold drop {old}` removes it"
        )
        return
    yield (
        f"generation {old} stays live; {new} is followed beside it: `callfold switch {new}`"
        f" makes it live, `callfold drop {new}` removes it"
    )
