"""The whole-system test's traffic shows the model, and so the product, all there is to show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.every_answer import ANSWERS
from tests.odd_attempts import EXECUTION_ID
from tests.reference_model import ReferenceModel
from tests.unit.reference_model.given import known
from tests.whole_system import ORGANIZATIONS, odd_and_messy_events, reference

ORGANIZATION = ORGANIZATIONS[0]


@pytest.fixture(scope="module")
def model() -> ReferenceModel:
    """What a smaller run of the same traffic comes to."""
    return reference(odd_and_messy_events(seed=1, contacts=60))


def answers_of(model: ReferenceModel, name: str) -> list[Any]:
    """Every body that one entry of the table expects, 404 left out."""
    (answers,) = [each for each in ANSWERS if each.__name__ == name]
    return [asked.body for asked in answers(model, ORGANIZATION) if asked.body is not None]


def test_campaign_items_come_in_every_status_and_with_every_key(model: ReferenceModel) -> None:
    """Calls, lone SMS and skipped contacts; ids of both makes."""
    items = [
        item for page in answers_of(model, "campaign_executions") for item in page["executions"]
    ]

    assert {item["status"] for item in items} == {
        *("pending", "in_progress", "completed", "failed"),
        *("no_answer", "busy", "voicemail", "skipped"),
    }
    assert {key for item in items for key in item["execution_data"]} == {
        *("from_number", "to_number", "personalized_welcome_message", "personalized_agenda"),
        *("template_variables_used", "duration_seconds", "error_details", "retry_reason"),
        "voice_analytics",
    }
    kinds = {(item["call_id"] is None, item["sms_id"] is None) for item in items}
    assert kinds == {(False, True), (True, False), (True, True)}
    assert {item["id"] < 10**15 for item in items} == {True, False}


def test_calls_come_in_every_status_and_with_every_key(model: ReferenceModel) -> None:
    """With a batch, an agent, a transfer, and without."""
    calls = answers_of(model, "call_executions")

    assert {call["status"] for call in calls} == {
        *("queued", "initiated", "ringing", "in-progress", "call-disconnected", "completed"),
        *("no-answer", "busy", "failed", "canceled", "balance-low"),
    }
    for key in ("transfer_call_data", "batch_run_details"):
        assert {key in call for call in calls} == {True, False}
    for key in ("agent_id", "batch_id", "transcript", "extracted_data", "context_details"):
        assert {call[key] is None for call in calls} == {True, False}
    assert {len(call["cost_breakdown"]) > 5 for call in calls} == {True, False}


def test_workflow_executions_come_in_every_status_and_shape(model: ReferenceModel) -> None:
    """Steps with and without an end and an edge; nodes with and without a definition."""
    runs = [body["data"] for body in answers_of(model, "workflow_executions")]
    steps = [step for run in runs for step in run["steps"]]

    assert {run["status"] for run in runs} == {"active", "completed", "cancelled", "failed"}
    assert {run["version"]["name"] is None for run in runs} == {True, False}
    assert {"edge" in step for step in steps} == {True, False}
    assert {step["end"] is None for step in steps} == {True, False}
    assert {step["node"]["context"] is None for step in steps} == {True, False}
    assert {"id" in step["node"]["type"] for step in steps} == {True, False}


def test_every_column_of_the_calls_export_is_filled_somewhere(model: ReferenceModel) -> None:
    """By what the generator or the odd call says; text that would be a formula among it."""
    filled = {
        column for name in (EXECUTION_ID, "execution 0") for column in columns_of(model, name)
    }

    assert {name for name, is_filled in filled if not is_filled} <= {
        name for name, is_filled in filled if is_filled
    }
    assert len(filled) > 40


def columns_of(model: ReferenceModel, execution_id: str) -> Iterator[tuple[str, bool]]:
    """Kinds of columns, without the node's label, and whether a cell of one says something."""
    header, *rows = known(model.calls_export(ORGANIZATION, execution_id))["Calls"]
    for number, name in enumerate(header):
        yield name.rpartition(": ")[2], any(row[number] is not None for row in rows)
