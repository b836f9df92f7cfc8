"""What the document says of the program-execution reports."""

from typing import Final, get_args

from services.read_api.documents.operations import (
    ID,
    Interface,
    Operation,
    Parameter,
    bounded,
    by_name,
    one_of,
    path_id,
)
from services.read_api.program_execution.call_history_request import Status
from services.read_api.program_execution.errors import ERRORS, VendorError
from services.read_api.program_execution.routes import NOT_FOUND
from services.read_api.reading.report_stream import EVENT_STREAM_MEDIA_TYPE
from shared.limits import PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX, PAGE_NUMBER_MAX
from shared.reports.billing import BillingReport
from shared.reports.breakdown import Breakdown
from shared.reports.call_history import CallHistory
from shared.reports.main_report import MainReport
from shared.reports.node_stats import NodeStats

_REPORT: Final = "/program-execution/{executionId}/report"

_PAGE: Final = (
    bounded("page", "The page, from 1; a cursor takes its place.", most=PAGE_NUMBER_MAX, default=1),
    bounded("limit", "Calls of a page.", most=PAGE_LIMIT_MAX, default=PAGE_LIMIT_DEFAULT),
    one_of("status", "Only calls of this history status.", get_args(Status)),
    Parameter(name="contactId", schema=ID, words="Only calls to this contact."),
    Parameter(
        name="cursor",
        schema={"type": "string"},
        words="From the `Link` of the page before: every page costs the same, however deep.",
    ),
)
_LAST_EVENT_ID: Final = Parameter(
    name="Last-Event-ID",
    where="header",
    schema={"type": "string"},
    words="The id of the last event that was seen; nothing is sent until the report differs.",
)
_EVENT: Final = {
    "type": "object",
    "required": ["id", "event", "data"],
    "properties": {
        "id": {"type": "string"},
        "event": {"const": "report"},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": f"#/components/schemas/{MainReport.__name__}"},
        },
    },
}

INTERFACE: Final = Interface(
    key="ProgramExecution",
    title="Program execution",
    words="Reports of one execution of a program: contacts, calls, nodes, costs.",
    shape=ERRORS,
    error=VendorError,
    refusals={404: NOT_FOUND},
    path_parameters=by_name(path_id("executionId", "The execution.", "spring")),
    operations=(
        Operation(
            id="getReport",
            path=_REPORT,
            summary="The main report",
            words="Moves with the clock while the execution runs: `durationMs`, pause windows.",
            answer=MainReport,
        ),
        Operation(
            id="streamReport",
            path=f"{_REPORT}/stream",
            summary="The main report whenever it changes, as server-sent events",
            words="Each event's data is the report as JSON, at most twice a second. 429 also says"
            " that as many streams are open as may be.",
            parameters=(_LAST_EVENT_ID,),
            headers=("X-Callfold-As-Of", "X-Callfold-Incidents"),
            is_report=False,
            media_types=(EVENT_STREAM_MEDIA_TYPE,),
            answer=_EVENT,
            example={"id": "1-5f0c", "event": "report", "data": '{"executionId":"spring"}'},
        ),
        Operation(
            id="listReportCalls",
            path=f"{_REPORT}/calls",
            summary="The calls, oldest first",
            parameters=_PAGE,
            headers=("Link",),
            refusals={400: "limit must be an integer from 1 to 100"},
            answer=CallHistory,
        ),
        Operation(
            id="getReportBreakdown",
            path=f"{_REPORT}/breakdown",
            summary="Calls by attempt number",
            answer=Breakdown,
        ),
        Operation(
            id="getReportNodeStats",
            path=f"{_REPORT}/node-stats",
            summary="How often each node of the flow ran",
            answer=NodeStats,
        ),
        Operation(
            id="getReportBilling",
            path=f"{_REPORT}/billing",
            summary="What it cost, by node type and by call",
            answer=BillingReport,
        ),
    ),
)
