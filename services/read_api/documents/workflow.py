"""What the document says of workflow executions."""

from typing import Final

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
from services.read_api.workflow.errors import ERRORS, VendorError
from services.read_api.workflow.executions_request import STATUSES
from services.read_api.workflow.routes import NOT_FOUND, PREFIX
from shared.limits import PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX, PAGE_NUMBER_MAX
from shared.reports.workflow_execution import WorkflowExecutionAnswer, WorkflowExecutionsAnswer

_EXECUTIONS: Final = f"{PREFIX}/{{accountId}}/workflows/{{workflowId}}/executions"

INTERFACE: Final = Interface(
    key="Workflow",
    title="Workflow execution",
    words="Runs of a workflow, in a call or without one, step by step.",
    shape=ERRORS,
    error=VendorError,
    refusals={404: NOT_FOUND},
    path_parameters=by_name(
        path_id("accountId", "The organization.", "acme"),
        path_id("workflowId", "The flow.", "reminder"),
        path_id("executionId", "The call, or the run without one.", "call-1"),
    ),
    operations=(
        Operation(
            id="listWorkflowExecutions",
            path=_EXECUTIONS,
            summary="Executions of a workflow without their steps, newest first",
            parameters=(
                bounded("offset", "Executions to skip.", least=0, most=PAGE_NUMBER_MAX, default=0),
                bounded(
                    "limit",
                    "Executions of a page.",
                    most=PAGE_LIMIT_MAX,
                    default=PAGE_LIMIT_DEFAULT,
                ),
                Parameter(name="contactId", schema=ID, words="Only those of this contact."),
                one_of("status", "Only those of this status.", STATUSES),
                Parameter(name="start", schema=INSTANT, words="Only those from this instant on."),
                Parameter(name="end", schema=INSTANT, words="Only those up to this instant."),
            ),
            refusals={400: "limit must be an integer from 1 to 100"},
            answer=WorkflowExecutionsAnswer,
        ),
        Operation(
            id="getWorkflowExecution",
            path=f"{_EXECUTIONS}/{{executionId}}",
            summary="One execution with its steps",
            answer=WorkflowExecutionAnswer,
        ),
    ),
)
