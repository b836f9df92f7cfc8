"""What the document says of executions beside their reports, and of the report of one call."""

from typing import Final

from services.read_api.call_report.routes import NOT_FOUND as NO_CALL
from services.read_api.documents.operations import (
    Interface,
    Operation,
    bounded,
    by_name,
    path_id,
)
from services.read_api.program_execution.errors import ERRORS, VendorError
from services.read_api.program_executions.errors import ERRORS as EXECUTIONS_ERRORS
from services.read_api.program_executions.routes import NOT_FOUND, PREFIX
from shared.limits import PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX, PAGE_NUMBER_MAX
from shared.reports.call_report import CallReport
from shared.reports.program_executions import ProgramExecution, ProgramExecutions

EXECUTIONS: Final = Interface(
    key="ProgramExecutions",
    title="Program executions",
    words="Executions and how far they are, for clients of the program-execution reports.",
    shape=EXECUTIONS_ERRORS,
    error=VendorError,
    path_parameters=by_name(path_id("executionId", "The execution.", "spring")),
    operations=(
        Operation(
            id="listProgramExecutions",
            path=PREFIX,
            summary="Executions that are scheduled, running or paused",
            parameters=(
                bounded("page", "The page, from 1.", most=PAGE_NUMBER_MAX, default=1),
                bounded(
                    "limit",
                    "Executions of a page.",
                    most=PAGE_LIMIT_MAX,
                    default=PAGE_LIMIT_DEFAULT,
                ),
            ),
            refusals={400: "page must be an integer from 1 to 1000000000"},
            answer=ProgramExecutions,
        ),
        Operation(
            id="getProgramExecution",
            path=f"{PREFIX}/{{executionId}}",
            summary="One execution, over or not",
            refusals={404: NOT_FOUND},
            answer=ProgramExecution,
        ),
    ),
)
CALL_REPORT: Final = Interface(
    key="CallReport",
    title="Call report",
    words="One call with its path through the flow, its costs and its events.",
    shape=ERRORS,
    error=VendorError,
    path_parameters=by_name(path_id("callId", "The call.", "call-1")),
    operations=(
        Operation(
            id="getCallReport",
            path="/call-report/call/{callId}",
            summary="The report of one call",
            refusals={404: NO_CALL},
            answer=CallReport,
        ),
    ),
)
