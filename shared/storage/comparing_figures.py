"""Which figures of an execution's reports differ between two generations. Called by `comparing`."""

import msgspec

from shared.reports.figure_differences import FigureDifference, figure_differences, named_figures
from shared.storage.generations import schema_name
from shared.storage.report_reading import ReportReader, answered
from shared.storage.table_contents import Side

_encode = msgspec.json.Encoder().encode


def differing_figures(
    old: Side, new: Side, organization_id: str, execution_id: str, now_us: int
) -> list[FigureDifference]:
    """What differs in the main report, the breakdown, the node statistics and the billing.

    Args:
        now_us: When the reports are looked at: some figures go by the clock.

    Raises:
        msgspec.DecodeError: a generation holds an execution that this release cannot read.
    """
    before, after = (
        named_figures(_reports(side, organization_id, execution_id, now_us)) for side in (old, new)
    )
    return figure_differences(before, after)


def _reports(side: Side, organization_id: str, execution_id: str, now_us: int) -> dict[str, bytes]:
    schema = schema_name(side.generation)
    rows = ReportReader(side.connection, schema, organization_id, execution_id).reports()
    if rows is None:
        return {}
    reports = answered(organization_id, execution_id, rows, now_us)
    prefixes = ("", "breakdown.", "nodeStats.", "billing.")
    return dict(zip(prefixes, map(_encode, reports), strict=True))
