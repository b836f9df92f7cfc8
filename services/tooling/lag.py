"""`callfold lag`: how far each lane is behind, who owns it, and whether it folds."""

import sys
import time
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.live import Live

from services.tooling.exit_codes import FAILED
from services.tooling.lag_sources import LagSources, LaneLag, Look
from services.tooling.lag_table import lag_table
from services.tooling.stop_signals import StopRequested, StopSignals
from shared.settings import Settings

_EVERY_S = 1.0
_PIPE_WIDTH = 160


class _Total(msgspec.Struct, frozen=True, rename="camel"):
    """All lanes together; None where one of them is not known."""

    to_archive: int | None
    to_fold: int | None
    oldest_age_ms: int | None


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    """What `--json` prints."""

    at: str | None
    lanes: list[LaneLag]
    total: _Total
    unknown: list[str]


def lag(
    watch: Annotated[
        bool, typer.Option("--watch", help="Look again every second, until Ctrl-C.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object; with --watch a line each second.")
    ] = False,
) -> None:
    """How far every lane is behind: a lane is a partition's stream, or the inbox.

    *to archive* are entries of the stream that are not in the log yet; a `~` before the number says
    that the stream was changed by others, so that it is only bounded. *to fold* are entries of the
    log that are not in the reports yet: 0, except while a breaker is open and until its lane caught
    up. *oldest* is how long ago the first of them came.

    For example, to see a release catch up: `callfold lag --watch`

    Needs CALLFOLD_REDIS_URL and CALLFOLD_DATABASE_URL. While one of both is away it shows what the
    other knows, says what it cannot know, and ends with exit code 1.
    """
    settings = Settings.from_environment()
    urls = settings.require_redis_url(), settings.require_database_url()
    with LagSources(*urls) as sources:
        if watch:
            _watch(sources, as_json=as_json)
            return
        look = sources.look()
    if as_json:
        _print_json(look)
    else:
        _console().print(lag_table(look))
    if look.unknown:
        raise typer.Exit(FAILED)


def _watch(sources: LagSources, *, as_json: bool) -> None:
    """Look each second; Ctrl-C is how it is meant to end, so the exit code is 0."""
    with StopSignals() as stop:
        try:
            if as_json:
                while True:
                    _print_json(sources.look())
                    time.sleep(_EVERY_S)
            _show_tables(sources)
        except StopRequested:
            stop.hold()


def _show_tables(sources: LagSources) -> None:
    """One table that changes on a terminal; elsewhere one below the other."""
    console = _console()
    if not console.is_terminal:
        while True:
            console.print(lag_table(sources.look()))
            time.sleep(_EVERY_S)
    with Live(lag_table(sources.look()), console=console, auto_refresh=False) as live:
        while True:
            time.sleep(_EVERY_S)
            live.update(lag_table(sources.look()), refresh=True)


def _print_json(look: Look) -> None:
    lanes = look.lanes
    ages = [lane.oldest_age_ms for lane in lanes if lane.oldest_age_ms is not None]
    total = _Total(
        to_archive=look.total_to_archive,
        to_fold=look.total_to_fold,
        oldest_age_ms=max(ages, default=None),
    )
    answer = _Answer(look.at, lanes, total, look.unknown)
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
    sys.stdout.flush()


def _console() -> Console:
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    return console
