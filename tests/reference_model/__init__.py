"""Reference model: a second, plain implementation of the contract and the program reports.

It takes events as decoded JSON and computes every report anew from the set of them, without
increments and without any code of the product; property and end-to-end tests compare the
product's answers with it. Where the contract says something, this says it in the same words.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tests.reference_model.billing import billing_report
from tests.reference_model.call_reports import attempt_breakdown, call_history
from tests.reference_model.contacts import profile_of
from tests.reference_model.event_set import EventSet, select
from tests.reference_model.executions import Execution
from tests.reference_model.main_report import main_report
from tests.reference_model.node_stats import node_stats


class ReferenceModel:
    """Program-execution reports over a set of valid events.

    Bodies have the vendor's keys in the vendor's order. Money and rates are `Decimal`, so compare
    them with an answer read by `json.loads(text, parse_float=Decimal)`. A report is None where
    the execution is unknown to the organization (404).
    """

    def __init__(self, events: Iterable[dict[str, Any]]) -> None:
        """Take CloudEvents in log order.

        Args:
            events: Valid by the contract, duplicates and conflicts included; decoded by
                `json.loads(text, parse_float=Decimal)`, so that amounts stay exact.
        """
        self._events = EventSet(events)

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

    def contact_profile(self, organization_id: str, contact_id: str) -> dict[str, Any]:
        """The merged profile of a contact; all null where nothing was ever said."""
        events = self._events.of(organization_id, "contact", contact_id)
        return profile_of(select(events, "contact.updated"))

    def _execution(self, organization_id: str, execution_id: str) -> Execution | None:
        if execution_id not in self._events.execution_ids(organization_id):
            return None
        return Execution(self._events, organization_id, execution_id)
