"""Reference model: a second, plain implementation of the contract and of every interface.

It takes events as decoded JSON and computes every report anew from the set of them, without
increments and without any code of the product; property and end-to-end tests compare the
product's answers with it. Where the contract says something, this says it in the same words.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tests.reference_model.billing import billing_report
from tests.reference_model.call_executions import (
    EVERY_CALL,
    Wanted,
    agent_page,
    call_batch,
    call_execution,
    call_list,
)
from tests.reference_model.call_reports import attempt_breakdown, call_history
from tests.reference_model.call_runs import call_run
from tests.reference_model.calls_export import Cells, calls_export
from tests.reference_model.campaign_contacts import campaign, campaign_contacts, campaign_progress
from tests.reference_model.campaigns import attempt_item, campaign_executions
from tests.reference_model.event_set import EventSet
from tests.reference_model.executions import Execution
from tests.reference_model.main_report import main_report
from tests.reference_model.node_stats import node_stats
from tests.reference_model.organizations import Organization
from tests.reference_model.program_executions import active_executions, program_execution
from tests.reference_model.summary_export import summary_export
from tests.reference_model.workflows import workflow_execution, workflow_page


class ReferenceModel:
    """The answers of the four interfaces over a set of valid events.

    Bodies have the vendor's keys in the vendor's order. Money and rates are `Decimal`, so compare
    them with an answer read by `json.loads(text, parse_float=Decimal)`. An answer is None where
    the thing is unknown to the organization (404).
    """

    def __init__(self, events: Iterable[dict[str, Any]]) -> None:
        """Take CloudEvents in log order.

        Args:
            events: Valid by the contract, duplicates and conflicts included; decoded by
                `json.loads(text, parse_float=Decimal)`, so that amounts stay exact.
        """
        self._events = EventSet(events)
        self._organizations: dict[str, Organization] = {}

    def execution_ids(self, organization_id: str) -> list[str]:
        """Ids of the executions that exist, by code point."""
        return self._events.execution_ids(organization_id)

    def report(
        self, organization_id: str, execution_id: str, now: datetime
    ) -> dict[str, Any] | None:
        """Body of `…/report` at `now`, an aware datetime."""
        execution = self._execution(organization_id, execution_id)
        return main_report(execution, now) if execution else None

    def calls(
        self,
        organization_id: str,
        execution_id: str,
        *,
        page: int = 1,
        limit: int = 20,
        status: str | None = None,
        contact_id: str | None = None,
    ) -> dict[str, Any] | None:
        """Body of `…/report/calls`; `status` is a history status."""
        execution = self._execution(organization_id, execution_id)
        if execution is None:
            return None
        return call_history(execution, page=page, limit=limit, status=status, contact_id=contact_id)

    def breakdown(self, organization_id: str, execution_id: str) -> dict[str, Any] | None:
        """Body of `…/report/breakdown`."""
        execution = self._execution(organization_id, execution_id)
        return attempt_breakdown(execution) if execution else None

    def node_stats(self, organization_id: str, execution_id: str) -> dict[str, Any] | None:
        """Body of `…/report/node-stats`."""
        execution = self._execution(organization_id, execution_id)
        return node_stats(execution) if execution else None

    def billing(self, organization_id: str, execution_id: str) -> dict[str, Any] | None:
        """Body of `…/report/billing`."""
        execution = self._execution(organization_id, execution_id)
        return billing_report(execution) if execution else None

    def calls_export(
        self, organization_id: str, execution_id: str
    ) -> dict[str, list[Cells]] | None:
        """Rows of the sheet of `…/report/calls/export`, its header first."""
        execution = self._execution(organization_id, execution_id)
        if execution is None:
            return None
        return {"Calls": calls_export(self.organization(organization_id), execution)}

    def summary_export(
        self, organization_id: str, execution_id: str, now: datetime
    ) -> dict[str, list[Cells]] | None:
        """Rows of each section of `…/report/export` at `now`."""
        execution = self._execution(organization_id, execution_id)
        return summary_export(execution, now) if execution else None

    def program_executions(
        self, organization_id: str, *, page: int = 1, limit: int = 20
    ) -> dict[str, Any]:
        """Body of `/program-executions`."""
        return active_executions(self.organization(organization_id), page=page, limit=limit)

    def program_execution(self, organization_id: str, execution_id: str) -> dict[str, Any] | None:
        """Body of `/program-executions/{id}`."""
        execution = self._execution(organization_id, execution_id)
        return program_execution(execution) if execution else None

    def call_run(self, organization_id: str, call_id: str) -> dict[str, Any] | None:
        """What is settled of the body of `/call-report/call/{callId}`."""
        return call_run(self.organization(organization_id), call_id)

    def campaign_executions(
        self,
        organization_id: str,
        campaign_id: str,
        *,
        page: int = 1,
        per_page: int = 50,
        status: str | None = None,
    ) -> dict[str, Any] | None:
        """Body of `/api/v1/campaigns/{campaign_id}/executions`."""
        organization = self.organization(organization_id)
        return campaign_executions(
            organization, campaign_id, page=page, per_page=per_page, status=status
        )

    def campaign_contacts(
        self,
        organization_id: str,
        campaign_id: str,
        *,
        page: int = 1,
        per_page: int = 50,
        status: str | None = None,
    ) -> dict[str, Any] | None:
        """Body of `/api/v1/campaigns/{campaign_id}/contacts`."""
        organization = self.organization(organization_id)
        return campaign_contacts(
            organization, campaign_id, page=page, per_page=per_page, status=status
        )

    def campaign_progress(self, organization_id: str, campaign_id: str) -> dict[str, Any] | None:
        """What is settled of the body of `/api/v1/campaigns/{campaign_id}/progress`."""
        return campaign_progress(self.organization(organization_id), campaign_id)

    def campaign(self, organization_id: str, campaign_id: str) -> dict[str, Any] | None:
        """Body of `/api/v1/campaigns/{campaign_id}`."""
        return campaign(self.organization(organization_id), campaign_id)

    def call_batch(self, organization_id: str, batch_id: str) -> dict[str, Any] | None:
        """Body of `/batches/{batch_id}`."""
        return call_batch(self.organization(organization_id), batch_id)

    def campaign_item(self, organization_id: str, attempt_id: str) -> dict[str, Any] | None:
        """One call or lone SMS as its campaign lists it."""
        return attempt_item(self.organization(organization_id), attempt_id)

    def call_execution(self, organization_id: str, call_id: str) -> dict[str, Any] | None:
        """Body of `/executions/{execution_id}`."""
        return call_execution(self.organization(organization_id), call_id)

    def agent_executions(
        self,
        organization_id: str,
        agent_id: str,
        *,
        page_number: int = 1,
        page_size: int = 20,
        wanted: Wanted = EVERY_CALL,
    ) -> dict[str, Any] | None:
        """Body of `/v2/agent/{agent_id}/executions`."""
        organization = self.organization(organization_id)
        return agent_page(
            organization, agent_id, wanted, page_number=page_number, page_size=page_size
        )

    def call_list(
        self, organization_id: str, key: str, owner_id: str
    ) -> list[dict[str, Any]] | None:
        """All calls of an agent (`agentId`) or a batch (`batchId`), newest first."""
        return call_list(self.organization(organization_id), key, owner_id)

    def workflow_executions(
        self,
        organization_id: str,
        workflow_id: str,
        *,
        offset: int = 0,
        limit: int = 20,
        **wanted: str,
    ) -> dict[str, Any] | None:
        """Body of `/v1/accounts/…/workflows/{workflowId}/executions`."""
        organization = self.organization(organization_id)
        return workflow_page(organization, workflow_id, offset=offset, limit=limit, **wanted)

    def workflow_execution(
        self, organization_id: str, workflow_id: str, attempt_id: str
    ) -> dict[str, Any] | None:
        """Body of `/v1/accounts/…/workflows/{workflowId}/executions/{executionId}`."""
        return workflow_execution(self.organization(organization_id), workflow_id, attempt_id)

    def contact_profile(self, organization_id: str, contact_id: str) -> dict[str, Any]:
        """The merged profile of a contact; all null where nothing was ever said."""
        return self.organization(organization_id).profile(contact_id)

    def organization(self, organization_id: str) -> Organization:
        """One tenant, worked out once."""
        if organization_id not in self._organizations:
            self._organizations[organization_id] = Organization(self._events, organization_id)
        return self._organizations[organization_id]

    def _execution(self, organization_id: str, execution_id: str) -> Execution | None:
        return self.organization(organization_id).execution(execution_id)
