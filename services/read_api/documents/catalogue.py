"""Every interface of the document, in its order."""

from typing import Final

from services.read_api.documents import (
    attempt_events,
    call_execution,
    campaigns,
    executions,
    exports,
    identity,
    ingest,
    program_execution,
    workflow,
)
from services.read_api.documents.operations import Interface

INTERFACES: Final[tuple[Interface, ...]] = (
    program_execution.INTERFACE,
    exports.FILES,
    exports.JOBS,
    executions.EXECUTIONS,
    executions.CALL_REPORT,
    campaigns.INTERFACE,
    call_execution.INTERFACE,
    workflow.INTERFACE,
    attempt_events.INTERFACE,
    identity.WHOAMI,
    identity.TOKENS,
    ingest.INTERFACE,
)
