"""`callfold verify`: a second computation of the reports from the log, and what it rests on."""

import sys
from typing import Final

import msgspec
import typer

from services.tooling.audit import AsJson
from services.tooling.exit_codes import DIFFERENT, INTERRUPTED
from services.tooling.safe_text import one_line
from services.tooling.stop_signals import StopRequested, StopSignals
from services.tooling.verify import options
from services.tooling.verify.findings import Verification
from services.tooling.verify.verification import Scope, verify_once
from services.tooling.verify.verify_progress import VerifyProgress
from services.tooling.verify.watching import watch_for_ever
from shared.settings import Settings

_LIMIT: Final = 100
_MEMORY_MIB: Final = 1024


def verify(  # noqa: PLR0913 -- each is an option
    *,
    organization: options.Organization = None,
    execution: options.Execution = None,
    sample: options.Sample = None,
    seed: options.Seed = 0,
    structure: options.Structure = True,
    limit: options.Limit = _LIMIT,
    memory_mib: options.MemoryMib = _MEMORY_MIB,
    watch: options.Watch = None,
    metrics_port: options.MetricsPort = None,
    metrics_host: options.MetricsHost = "127.0.0.1",
    as_json: AsJson = False,
) -> None:
    """Compute the figures of the reports anew, from the log alone, and compare.

    The second computation is SQL over the published events and shares no code with the folds,
    projections and reports. What is served is read in one snapshot, the log up to the positions
    of that snapshot, so live traffic may go on. Nothing is written.

    With the structure: that tallies are the sums of what subjects contribute, that every event of
    the log is remembered by its subject's state and the other way round, checksums and rows of
    all segments, and cursors. Every difference is a row; exit code 3 where there is one.

    Example: `callfold verify --execution spring --organization acme --no-structure`

    Needs CALLFOLD_DATABASE_URL.
    """
    database_url = Settings.from_environment().require_database_url()
    if execution is not None and sample is not None:
        raise typer.BadParameter("an execution is no sample; give --execution or --sample")
    if metrics_port is not None and watch is None:
        raise typer.BadParameter("--metrics-port goes with --watch")
    scope = Scope(organization, execution, sample, seed, structure, limit, memory_mib)

    def once() -> Verification:
        return _verify(database_url, scope, as_json=as_json)

    with StopSignals() as stop:
        try:
            if watch is not None:
                watch_for_ever(once, watch, metrics_host, metrics_port)
            found = once()
        except (StopRequested, RuntimeError):
            # DuckDB tells a statement's end by a signal as an error of its own.
            if not stop.requested:
                raise
            stop.hold()
            raise typer.Exit(INTERRUPTED) from None
    if found.mismatches:
        raise typer.Exit(DIFFERENT)


def _verify(database_url: str, scope: Scope, *, as_json: bool) -> Verification:
    """Verify once and print what was found."""
    progress = VerifyProgress(quiet=as_json)
    try:
        found = verify_once(database_url, scope, progress)
    finally:
        progress.end()
    if as_json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        _print_text(found)
    sys.stdout.flush()
    return found


def _print_text(found: Verification) -> None:
    for finding in found.findings:
        typer.echo(one_line(finding.as_text()))
    mismatches = sum(found.mismatches.values())
    if mismatches > len(found.findings):
        typer.echo(f"… and {mismatches - len(found.findings):,} more; see --limit")
    opened = "" if found.segments is None else f", {found.segments:,} segments checked"
    typer.echo(
        f"{found.figures:,} figures of {found.executions:,} executions computed anew from"
        f" {found.events:,} events in {found.seconds:.1f} s{opened}"
    )
    if mismatches:
        by_check = ", ".join(f"{count:,} {check}" for check, count in found.mismatches.items())
        typer.echo(f"DIFFERENT: {by_check}")
    else:
        typer.echo("equal: nothing differs")
