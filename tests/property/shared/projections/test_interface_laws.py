"""What the vendor interfaces say of single attempts equals the reference model's view."""

from typing import Any

from hypothesis import given

from tests.property.event_strategies.deliveries import Spelling, fields_of
from tests.property.event_strategies.events import RawEvent, event_sets
from tests.property.event_strategies.values import ORGANIZATIONS
from tests.property.folded_database import FoldedDatabase
from tests.property.interface_answers import InterfaceAnswers
from tests.property.laws import tried
from tests.property.shared.projections.test_report_laws import in_order
from tests.reference_model import ReferenceModel


@tried(50)
@given(events=event_sets(size_max=25))
def test_every_attempt_equals_the_reference_model(events: list[RawEvent]) -> None:
    """As a call execution, as an item of its campaign, as a run of its flow."""
    database = FoldedDatabase().receive([[fields_of(event, Spelling()) for event in events]])
    projection, model = database.projection(), ReferenceModel(events)
    for organization_id in ORGANIZATIONS:
        answers = InterfaceAnswers(projection, organization_id)
        for attempt_id in answers.attempt_ids():
            owner = (organization_id, attempt_id)
            assert_same(model.call_execution(*owner), answers.call(attempt_id))
            assert_same(model.campaign_item(*owner), answers.item(attempt_id))
            flow_id, run = answers.run(attempt_id)
            if flow_id is not None:
                assert_same(model.workflow_execution(organization_id, flow_id, attempt_id), run)


def assert_same(expected: Any, found: Any) -> None:
    """Refuse any difference, of the order of keys too."""
    assert in_order(expected) == in_order(found)
