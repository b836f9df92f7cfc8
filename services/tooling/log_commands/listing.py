"""`callfold log ls`: what the log holds, by partition and month."""

import sys
from collections.abc import Sequence

import msgspec
from rich.console import Console
from rich.table import Table

from services.tooling.log_commands.options import AsJson
from shared.contracts.instants import us_text_ms
from shared.folds.journal import Position
from shared.settings import Settings
from shared.storage.connection import connect
from shared.storage.log_summary import LogMonth, log_months

_PIPE_WIDTH = 160
_YEAR_10000_MS = 253_402_300_800_000


class _Month(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What `--json` prints of one partition and month."""

    partition: int
    month: str
    segments: int
    small_segments: int
    events: int
    bytes: int
    organizations: int
    first: str
    first_at: str | None
    last: str
    last_at: str | None


def ls(as_json: AsJson = False) -> None:
    """What the log holds: segments, events and bytes of each partition and month.

    *small* are segments of under 1,000 events, which their lane's owner merges in the background;
    *bytes* are as stored, compressed. Times are those of the stream, in UTC; months likewise.

    For example, months as lines: `callfold log ls --json | jq -c '.[]'`

    Needs CALLFOLD_DATABASE_URL.
    """
    with connect(Settings.from_environment().require_database_url(), "log ls") as connection:
        months = log_months(connection)
    if as_json:
        sys.stdout.write(msgspec.json.encode([_as_json(month) for month in months]).decode() + "\n")
        return
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    console.print(_table(months))


def _as_json(month: LogMonth) -> _Month:
    return _Month(
        partition=month.partition,
        month=month.month,
        segments=month.segments,
        small_segments=month.small_segments,
        events=month.events,
        bytes=month.body_bytes,
        organizations=month.organizations,
        first=_id(month.first),
        first_at=_at(month.first),
        last=_id(month.last),
        last_at=_at(month.last),
    )


def _table(months: Sequence[LogMonth]) -> Table:
    table = Table(show_footer=True)
    totals = {
        "partition": "all",
        "segments": f"{sum(month.segments for month in months):,}",
        "small": f"{sum(month.small_segments for month in months):,}",
        "events": f"{sum(month.events for month in months):,}",
        "bytes": f"{sum(month.body_bytes for month in months):,}",
    }
    left = {"month", "first", "last"}
    for column in (
        "partition", "month", "segments", "small", "events", "bytes", "organizations", "first",
        "last",
    ):  # fmt: skip
        table.add_column(
            column, justify="left" if column in left else "right", footer=totals.get(column, "")
        )
    for month in months:
        numbers = (month.segments, month.small_segments, month.events, month.body_bytes)
        table.add_row(
            str(month.partition),
            month.month,
            *(f"{number:,}" for number in (*numbers, month.organizations)),
            _at(month.first) or _id(month.first),
            _at(month.last) or _id(month.last),
        )
    return table


def _id(position: Position) -> str:
    return f"{position[0]}-{position[1]}"


def _at(position: Position) -> str | None:
    """The stream time of an entry; None where a publisher chose an id beyond the year 9999."""
    return us_text_ms(position[0] * 1000) if position[0] < _YEAR_10000_MS else None
