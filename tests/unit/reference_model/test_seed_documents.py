"""The model gives the vendors' own example documents for the events behind them."""

from __future__ import annotations

from decimal import Decimal
from json import dumps, loads
from typing import Any

from tests.equality import differences
from tests.reference_model import ReferenceModel
from tests.seed_documents import (
    ORGANIZATION,
    call_execution,
    campaign_executions,
    decided,
    workflow_execution,
)
from tests.unit.reference_model.given import known


def exact(document: Any) -> Any:
    """A document as a client reads it: numbers exact."""
    return loads(dumps(document), parse_float=Decimal)


def test_events_of_two_calls_give_the_campaign_example() -> None:
    """Both printed items and the account of 350 on seven pages."""
    model = ReferenceModel(exact(campaign_executions.EVENTS))

    found = known(model.campaign_executions(ORGANIZATION, campaign_executions.CAMPAIGN_ID))

    assert len(found["executions"]) == 50
    found["executions"] = found["executions"][:2]
    assert [] == list(differences(exact(campaign_executions.EXAMPLE), found))


def test_events_of_a_transferred_call_give_the_call_example() -> None:
    """All keys and figures, but for the one contradiction."""
    model = ReferenceModel(exact(call_execution.EVENTS))
    example = decided(call_execution.EXAMPLE, call_execution.DECIDED)

    found = model.call_execution(ORGANIZATION, call_execution.CALL_ID)

    assert [] == list(differences(exact(example), found))


def test_events_of_a_run_give_the_workflow_example() -> None:
    """The published type object whole, and the edge that was followed."""
    model = ReferenceModel(exact(workflow_execution.EVENTS))

    found = model.workflow_execution(
        ORGANIZATION, workflow_execution.WORKFLOW_ID, workflow_execution.EXECUTION_ID
    )

    assert [] == list(differences(exact(workflow_execution.EXAMPLE), found))
