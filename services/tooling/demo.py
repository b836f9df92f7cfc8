"""`callfold demo`: a messy campaign through everything, its reports compared with the truth.

Registered by the command line in `__main__`. The truth is counted by the generator before anything
is duplicated, shuffled or lost; the reports are read over HTTP, as a customer reads them.
"""

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from services.tooling.demo_campaign import DemoCampaign, DemoOutcome, LostEvent
from services.tooling.demo_report import differences_table, report_tables
from services.tooling.exit_codes import DIFFERENT, INTERRUPTED
from services.tooling.installation import (
    Installation,
    claimed_directory,
    embedded_servers,
    running_installation,
)
from services.tooling.stop_signals import StopRequested, StopSignals

_CONTACTS = 10_000
_CONTACTS_MAX = 100_000  # beyond it Redis could fill up: publishing is faster than folding
_PROJECTORS = 2
_PIPE_WIDTH = 120

_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True)
class _Wanted:
    contacts: int
    seed: int
    data_dir: Path | None
    breaks: bool
    as_json: bool
    keeps: bool


class _Difference(msgspec.Struct, frozen=True):
    """A figure that is not as it must be; a side that does not have it is left out."""

    figure: str
    report: Any
    truth: Any


class _Summary(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What `--json` prints."""

    execution_id: str
    contacts: int
    seed: int
    events: int
    entries: int
    duplicates: int
    seconds: float
    entries_per_second: int
    lost_event_id: str | None
    read_api_url: str
    ingest_url: str
    api_key: str
    figures: dict[str, Any]
    truth: dict[str, Any]
    differences: list[_Difference]


def demo(
    contacts: Annotated[
        int, typer.Option(min=1, max=_CONTACTS_MAX, help="Size of the campaign.")
    ] = _CONTACTS,
    seed: Annotated[
        int, typer.Option(help="Another seed, another campaign; the same one, the same figures.")
    ] = 1,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            help="Keep everything here, as `callfold up` does. Default: a temporary directory."
        ),
    ] = None,
    breaks: Annotated[
        bool,
        typer.Option("--break", help="Lose one event on the way: the comparison must notice."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, and nothing else.")
    ] = False,
    keeps: Annotated[
        bool, typer.Option("--keep", help="Leave all running until Ctrl-C, to look around.")
    ] = False,
) -> None:
    """Run a messy campaign through everything and check every figure of its reports.

    Starts Valkey, PostgreSQL and every process of its own, two of them projectors, on free ports;
    publishes a campaign with retries, voicemail, busy lines, a looping keypad menu, recordings,
    SMS and costs by XADD, 5 % of its events twice and 20 % out of order; then reads the reports
    over HTTP and prints each figure beside the truth that the generator counted.

    Exit code 0 when all figures are equal, 3 when one differs, 130 when interrupted before that.
    """
    wanted = _Wanted(contacts, seed, data_dir, breaks, as_json, keeps)
    with StopSignals() as stop:
        try:
            outcome = _run(wanted, stop)
        except StopRequested:
            raise typer.Exit(INTERRUPTED) from None
    if outcome.differing:
        raise typer.Exit(DIFFERENT)


def _run(wanted: _Wanted, stop: StopSignals) -> DemoOutcome:
    log = Console(stderr=True, highlight=False, soft_wrap=True)
    log.print("Starting Valkey, PostgreSQL, two projectors, the read API and ingest")
    with _running(wanted.data_dir, stop, log) as installation:
        lost = LostEvent() if wanted.breaks else None
        campaign = DemoCampaign(installation, wanted.contacts, wanted.seed, lost)
        outcome = campaign.run(log)
        if wanted.as_json:
            _print_json(wanted, outcome, installation, lost)
        else:
            _print_tables(outcome, lost)
            _print_addresses(campaign, installation, keeps=wanted.keeps)
        if wanted.keeps:
            installation.supervisor.run(stop, installation.watch)
    return outcome


@contextlib.contextmanager
def _running(data_dir: Path | None, stop: StopSignals, log: Console) -> Iterator[Installation]:
    with contextlib.ExitStack() as opened:
        if data_dir is None:
            temporary = tempfile.TemporaryDirectory(prefix="callfold-demo-")
            data_dir = Path(opened.enter_context(temporary)) / "data"
        directory = opened.enter_context(claimed_directory(data_dir))
        servers = opened.enter_context(embedded_servers(directory, stop))
        yield opened.enter_context(
            running_installation(
                directory,
                servers,
                projectors=_PROJECTORS,
                read_api_port=directory.port("readApi"),
                ingest_port=directory.port("ingest"),
                stop=stop,
                report=lambda line: log.print(line, markup=False),
            )
        )


def _print_json(
    wanted: _Wanted, outcome: DemoOutcome, installation: Installation, lost: LostEvent | None
) -> None:
    summary = _Summary(
        execution_id=outcome.execution_id,
        contacts=wanted.contacts,
        seed=wanted.seed,
        events=outcome.events,
        entries=outcome.entries,
        duplicates=outcome.duplicates,
        seconds=round(outcome.seconds, 3),
        entries_per_second=round(outcome.entries / outcome.seconds),
        lost_event_id=lost.event["id"] if lost is not None and lost.event is not None else None,
        read_api_url=installation.read_api_url,
        ingest_url=installation.ingest_url,
        api_key=installation.api_key,
        figures=outcome.reports,
        truth=outcome.truth,
        differences=[
            _Difference(figure.name, figure.reported, figure.truth) for figure in outcome.differing
        ],
    )
    sys.stdout.write(_encode(summary).decode() + "\n")
    sys.stdout.flush()


def _print_tables(outcome: DemoOutcome, lost: LostEvent | None) -> None:
    console = _output()
    for table in report_tables(outcome.figures, outcome.truth):
        console.print(table)
    if lost is not None and lost.event is not None:
        event = lost.event
        console.print(f"Lost on purpose: {event['type']} of contact {event['subject']}")
    differing = outcome.differing
    if differing:
        console.print(differences_table(differing))
        console.print(
            f"[bold red]{len(differing)} of {len(outcome.figures)} figures differ from the truth."
        )
    else:
        console.print(f"[bold green]All {len(outcome.figures)} figures equal the truth.")
    rate = outcome.entries / outcome.seconds
    console.print(
        f"{outcome.entries:,} entries in {outcome.seconds:.1f} s ({rate:,.0f}/s), from the first "
        f"XADD to the report: {outcome.events:,} events, {outcome.duplicates:,} duplicates dropped"
    )


def _print_addresses(campaign: DemoCampaign, installation: Installation, *, keeps: bool) -> None:
    console = _output()
    console.print()
    for name in ("", "breakdown", "node-stats", "billing", "calls"):
        console.print(campaign.reader.url(name), markup=False)
    if keeps:
        key_header = f"x-api-key: {installation.api_key}"
        console.print(f"\ncurl -H '{key_header}' {campaign.reader.url()}", markup=False)
        console.print("\nCtrl-C ends it.")
    else:
        console.print("These end now; `callfold demo --keep` leaves them running.")


def _output() -> Console:
    """Standard output; a pipe takes lines of any length, so tables need not shrink to 80."""
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    return console
