"""`callfold rebuild`: folds the log into a new generation, compares it with live, and switches."""

import os
from typing import Annotated

import msgspec
import typer

from services.tooling.audit import As, AsJson, who
from services.tooling.exit_codes import DIFFERENT
from services.tooling.rebuild.in_place import rebuild_in_place
from services.tooling.rebuild.whole import Wanted, outcome_lines, plan_rebuild, rebuild_whole
from shared.settings import Settings
from shared.storage.subject_refold import RepairScope

_EXAMPLES = 10
_EXAMPLES_MAX = 10_000
_PROCESSES_MAX = 64
#: Live traffic on the same machine comes first; the processes that fold inherit it.
_NICE = 10


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
    name = who(as_name)
    if dry_run:
        plan = plan_rebuild(database_url, name)
        verb = "go on with" if plan.resumed else "build"
        words = f"would {verb} generation {plan.generation}: {plan.events:,} events wait"
        typer.echo(msgspec.json.encode(plan) if as_json else words)
        return
    os.nice(_NICE)
    wanted = Wanted(keep, accept_differences, processes, examples, name, quiet=as_json)
    outcome = rebuild_whole(database_url, wanted)
    if as_json:
        typer.echo(msgspec.json.Encoder(decimal_format="number").encode(outcome))
    else:
        typer.echo("\n".join(outcome_lines(outcome)))
    if not outcome.switched and outcome.comparison.unexplained:
        raise typer.Exit(DIFFERENT)
