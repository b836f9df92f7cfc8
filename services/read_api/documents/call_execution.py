"""What the document says of call executions."""

from typing import Final

from services.read_api.call_execution.errors import ERRORS, VendorError
from services.read_api.call_execution.reports import CallExecutionPage
from services.read_api.call_execution.request import CALL_TYPES, STATUSES
from services.read_api.call_execution.routes import NOT_FOUND
from services.read_api.documents.operations import (
    ID,
    INSTANT,
    Interface,
    Operation,
    Parameter,
    bounded,
    by_name,
    one_of,
    path_id,
)
from shared.limits import CALL_ARRAY_MAX, CALL_PAGE_SIZE_MAX, PAGE_LIMIT_DEFAULT, PAGE_NUMBER_MAX
from shared.reports.call_batches import CallBatch
from shared.reports.call_execution import CallExecution

_PAGE_NUMBER: Final = bounded("page_number", "The page, from 1.", most=PAGE_NUMBER_MAX, default=1)
_ARRAY: Final = (
    _PAGE_NUMBER,
    bounded("page_size", "Calls of a page.", most=CALL_ARRAY_MAX, default=CALL_ARRAY_MAX),
)
_FILTERS: Final = (
    _PAGE_NUMBER,
    bounded("page_size", "Calls of a page.", most=CALL_PAGE_SIZE_MAX, default=PAGE_LIMIT_DEFAULT),
    one_of("status", "Only calls of this status.", STATUSES),
    one_of("call_type", "Only calls of this direction.", CALL_TYPES),
    Parameter(name="provider", schema=ID, words="Only calls of this telephony provider."),
    Parameter(
        name="answered_by_voice_mail",
        schema={"type": "boolean"},
        words="Only calls that a machine answered, or none of those.",
    ),
    Parameter(name="batch_id", schema=ID, words="Only calls of this batch."),
    Parameter(name="from", schema=INSTANT, words="Only calls created at this instant or later."),
    Parameter(name="to", schema=INSTANT, words="Only calls created at this instant or earlier."),
)

INTERFACE: Final = Interface(
    key="CallExecution",
    title="Call execution",
    words="One call of a voice agent, those of an agent and those of a batch. Costs are in cents.",
    shape=ERRORS,
    error=VendorError,
    refusals={404: NOT_FOUND},
    path_parameters=by_name(
        path_id("execution_id", "The call.", "call-1"),
        path_id("agent_id", "The agent.", "receptionist"),
        path_id("batch_id", "The batch.", "batch-7"),
    ),
    operations=(
        Operation(
            id="getExecution",
            path="/executions/{execution_id}",
            summary="One call",
            answer=CallExecution,
        ),
        Operation(
            id="listAgentExecutions",
            path="/v2/agent/{agent_id}/executions",
            summary="A page of an agent's calls, newest first",
            parameters=_FILTERS,
            refusals={400: "page_size must be an integer from 1 to 50"},
            answer=CallExecutionPage,
        ),
        Operation(
            id="listAgentExecutionsArray",
            path="/agent/{agent_id}/executions",
            summary="An agent's calls as a bare array, newest first",
            parameters=_ARRAY,
            headers=("Link",),
            refusals={400: "page_size must be an integer from 1 to 1000"},
            answer=list[CallExecution],
        ),
        Operation(
            id="listBatchExecutions",
            path="/batches/{batch_id}/executions",
            summary="A batch's calls as a bare array, newest first",
            parameters=_ARRAY,
            headers=("Link",),
            refusals={400: "page_size must be an integer from 1 to 1000"},
            answer=list[CallExecution],
        ),
        Operation(
            id="getBatch",
            path="/batches/{batch_id}",
            summary="How a batch stands",
            answer=CallBatch,
        ),
    ),
)
