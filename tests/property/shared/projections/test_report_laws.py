"""What reports say of rows and tallies equals the reference model's view of the same events."""

from collections.abc import Callable
from typing import Any

from hypothesis import given

from tests.property.event_strategies.deliveries import Spelling, fields_of
from tests.property.event_strategies.events import RawEvent, event_sets
from tests.property.event_strategies.values import EXECUTIONS, ORGANIZATIONS
from tests.property.folded_database import FoldedDatabase
from tests.property.laws import tried
from tests.property.report_answers import ReportAnswers
from tests.property.rule_three import time_us
from tests.reference_model import ReferenceModel
from tests.reference_model.times import parse_instant

NOW = "2025-12-20T10:00:59.999Z"

Ask = Callable[[ReportAnswers], Any]
Model = Callable[[ReferenceModel, str, str], Any]

REPORTS: dict[str, tuple[Ask, Model]] = {
    "report": (
        lambda answers: answers.report(time_us({"time": NOW})),
        lambda model, *execution: model.report(*execution, parse_instant(NOW)),
    ),
    "breakdown": (ReportAnswers.breakdown, ReferenceModel.breakdown),
    "node_stats": (ReportAnswers.node_stats, ReferenceModel.node_stats),
    "billing": (ReportAnswers.billing, ReferenceModel.billing),
    "calls": (
        ReportAnswers.calls,
        lambda model, *execution: model.calls(*execution, limit=100),
    ),
}


@tried(80)
@given(events=event_sets(size_max=25))
def test_every_report_equals_the_reference_model(events: list[RawEvent]) -> None:
    """Keys, order and exact figures, for known and unknown executions of two organizations."""
    database = FoldedDatabase().receive([[fields_of(event, Spelling()) for event in events]])
    projection, model = database.projection(), ReferenceModel(events)
    for organization_id in ORGANIZATIONS:
        for execution_id in EXECUTIONS:
            answers = ReportAnswers(projection, organization_id, execution_id)
            for name, (ask, ask_model) in REPORTS.items():
                expected = ask_model(model, organization_id, execution_id)
                found = ask(answers) if answers.known else None
                assert (name, in_order(expected)) == (name, in_order(found))


def in_order(value: Any) -> Any:
    """A value whose objects compare with the order of their keys."""
    if isinstance(value, dict):
        return [(key, in_order(item)) for key, item in value.items()]
    return [in_order(item) for item in value] if isinstance(value, list) else value
