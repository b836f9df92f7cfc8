"""`callfold generations`, `switch`, `rollback` and `drop`: what is done with built generations."""

from contextlib import suppress
from typing import Annotated, Any

import msgspec
import psycopg
import redis
import typer
from rich.console import Console
from rich.table import Table

from services.tooling.audit import As, AsJson, who
from services.tooling.rebuild.build import Build
from shared.contracts.stream_names import CONTROL_CHANNEL
from shared.delivery.connection import redis_client
from shared.errors import GenerationError
from shared.folds.states import FOLD_VERSION
from shared.settings import Settings
from shared.storage.audit import audited
from shared.storage.connection import connect
from shared.storage.generation_schemas import drop_generation
from shared.storage.generations import (
    BUILDING,
    Generation,
    GenerationFacts,
    all_generations,
    generation_facts,
    live_of,
    operating_alone,
    partitions_of,
)
from shared.storage.parked_events import Verdict, resolve
from shared.storage.parked_known import known_by_now
from shared.storage.schema import engine_of

Number = Annotated[int, typer.Argument(metavar="GENERATION", help="Its number.")]
Behind = Annotated[
    bool,
    typer.Option(
        "--behind",
        help="Switch though it is behind: reports step back until projectors have caught up.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, no more.")]


def generations(as_json: AsJson = False) -> None:
    """List the generations: which is live, which are followed, how large they are.

    Needs CALLFOLD_DATABASE_URL.
    """
    with connect(Settings.from_environment().require_database_url(), "generations") as connection:
        found = generation_facts(connection)
    if as_json:
        typer.echo(msgspec.json.encode(found))
        return
    table = Table()
    for column in ("generation", "fold version", "state", "behind", "size", "made", "live until"):
        table.add_column(column)
    for facts in found:
        table.add_row(*_row(facts))
    Console().print(table)


def _row(facts: GenerationFacts) -> tuple[str, ...]:
    generation = facts.generation
    state = "live" if generation.live else generation.state
    if not generation.live and generation.state != BUILDING:
        own = generation.fold_version == FOLD_VERSION
        state = "followed" if own else "of another release"
    return (
        str(generation.number),
        str(generation.fold_version),
        state,
        f"{facts.behind_ms / 1000:,.1f} s",
        f"{facts.size_bytes / 1_000_000:,.1f} MB",
        f"{facts.created_at:%Y-%m-%d %H:%M}",
        "" if facts.live_until is None else f"{facts.live_until:%Y-%m-%d %H:%M}",
    )


def switch(
    generation: Number,
    behind: Behind = False,
    dry_run: DryRun = False,
    as_name: As = None,
    as_json: AsJson = False,
) -> None:
    """Make another complete generation live, as `callfold rebuild --keep` left one.

    It is brought to where the live one stands, commits are held up for less than half a second,
    and one row changes. Needs CALLFOLD_DATABASE_URL; with CALLFOLD_REDIS_URL projectors hear of it
    at once.
    """
    _switch("switch", generation, who(as_name), behind=behind, dry_run=dry_run, as_json=as_json)


def rollback(
    behind: Behind = False, dry_run: DryRun = False, as_name: As = None, as_json: AsJson = False
) -> None:
    """Make the generation live again that was live before; the present one is kept.

    Needs CALLFOLD_DATABASE_URL; with CALLFOLD_REDIS_URL projectors hear of it at once.
    """
    _switch("rollback", None, who(as_name), behind=behind, dry_run=dry_run, as_json=as_json)


def drop(
    generation: Number, dry_run: DryRun = False, as_name: As = None, as_json: AsJson = False
) -> None:
    """Remove a generation that is not live, with all that it holds; the log stays.

    Needs CALLFOLD_DATABASE_URL.
    """
    database_url = Settings.from_environment().require_database_url()
    name = who(as_name)
    with connect(database_url, f"drop by {name}") as control, operating_alone(control):
        chosen = _find(all_generations(control), generation)
        if chosen.live:
            raise GenerationError(f"generation {generation} is live; switch to another one first")
        if not dry_run:
            with audited(control, name, "drop", {"generation": generation}):
                engine = engine_of(database_url)
                with engine.begin() as connection:
                    drop_generation(connection, generation)
                engine.dispose()
    words = f"{'would drop' if dry_run else 'dropped'} generation {generation}"
    _print({"generation": generation, "dryRun": dry_run}, words, as_json=as_json)


def after_switch(control: psycopg.Connection, generation: int, name: str) -> list[str]:
    """Settle what a switch brings: parked events that are folded now; tell the projectors.

    Returns: the ids of these parked events.
    """
    redis_url = Settings.from_environment().redis_url
    if redis_url is not None:
        with suppress(redis.RedisError):  # they look by themselves every second
            redis_client(redis_url.get_secret_value()).publish(CONTROL_CHANNEL, b"")
    known = [event.parked for event in known_by_now(control, partitions_of(control))]
    note = f"folded into generation {generation}"
    came_again = resolve(control, [Verdict(event, "rebuilt", name, note) for event in known])
    return [event.id for event in known if event not in came_again]


def _switch(
    command: str,
    number: int | None,
    name: str,
    *,
    behind: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    database_url = Settings.from_environment().require_database_url()
    with connect(database_url, f"{command} by {name}") as control, operating_alone(control):
        found = all_generations(control)
        live = live_of(found)
        chosen = _before(control) if number is None else _find(found, number)
        _check(chosen)
        said = f"generation {chosen.number} live in the place of {live.number}"
        answer = {"generation": chosen.number, "liveBefore": live.number, "dryRun": dry_run}
        if dry_run:
            _print(answer, f"would make {said}", as_json=as_json)
            return
        foreign = chosen.fold_version != FOLD_VERSION
        with (
            audited(control, name, command, {"generation": chosen.number}) as details,
            Build(database_url, control, chosen.number, 1) as build,
        ):
            barrier_ms = round(build.switch(foreign=foreign, behind=behind).barrier_ms, 1)
            details["barrierMs"] = barrier_ms
        parked = after_switch(control, chosen.number, name)
    more = {"barrierMs": barrier_ms, "parkedNowFolded": parked}
    words = f"made {said}; commits were held up for {barrier_ms:.0f} ms"
    _print(answer | more, words, as_json=as_json)


def _print(answer: dict[str, Any], words: str, *, as_json: bool) -> None:
    typer.echo(msgspec.json.encode(answer) if as_json else words)


def _find(found: list[Generation], number: int) -> Generation:
    for generation in found:
        if generation.number == number:
            return generation
    there = ", ".join(str(generation.number) for generation in found)
    raise GenerationError(f"there is no generation {number}; there are: {there}")


def _before(control: psycopg.Connection) -> Generation:
    """The generation that was live before the present one."""
    left = [facts for facts in generation_facts(control) if facts.live_until is not None]
    if not left:
        raise GenerationError(
            "no other generation that was live is there any more; `callfold generations` lists all"
        )
    return max(left, key=lambda facts: str(facts.live_until)).generation


def _check(chosen: Generation) -> None:
    if chosen.live:
        raise GenerationError(f"generation {chosen.number} is live already")
    if chosen.state == BUILDING:
        raise GenerationError(
            f"generation {chosen.number} is not complete; run `callfold rebuild` to go on with it"
        )
