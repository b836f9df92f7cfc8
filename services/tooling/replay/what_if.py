"""`callfold replay execution … --what-if`: what this release's folds would change in reports."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import typer
from msgspec import UNSET, Raw, UnsetType

from services.tooling.exit_codes import DIFFERENT
from services.tooling.replay.options import ReportChoice
from services.tooling.replay.refolded import Refolded, refold
from services.tooling.replay.reports import ReportsAsked, report_bodies
from services.tooling.replay.subjects import UnknownSubjectError
from services.tooling.safe_text import one_line
from shared.clock import utc_now
from shared.contracts.instants import datetime_us
from shared.folds.states import FOLD_VERSION
from shared.reports.figure_differences import figure_differences, named_figures
from shared.storage.connection import connect
from shared.storage.generations import schema_name
from shared.storage.live_standing import live_snapshot
from shared.storage.report_reading import ReportReader

#: Differences shown as text, and characters of each value.
_SHOWN_MAX = 200
_SHOWN_CHARS = 200
#: What the names of a report's figures begin with.
_PREFIXES: Final = {
    ReportChoice.MAIN: "",
    ReportChoice.BREAKDOWN: "breakdown.",
    ReportChoice.NODE_STATS: "nodeStats.",
    ReportChoice.BILLING: "billing.",
    ReportChoice.CALLS: "callHistory.",
}
_CALLS: Final = "calls."
_encode = msgspec.json.Encoder(decimal_format="number").encode

#: Encoded reports, by the values of `ReportChoice`; none where the execution is unknown.
Bodies = dict[str, bytes]


class Difference(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One figure; absent on the side that does not have it."""

    figure: str
    live: Any | UnsetType = UNSET
    what_if: Any | UnsetType = UNSET


class _History(msgspec.Struct):
    """A call history, its parts still encoded."""

    data: list[Raw]
    meta: Raw


class _Call(msgspec.Struct, rename="camel"):
    call_id: str


class _Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What `--json` prints."""

    organization_id: str
    execution_id: str
    live_generation: int
    live_fold_version: int
    fold_version: int
    events_folded: int
    #: How many were compared; those of calls are not among the figures.
    figures: int
    calls: int
    equal: bool
    differences: list[Difference]


def print_what_if(database_url: str, asked: ReportsAsked, *, as_json: bool) -> None:
    """Compare reports that this release folds with those that are served.

    Raises:
        UnknownSubjectError: neither side knows the execution.
        GenerationError: this release cannot read the live tables.
    """
    now_us = datetime_us(utc_now())
    owner = asked.organization_id, asked.execution_id
    with connect(database_url, "replay") as connection:
        with live_snapshot(connection) as live:
            schema = schema_name(live.generation.number)
            served = report_bodies(asked, ReportReader(connection, schema, *owner), now_us)
        refolded = refold(connection, live, *owner)
        made = report_bodies(asked, refolded.reader, now_us)
    if served is None and made is None:
        said = f"organization {owner[0]!r} has no execution {owner[1]!r}, by any code"
        raise UnknownSubjectError(one_line(said))
    before, after = served or {}, made or {}
    differences = report_differences(before, after)
    answer = _Answer(
        organization_id=asked.organization_id,
        execution_id=asked.execution_id,
        live_generation=live.generation.number,
        live_fold_version=live.generation.fold_version,
        fold_version=FOLD_VERSION,
        events_folded=refolded.events_folded,
        figures=len(named_figures(_by_prefix(after, {}))),
        calls=len(_calls_by_id(after)),
        equal=not differences,
        differences=differences,
    )
    _print(answer, refolded, as_json=as_json)
    if differences:
        raise typer.Exit(DIFFERENT)


def report_differences(served: Bodies, made: Bodies) -> list[Difference]:
    """Every figure that differs, in the order of the reports."""
    before, after = _calls_by_id(served), _calls_by_id(made)
    differing = figure_differences(
        named_figures(_by_prefix(served, _not_in(after, before))),
        named_figures(_by_prefix(made, _not_in(before, after))),
    )
    if not differing and served != made:
        return [Difference(figure="(order of rows)", live="one order", what_if="another")]
    return [Difference(figure=row.figure, live=row.old, what_if=row.new) for row in differing]


def _calls_by_id(bodies: Bodies) -> dict[str, Raw]:
    """The calls of a call history, encoded: there may be many, and nearly all are equal."""
    if ReportChoice.CALLS not in bodies:
        return {}
    history = msgspec.json.decode(bodies[ReportChoice.CALLS], type=_History)
    return {msgspec.json.decode(call, type=_Call).call_id: call for call in history.data}


def _not_in(others: Mapping[str, Raw], calls: Mapping[str, Raw]) -> dict[str, Raw]:
    return {call_id: call for call_id, call in calls.items() if others.get(call_id) != call}


def _by_prefix(bodies: Bodies, calls: Mapping[str, Raw]) -> Bodies:
    """Reports by what the names of their figures begin with, with those of some calls."""
    named = {_PREFIXES[ReportChoice(report)]: body for report, body in bodies.items()}
    if ReportChoice.CALLS in bodies:
        history = msgspec.json.decode(bodies[ReportChoice.CALLS], type=_History)
        named |= {_PREFIXES[ReportChoice.CALLS]: bytes(history.meta), _CALLS: _encode(calls)}
    return named


def _print(answer: _Answer, refolded: Refolded, *, as_json: bool) -> None:
    if as_json:
        typer.echo(_encode(answer))
        return
    typer.echo(
        f"folded by this release (fold version {answer.fold_version}) against the live generation"
        f" {answer.live_generation} (fold version {answer.live_fold_version})"
    )
    typer.echo(refolded.in_words)
    for difference in answer.differences[:_SHOWN_MAX]:
        live, made = _value(difference.live), _value(difference.what_if)
        typer.echo(one_line(f"DIFFERENT: {difference.figure}: live {live}, what if {made}"))
    more = len(answer.differences) - _SHOWN_MAX
    if more > 0:
        typer.echo(f"… and {more:,} more; --json has them all")
    if answer.equal:
        typer.echo(f"equal: all {answer.figures:,} figures, and {answer.calls:,} calls")


def _value(value: Any) -> str:
    if value is UNSET:
        return "does not have it"
    text = _encode(value).decode()
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
