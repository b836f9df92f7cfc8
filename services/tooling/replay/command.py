"""`callfold replay`: out of the log, the history of a subject or the reports of an execution."""

import sys

import typer

from services.tooling.exit_codes import LIMIT_PASSED
from services.tooling.replay.options import (
    AsJson,
    AsOf,
    By,
    Limit,
    Organization,
    ReplayedKind,
    Report,
    ReportChoice,
    ShowsState,
    Subject,
    SubjectKind,
    WhatIf,
    cutoff,
)
from services.tooling.replay.subjects import print_subject
from shared.settings import Settings


def replay(  # noqa: PLR0913, PLR0917 -- each is an option
    kind: SubjectKind,
    subject: Subject,
    organization: Organization,
    shows_state: ShowsState = True,
    as_of: AsOf = None,
    by: By = None,
    report: Report = None,
    limit: Limit = None,
    what_if: WhatIf = False,
    as_json: AsJson = False,
) -> None:
    """Print the events of one subject in the order of the log, and what each one changed.

    After each event come the parts of the state that it changed, and what the subject adds to the
    reports from then on. Duplicates and conflicts are marked; they change nothing. Only the
    segments of the log are read that hold events of the subject, so a large log is no slower;
    duplicates that lie in other segments are found by `callfold log grep . --subject ID`. At the
    end the state is compared with the one in the database: exit code 3 where they differ.

    With --report it folds an execution out of the log instead, as far as live is folded, and
    prints a report as the read API would have answered it; --as-of says when. With --what-if it
    prints the figures in which this release's folds differ from what is served: exit code 3 where
    there are any. Both look through the whole log of the organization, and write nothing.

    For example: `callfold replay call call-4711 --organization acme`, or
    `callfold replay execution spring --organization acme --report main --as-of 2026-11-22T09:30Z`

    Needs CALLFOLD_DATABASE_URL.
    """
    until = cutoff(as_of, by)
    _check(kind, report, limit, as_of, what_if=what_if)
    database_url = Settings.from_environment().require_database_url()
    if not what_if and report is None:
        key = (organization, subject)
        print_subject(database_url, kind, key, until, shows_state=shows_state, as_json=as_json)
        return
    # SQLAlchemy takes its time to load; a single subject must not wait for it.
    from services.tooling.replay.as_of import print_reports  # noqa: PLC0415
    from services.tooling.replay.reports import ReportsAsked, TooManyCallsError  # noqa: PLC0415
    from services.tooling.replay.what_if import print_what_if  # noqa: PLC0415

    asked = ReportsAsked(organization, subject, report or ReportChoice.ALL, limit)
    try:
        if what_if:
            print_what_if(database_url, asked, as_json=as_json)
        else:
            print_reports(database_url, asked, until, as_json=as_json)
    except TooManyCallsError as error:
        sys.stderr.write(f"callfold: {error}\n")
        raise typer.Exit(LIMIT_PASSED) from None


def _check(
    kind: ReplayedKind, report: ReportChoice | None, limit: int | None, as_of: str | None, *,
    what_if: bool,
) -> None:  # fmt: skip
    """Refuse options that do not go together."""
    if (what_if or report) and kind is not ReplayedKind.EXECUTION:
        option = "--what-if" if what_if else "--report"
        raise typer.BadParameter("only an execution has reports", param_hint=option)
    if what_if and as_of is not None:
        raise typer.BadParameter(
            "the live reports are of now, so these must be, too", param_hint="--as-of"
        )
    shows_calls = report in {ReportChoice.CALLS, ReportChoice.ALL} or (what_if and not report)
    if limit is not None and not shows_calls:
        raise typer.BadParameter("only the call history has one", param_hint="--limit")
