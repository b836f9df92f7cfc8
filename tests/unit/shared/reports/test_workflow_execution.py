"""Which edge a step took, and what is shown of nodes and versions."""

from json import dumps
from typing import Any

import msgspec
import pytest

from shared.contracts.reference_events import FlowPublishedData
from shared.projections.attempts import attempt_row
from shared.reports.executions import MENTIONED_ONLY
from shared.reports.flow_runs import FlowRun
from shared.reports.published_flows import FlowChoice
from shared.reports.workflow_execution import workflow_execution, workflow_executions
from tests.unit.shared.folds.given import decoded, state_of

_NODES = [{"id": "ask", "type": "dtmf"}, {"id": "bye", "type": "hangup", "definition": None}]


def _answered(
    edges: list[dict[str, Any]], version: int | None = None, **exited: Any
) -> dict[str, Any]:
    """The answer for one step at `ask`, left as said."""
    state = state_of(decoded("node.exited", "10:00:00.9999", stepId="s", nodeId="ask", **exited))
    # Characters beyond ASCII leave escaped.
    published = dumps({"name": "", "version": 4, "nodes": _NODES, "edges": edges})
    flow = msgspec.json.decode(published, type=FlowPublishedData)
    run = FlowRun(
        attempt_id="x",
        state=state,
        row=attempt_row("x", state),
        execution=MENTIONED_ONLY,
        choice=FlowChoice("menu", version, None),
        flow=flow if version is None else None,
        own_types=[],
    )
    return dict(msgspec.json.decode(msgspec.json.encode(workflow_execution(run)))["data"])


def _edge(edge_id: str, source: str = "ask", **said: object) -> dict[str, Any]:
    return {"id": edge_id, "source": source, "target": "bye", **said}


_EDGES = [
    _edge("silent"),
    _edge("elsewhere", "bye", value="1"),
    _edge("number", value=1),
    _edge("first", value="1", type="failure"),
    _edge("second", value="1"),
    _edge("escaped", value="é"),
    _edge("first", "bye", value="again"),
]


@pytest.mark.parametrize(
    ("exited", "expected"),
    (
        ({"output": "1"}, "first"),
        ({"output": "é"}, "escaped"),
        ({"output": "1", "edgeId": "second"}, "second"),
        ({"output": "1", "edgeId": "elsewhere"}, "elsewhere"),
        ({"output": "1", "edgeId": "unpublished"}, "first"),
        ({"edgeId": "first"}, "first"),
        ({"output": "2"}, None),
        ({"output": "again"}, None),
        ({}, None),
    ),
)
def test_edge_is_the_named_one_or_the_first_of_the_output(
    exited: dict[str, Any], expected: str | None
) -> None:
    """It must leave the step's node, unless it is named; else it is absent."""
    step = _answered(_EDGES, **exited)["steps"][0]
    assert expected == step.get("edge", {}).get("id")
    if expected == "first":
        assert {**_edge("first", type="failure"), "value": "1"} == step["edge"]


def test_edge_has_each_key_of_the_vendor() -> None:
    """Standard unless said; null where it follows no output."""
    edge = _answered(_EDGES, edgeId="silent")["steps"][0]["edge"]
    assert _edge("silent", type="standard", value=None) == edge


def test_times_leave_in_seconds() -> None:
    """Truncated, not rounded."""
    answer = _answered([])
    assert "2025-12-20T10:00:00Z" == answer["start"] == answer["steps"][0]["end"]


@pytest.mark.parametrize(("version", "expected"), ((None, "4"), (7, "7")))
def test_version_is_its_number_where_it_has_no_id(version: int | None, expected: str) -> None:
    """Also one that was said but not published; an empty name is null."""
    assert {"id": expected, "name": None} == _answered([], version)["version"]


@pytest.mark.parametrize(
    ("offset", "total", "has_next"), ((0, 0, False), (0, 1, True), (9, 9, False), (8, 9, True))
)
def test_list_says_whether_more_follows(offset: int, total: int, has_next: bool) -> None:
    """By what the page holds, whatever its limit."""
    assert has_next == workflow_executions([], total, offset, 20).pagination.has_next
