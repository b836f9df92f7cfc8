"""The options of `callfold replay`, with what their help says, and what their texts mean."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from shared.contracts.event_types import Kind
from shared.contracts.instants import datetime_us
from shared.limits import REPLAYED_CALLS_MAX
from shared.storage.cutoffs import Clock, Cutoff


class ReplayedKind(StrEnum):
    """What a subject may be called; a run without a call and a lone SMS are attempts as well."""

    CALL = "call"
    ATTEMPT = "attempt"
    CONTACT = "contact"
    EXECUTION = "execution"
    FLOW = "flow"
    ATTRIBUTE = "attribute"

    @property
    def kind(self) -> Kind:
        """What it is to the folds."""
        return Kind.ATTEMPT if self is ReplayedKind.CALL else Kind(self.value)


class ReportChoice(StrEnum):
    """A report of an execution, or all five."""

    MAIN = "main"
    BREAKDOWN = "breakdown"
    NODE_STATS = "node-stats"
    BILLING = "billing"
    CALLS = "calls"
    ALL = "all"


SubjectKind = Annotated[ReplayedKind, typer.Argument(help="What the subject is.")]
Subject = Annotated[str, typer.Argument(help="Its id, as events say it in `subject`.")]
Organization = Annotated[str, typer.Option(help="The tenant that it belongs to.")]
ShowsState = Annotated[
    bool, typer.Option("--state/--no-state", help="Show the state and what it adds as well.")
]
AsOf = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Only events that were there at this time: ISO 8601, such as 2026-11-22T09:30:00Z or "
        "2026-11-22T10:30+01:00; without an offset it is UTC, without a time the day's beginning. "
        "A report takes it as now.",
    ),
]
By = Annotated[
    Clock | None,
    typer.Option(
        help="With --as-of: `learned` (the default) takes what the log had received by then, "
        "`event` what had happened by then, by the events' own `time`.",
        show_default=False,
    ),
]
Report = Annotated[
    ReportChoice | None,
    typer.Option(help="Of an execution: print this report instead of events.", show_default=False),
]
Limit = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=REPLAYED_CALLS_MAX,
        help="Only so many calls of the call history, the oldest; without it all.",
    ),
]
WhatIf = Annotated[
    bool,
    typer.Option(
        "--what-if",
        help="Of an execution: fold with the code at hand, and show how its reports would differ "
        "from the live ones, figure by figure. Nothing is written.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def cutoff(as_of: str | None, by: Clock | None) -> Cutoff | None:
    """What --as-of and --by ask for."""
    if as_of is None:
        if by is not None:
            raise typer.BadParameter("it needs --as-of", param_hint="--by")
        return None
    try:
        moment = datetime.fromisoformat(as_of)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        at_us = datetime_us(aware.astimezone(UTC))
    except (ValueError, OverflowError) as error:
        said = f"expected ISO 8601, such as 2026-11-22T09:30:00Z; {error}"
        raise typer.BadParameter(said, param_hint="--as-of") from None
    return Cutoff(at_us, by or Clock.LEARNED)
