"""Which flow an attempt ran in which version, its steps in order, the types of its nodes."""

from typing import Any

import pytest

from shared.contracts.reference_events import FlowNode, FlowPublishedData
from shared.projections.attempts import attempt_row
from shared.reports.executions import MENTIONED_ONLY, Execution
from shared.reports.flow_runs import FlowRun, PublishedVersion, chosen_version, run_flow_choice
from shared.reports.published_flows import FlowChoice, OwnType
from tests.unit.shared.folds.given import TEN_US, decoded, state_of
from tests.unit.shared.reports.given import plan

_DIALLED = {"from": "1", "to": "2"}


def _choice(execution: Execution, *events: tuple[str, dict[str, Any]]) -> FlowChoice:
    state = state_of(
        *(decoded(type_, id_=f"{number}", **data) for number, (type_, data) in enumerate(events))
    )
    return run_flow_choice(state, attempt_row("x", state), execution)


@pytest.mark.parametrize(
    ("planned", "said", "expected"),
    (
        # What the attempt does not say, its execution's plan does.
        ({"flow_id": "menu", "flow_version": 2}, {}, ("menu", 2, 7)),
        ({"flow_id": "menu"}, {}, ("menu", None, 7)),
        ({"flow_id": "menu", "flow_version": 2}, {"flowVersion": 3}, ("menu", 3, 7)),
        ({"flow_id": "menu", "flow_version": 2}, {"flowId": "menu"}, ("menu", 2, 7)),
        # Another flow: neither the plan's version nor the execution's start is about it.
        ({"flow_id": "menu", "flow_version": 2}, {"flowId": "poll"}, ("poll", None, TEN_US)),
        ({"flow_id": "menu"}, {"flowId": "poll", "flowVersion": 5}, ("poll", 5, TEN_US)),
        ({}, {"flowId": "poll"}, ("poll", None, TEN_US)),
        ({}, {}, (None, None, 7)),
    ),
)
def test_flow_is_the_attempts_own_else_its_executions(
    planned: dict[str, Any], said: dict[str, Any], expected: tuple[object, ...]
) -> None:
    """The version goes with the flow."""
    execution = Execution(plan=plan(**planned), started_us=7)
    assert expected == _choice(execution, ("call.initiated", {**_DIALLED, **said}))


def test_attempt_without_execution_goes_by_its_own_first_event() -> None:
    """A run says its flow; a call that says none has none."""
    run = ("run.started", {"flowId": "menu"})
    assert ("menu", None, TEN_US) == _choice(MENTIONED_ONLY, run)
    assert _choice(MENTIONED_ONLY, ("call.initiated", _DIALLED)).flow_id is None


def test_call_says_its_flow_before_a_run_does() -> None:
    """`call.initiated`, else `run.started`, each key by itself (events.md, section 3)."""
    run = ("run.started", {"flowId": "poll", "flowVersion": 4})
    call = ("call.initiated", {**_DIALLED, "flowId": "menu"})
    assert ("menu", 4, TEN_US) == _choice(MENTIONED_ONLY, run, call)


@pytest.mark.parametrize(
    ("version", "started_us", "expected"),
    (
        (2, 0, 2),
        (9, 100, None),
        (None, 9, 1),
        (None, 10, 1),
        (None, 20, 3),
        (None, 29, 3),
        (None, 30, 3),
        (None, None, 1),
    ),
)
def test_version_is_the_said_one_or_the_highest_by_the_start(
    version: int | None, started_us: int | None, expected: int | None
) -> None:
    """Else the lowest; one that is said but not published is none."""
    published = [
        PublishedVersion(number, published_us, None, "")
        for number, published_us in ((2, 30), (1, 10), (3, 20))
    ]
    found = chosen_version(FlowChoice("menu", version, started_us), published)
    assert expected == (found and found.version)
    assert chosen_version(FlowChoice("menu", version, started_us), []) is None


def _run(*events: tuple[str, str, dict[str, Any]], execution_id: str | None = None) -> FlowRun:
    state = state_of(
        *(
            decoded(type_, clock, id_=f"{number}", execution_id=execution_id, **data)
            for number, (type_, clock, data) in enumerate(events)
        )
    )
    return FlowRun(
        attempt_id="x",
        state=state,
        row=attempt_row("x", state),
        execution=MENTIONED_ONLY,
        choice=FlowChoice("menu", None, None),
        flow=FlowPublishedData(
            name="Menu",
            version=1,
            nodes=[FlowNode(id="ask", type="dtmf"), FlowNode(id="ask", type="say")],
            edges=[],
        ),
        own_types=[OwnType("quiz", "poll", 9)],
    )


def test_steps_go_by_their_start_then_by_id() -> None:
    """The start is when the node was entered, however early something else named the step."""
    run = _run(
        ("dtmf.received", "09:00:00", {"stepId": "c", "nodeId": "ask", "digits": "1"}),
        ("node.entered", "09:30:00", {"stepId": "c", "nodeId": "ask"}),
        ("node.exited", "09:20:00", {"stepId": "b", "nodeId": "ask"}),
        ("node.entered", "09:20:00", {"stepId": "a", "nodeId": "ask"}),
    )
    assert ["a", "b", "c"] == [step_id for step_id, _step in run.steps]


@pytest.mark.parametrize(("execution_id", "expected"), ((None, "survey"), ("spring", "poll")))
def test_type_of_an_unpublished_node_is_that_of_most_steps(
    execution_id: str | None, expected: str
) -> None:
    """Those of the whole execution; of the attempt's own where it has none."""
    typed = [("poll", "1"), ("survey", "2"), ("survey", "3")]
    run = _run(
        *(
            ("node.entered", "09:00:00", {"stepId": step, "nodeId": "quiz", "nodeType": type_})
            for type_, step in typed
        ),
        execution_id=execution_id,
    )
    types = run.node_types
    assert (expected, "dtmf", "unknown") == (types["quiz"], types["ask"], types["mute"])
