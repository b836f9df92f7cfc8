"""The reports of an execution as the read API would encode them, of any moment and schema."""

import msgspec
from msgspec import Struct

from services.tooling.replay.options import ReportChoice
from shared.errors import CallfoldError
from shared.limits import REPLAYED_CALLS_MAX
from shared.reports.call_history import CallHistory, call_history
from shared.storage.report_reading import ReportReader, ReportRows, answered

_encode = msgspec.json.Encoder().encode


class TooManyCallsError(CallfoldError):
    """The execution has more calls than one replay prints or compares."""


class ReportsAsked(Struct, frozen=True):
    """Which reports of which execution."""

    organization_id: str
    execution_id: str
    choice: ReportChoice
    #: Calls of the history; None is all.
    calls_max: int | None = None

    @property
    def names(self) -> list[ReportChoice]:
        """The reports one by one."""
        if self.choice is not ReportChoice.ALL:
            return [self.choice]
        return [report for report in ReportChoice if report is not ReportChoice.ALL]


def report_bodies(
    asked: ReportsAsked, reader: ReportReader, now_us: int
) -> dict[str, bytes] | None:
    """Each report asked for by its name; None where the execution does not exist.

    Raises:
        TooManyCallsError: the call history is too long.
    """
    rows = reader.reports()
    if rows is None:
        return None
    return {name.value: _encode(_report(name, asked, reader, rows, now_us)) for name in asked.names}


def _report(
    name: ReportChoice, asked: ReportsAsked, reader: ReportReader, rows: ReportRows, now_us: int
) -> Struct:
    if name is ReportChoice.CALLS:
        return _calls(asked, reader, rows)
    reports = answered(asked.organization_id, asked.execution_id, rows, now_us)
    match name:
        case ReportChoice.BREAKDOWN:
            return reports.breakdown
        case ReportChoice.NODE_STATS:
            return reports.node_stats
        case ReportChoice.BILLING:
            return reports.billing
        case ReportChoice.MAIN | ReportChoice.ALL:
            return reports.main


def _calls(asked: ReportsAsked, reader: ReportReader, rows: ReportRows) -> CallHistory:
    total = sum(calls for _, calls, _ in rows.main.calls)
    limit = asked.calls_max or max(total, 1)
    if limit > REPLAYED_CALLS_MAX:
        raise TooManyCallsError(
            f"execution {asked.execution_id!r} has {total:,} calls, and {REPLAYED_CALLS_MAX:,} is"
            " the limit; give --limit, or another --report"
        )
    return call_history(reader.calls(limit), 1, limit)
