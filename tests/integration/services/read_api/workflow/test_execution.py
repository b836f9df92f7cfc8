"""A workflow execution: its version, its steps, the edges that it took (reports.md)."""

from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from shared.storage.api_keys import create_api_key
from tests.http_answers import Answer
from tests.integration.services.read_api.process import ReadApi
from tests.integration.services.read_api.workflow.given import DEFINITION, LOOP, Ask

_ASK = {"id": "ask", "type": DEFINITION}
_E1 = {"id": "e1", "type": "standard", "source": "ask", "target": "tell", "value": "branch_1"}
_E2 = {"id": "e2", "type": "timeout", "source": "ask", "target": "bye", "value": "onTimeout"}
_E3 = {"id": "e3", "type": "standard", "source": "tell", "target": "ask", "value": None}


def data_of(ask: Ask, execution: str, workflow: str = "menu") -> dict[str, Any]:
    """The execution inside the envelope."""
    answer = ask(f"/{quote(execution, safe='')}", workflow)
    assert 200 == answer.status, answer
    assert answer.json["success"] is True
    return dict(answer.json["data"])


def test_loop_is_a_step_each_turn_with_the_edge_it_took(ask: Ask) -> None:
    """By the output, by the named edge, by the output where the named edge is not published."""
    typed = [("say", "Tell"), ("hangup", None)]
    tell, bye = ({"id": name, "type": name, "label": label} for name, label in typed)
    assert {
        "id": LOOP,
        "status": "completed",
        "version": {"id": "mv-1", "name": "Menu"},
        "start": "2026-03-02T09:00:00Z",
        "end": "2026-03-02T09:00:10Z",
        "steps": [
            _step("s1", 2, 4, {**_ASK, "context": {"key": "1"}}, edge=_E1),
            _step("s2", 5, 6, {"id": "tell", "type": tell, "context": None}, edge=_E3),
            _step("s3", 7, 8, {**_ASK, "context": None}, edge=_E2),
            _step("s4", 9, None, {"id": "bye", "type": bye, "context": None}),
        ],
    } == data_of(ask, LOOP)


def _step(step_id: str, start: int, end: int | None, node: object, **edge: object) -> object:
    left = None if end is None else f"2026-03-02T09:00:{end:02d}Z"
    started = f"2026-03-02T09:00:{start:02d}Z"
    return {"id": step_id, "start": started, "end": left, "node": node, **edge}


def test_published_definition_is_handed_through_untouched(ask: Ask) -> None:
    """Byte for byte, so that a number keeps its spelling."""
    body = ask(f"/{quote(LOOP, safe='')}").body
    assert b'"type":' + msgspec.json.encode(DEFINITION) in body


def test_steps_at_unpublished_nodes_have_the_type_that_most_steps_say(ask: Ask) -> None:
    """Steps that began together go by id; one that only received digits began then."""
    steps = data_of(ask, "odd")["steps"]
    assert ["a", "b", "c", "d", "e"] == [step["id"] for step in steps]
    survey = {"id": "survey", "type": "survey", "label": None}
    unknown = {"id": "unknown", "type": "unknown", "label": None}
    assert [survey, survey, survey, unknown] == [step["node"]["type"] for step in steps[:4]]
    assert ("2026-03-02T09:10:06Z", None) == (steps[4]["start"], steps[4]["end"])
    assert all("edge" not in step for step in steps)


@pytest.mark.parametrize(
    ("execution", "status", "end"),
    (
        (LOOP, "completed", "09:00:10"),
        ("odd", "active", None),
        ("busy", "failed", "09:20:01"),
        ("over", "completed", "09:20:02"),
        ("off", "cancelled", "09:20:03"),
        ("timed out", "failed", "09:20:04"),
        ("charged", "active", None),
        ("said", "cancelled", "12:00:00"),
        ("unpublished", "failed", "12:00:00"),
        ("then", "completed", "12:00:00"),
        ("later", "active", None),
    ),
)
def test_status_follows_flow_outcome_then_call_outcome(
    ask: Ask, execution: str, status: str, end: str | None
) -> None:
    """A call is over by `call.ended`, a run by `run.ended`."""
    data = data_of(ask, execution)
    assert (status, end and f"2026-03-02T{end}Z") == (data["status"], data["end"])


@pytest.mark.parametrize(
    ("execution", "version_id", "name"),
    (
        ("odd", "mv-1", "Menu"),
        ("second version", "2", None),
        ("said", "2", None),
        ("unpublished", "9", None),
        ("then", "mv-1", "Menu"),
        ("later", "2", None),
        ("before all", "mv-1", "Menu"),
    ),
)
def test_version_is_said_or_what_was_published_by_the_start(
    ask: Ask, execution: str, version_id: str, name: str | None
) -> None:
    """Its number where it has no id; an empty name is null; a run's own start, without one."""
    assert {"id": version_id, "name": name} == data_of(ask, execution)["version"]


def test_attempt_of_a_flow_that_nobody_published(ask: Ask) -> None:
    """It belongs to the flow that it says, not to its execution's."""
    assert {"id": "3", "name": None} == data_of(ask, "elsewhere", "other")["version"]
    _assert_not_found(ask("/elsewhere"))


@pytest.mark.parametrize(
    "asked",
    (
        {"path": "/nobody"},
        {"path": "/text"},
        {"path": "/%00"},
        {"path": "/over", "workflow": "other"},
        {"path": "/over", "workflow": "x" * 129},
        {"path": "/over", "account": "globex"},
        {"path": "/over", "account": "\n"},
        {"workflow": "unknown"},
        {"account": "globex"},
    ),
)
def test_what_is_not_the_accounts_is_not_found(ask: Ask, asked: dict[str, str]) -> None:
    """Unknown, of another workflow, a lone SMS, somebody else's: the same answer."""
    _assert_not_found(ask(**asked))


def _assert_not_found(answer: Answer) -> None:
    error = {"code": "WORK-404", "message": "Workflow execution not found"}
    assert (404, {"success": False, "error": error}) == (answer.status, answer.json)


def test_other_errors_have_the_vendors_shape(ask: Ask, read_api: ReadApi) -> None:
    """Without a key, and by another method."""
    refused = read_api.get("/v1/accounts/acme/workflows/menu/executions/over")
    assert (401, "AUTH-401") == (refused.status, refused.json["error"]["code"])
    wrong = ask("/over", method="DELETE")
    assert 405 == wrong.status


def test_same_ids_of_two_organizations_do_not_meet(read_url: str, read_api: ReadApi) -> None:
    """The other organization's key finds neither its own account empty nor this one's."""
    key = create_api_key(read_url, "globex", ["read"], "tests")
    for account in ("globex", "acme"):
        target = f"/v1/accounts/{account}/workflows/menu/executions"
        _assert_not_found(read_api.get(target, key))
        _assert_not_found(read_api.get(f"{target}/over", key))


def test_answer_is_not_sent_twice(ask: Ask) -> None:
    """304 for who has it; HEAD sends the headers alone."""
    answer = ask("/over")
    again = ask("/over", if_none_match=answer.headers["etag"])
    head = ask("/over", method="HEAD")
    assert (304, b"", 200, b"") == (again.status, again.body, head.status, head.body)
    assert str(len(answer.body)) == head.headers["content-length"]
