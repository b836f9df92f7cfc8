"""A workflow execution: its status, its version, its steps and the edges between them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.reference_model import ReferenceModel
from tests.unit.reference_model.given import (
    ORGANIZATION,
    entered,
    event,
    exited,
    published,
    scheduled,
    workflow_of,
)

RUN = event("run.started", "x", data={"flowId": "menu"})
CALL = event("call.initiated", "x", data={"from": "1", "to": "2", "flowId": "menu"})


@pytest.mark.parametrize(
    ("outcome", "flow_outcome", "status"),
    (
        ("completed", None, "completed"),
        ("voicemail", None, "failed"),
        ("cancelled", None, "cancelled"),
        ("completed", "timeout", "failed"),
        ("failed", "user_hangup", "completed"),
        ("completed", "cancelled", "cancelled"),
    ),
)
def test_flow_outcome_decides_status_before_the_calls(
    outcome: str, flow_outcome: str | None, status: str
) -> None:
    """The call's outcome speaks only where the flow's is unsaid."""
    data = {"outcome": outcome, "flowOutcome": flow_outcome}

    found = workflow_of(CALL, event("call.ended", "x", "10:05:00", data))

    assert (found["status"], found["end"]) == (status, "2025-12-20T10:05:00Z")


def test_execution_is_active_until_its_own_end() -> None:
    """The end of a run does not end the call that it is part of."""
    run_ended = event("run.ended", "x", data={"outcome": "completed"})

    assert (workflow_of(RUN)["status"], workflow_of(RUN)["end"]) == ("active", None)
    assert workflow_of(RUN, run_ended)["status"] == "completed"
    assert workflow_of(CALL, run_ended)["status"] == "active"
    flow_outcome_of_run = workflow_of(CALL, run_ended, event("call.ended", "x"))
    assert flow_outcome_of_run["status"] == "completed"


def test_version_is_the_published_one() -> None:
    """By its own id, else by its number; one that is not published has no name."""
    first = published([], version=1, versionId="v-one")
    second = published([], version=2, clock="09:30:00")
    run = event("run.started", "x", data={"flowId": "menu", "flowVersion": 2})
    absent = event("run.started", "x", data={"flowId": "menu", "flowVersion": 9})
    started = event("execution.started", "spring", "09:00:00")

    assert workflow_of(RUN, first)["version"] == {"id": "v-one", "name": "Menu"}
    assert workflow_of(run, first, second)["version"] == {"id": "2", "name": "Menu"}
    planned = [scheduled(flowId="menu"), started]
    assert workflow_of(RUN, *planned, first, second)["version"]["id"] == "v-one"
    assert workflow_of(RUN, started, first, second)["version"]["id"] == "2"
    assert workflow_of(absent, first)["version"] == {"id": "9", "name": None}
    assert workflow_of(RUN)["version"] == {"id": None, "name": None}


def test_steps_come_by_start_then_id() -> None:
    """Each with its node's type: the described one, or its name and label."""
    nodes: list[dict[str, Any]] = [
        {"id": "say", "type": "say", "label": "Hello"},
        {"id": "keys", "type": "dtmf", "definition": {"icon": None}},
    ]
    steps = [
        entered("x", "s2", "keys", "10:00:01"),
        entered("x", "s1", "say", "10:00:01"),
        exited("x", "s0", "hook", "10:00:00", nodeType="webhook", context={"status": 200}),
    ]

    hook, say, keys = workflow_of(RUN, published(nodes), *steps)["steps"]

    assert hook == {
        "id": "s0",
        "start": "2025-12-20T10:00:00Z",
        "end": "2025-12-20T10:00:00Z",
        "node": {
            "id": "hook",
            "type": {"id": "webhook", "type": "webhook", "label": None},
            "context": {"status": 200},
        },
    }
    assert (say["id"], say["end"], say["node"]["context"]) == ("s1", None, None)
    assert say["node"]["type"] == {"id": "say", "type": "say", "label": "Hello"}
    assert keys["node"]["type"] == {"icon": None}


def test_edge_is_the_named_one_else_the_first_by_output() -> None:
    """An edge that is not published names nothing."""
    edges = [
        {"id": "e1", "source": "a", "target": "b", "value": "onComplete", "type": "failure"},
        {"id": "e2", "source": "a", "target": "c", "value": "onComplete"},
        {"id": "e3", "source": "a", "target": "c"},
    ]
    flow = published([{"id": "a", "type": "say"}])
    flow["data"]["edges"] = edges

    def edge_of(**data: str) -> Any:
        (step,) = workflow_of(RUN, flow, exited("x", "s", "a", **data))["steps"]
        return step.get("edge")

    first = {"id": "e1", "type": "failure", "source": "a", "target": "b", "value": "onComplete"}
    assert edge_of(edgeId="e2")["type"] == "standard"
    assert edge_of(edgeId="e3")["value"] is None
    assert edge_of(edgeId="gone", output="onComplete") == first
    assert edge_of(output="onComplete") == first
    assert edge_of(output="onError") is None
    assert edge_of() is None


def test_flow_is_the_attempts_own_at_last_the_executions() -> None:
    """Another flow's execution is unknown here, and so is a message."""
    step = entered("x", "s", "n")
    sms = event("sms.sent", "m", data={"smsId": "m"})
    model = ReferenceModel([scheduled(flowId="menu"), step, sms])

    assert model.workflow_execution(ORGANIZATION, "menu", "x") is not None
    assert model.workflow_execution(ORGANIZATION, "menu", "m") is None
    assert model.workflow_execution(ORGANIZATION, "other", "x") is None
    own = event("run.started", "x", data={"flowId": "other"})
    model = ReferenceModel([scheduled(flowId="menu"), step, own])
    assert model.workflow_execution(ORGANIZATION, "menu", "x") is None
