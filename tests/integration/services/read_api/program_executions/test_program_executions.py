"""Executions that are not over, and one by its id, with their coarse counters."""

from typing import Any, Final
from urllib.parse import quote

import pytest

from shared.storage.api_keys import create_api_key
from tests.integration.services.read_api.flow_events import EXECUTION, event, fold
from tests.integration.services.read_api.process import ReadApi

_STATUSES: Final = (
    "contact.enrolled",
    "contact.queued",
    "contact.calling",
    "contact.retry_scheduled",
    "contact.completed",
    "contact.failed",
    "contact.skipped",
)
#: The execution's last event, its hour of scheduling.
_EXECUTIONS: Final = {
    "waiting": ("execution.scheduled", {"programId": "p"}),
    "running": ("execution.started", {}),
    "resting": ("execution.paused", {"reason": "manual"}),
    "broke": ("execution.paused", {"reason": "no_credits"}),
    "enough": ("execution.paused", {"reason": "threshold"}),
    "resumed": ("execution.resumed", {}),
    "completed": ("execution.completed", {}),
    "stopped": ("execution.stopped", {}),
    "cancelled": ("execution.cancelled", {}),
}


@pytest.fixture(scope="module", autouse=True)
def _folded(read_url: str) -> None:
    """One execution with all that there is to say, and one of each status."""
    plan = {
        "programId": "program",
        "flowId": "menu",
        "audienceId": "everybody",
        "scheduledStartAt": "2026-03-02T10:00:00+01:00",
        "scheduledStopAt": "2026-03-02T18:00:00.1239Z",
    }
    contacts = [
        event(type_, f"{type_} {number}", "09:30:00")
        for place, type_ in enumerate(_STATUSES, 1)
        for number in range(place)
    ]
    fold(
        read_url,
        event("execution.scheduled", EXECUTION, "08:00:00", plan),
        event("execution.started", EXECUTION, "09:00:00.0055"),
        event("execution.completed", EXECUTION, "12:00:00"),
        *contacts,
        event("contact.enrolled", "bo", "09:00:00", execution_id="named"),
        *(
            event(type_, name, f"1{hour}:00:00", data, execution_id=name)
            for hour, (name, (type_, data)) in enumerate(_EXECUTIONS.items())
        ),
        event("execution.started", "foreign", "09:00:00", organization_id="globex",
              execution_id="foreign"),
    )  # fmt: skip


def _get(read_api: ReadApi, key: str, path: str = "") -> Any:
    answer = read_api.get(f"/program-executions{path}", key)
    assert 200 == answer.status, answer
    return answer.json


def test_execution_has_its_plan_and_its_counters(read_api: ReadApi, key: str) -> None:
    """Waiting and to be called again are pending, queued and called in progress."""
    assert {
        "id": EXECUTION,
        "programId": "program",
        "organizationId": "acme",
        "audienceId": "everybody",
        "flowId": "menu",
        "status": "completed",
        "totalContacts": 28,
        "contactsCompleted": 5,
        "contactsFailed": 6,
        "contactsPending": 1 + 4,
        "contactsInProgress": 2 + 3,
        "scheduledStartAt": "2026-03-02T09:00:00.000Z",
        "scheduledStopAt": "2026-03-02T18:00:00.123Z",
        "actualStartAt": "2026-03-02T09:00:00.005Z",
        "actualEndAt": "2026-03-02T12:00:00.000Z",
        "createdAt": "2026-03-02T08:00:00.000Z",
        "updatedAt": "2026-03-02T12:00:00.000Z",
    } == _get(read_api, key, f"/{quote(EXECUTION, safe='')}")


def test_execution_that_is_only_named_has_nulls(read_api: ReadApi, key: str) -> None:
    """Required keys are null, optional ones absent."""
    named = _get(read_api, key, "/named")
    known = {"id": "named", "organizationId": "acme", "totalContacts": 1, "contactsPending": 1}
    assert known == {name: value for name, value in named.items() if value}
    assert {"scheduledStopAt", "actualStartAt", "actualEndAt"}.isdisjoint(named)
    assert [None] * 7 == [value for value in named.values() if value is None]


def test_list_has_those_that_are_not_over_newest_first(read_api: ReadApi, key: str) -> None:
    """Scheduled, running, paused for whatever reason; a page at a time."""
    body = _get(read_api, key)
    assert [
        ("resumed", "running"),
        ("enough", "paused_threshold"),
        ("broke", "paused_no_credits"),
        ("resting", "paused"),
        ("running", "running"),
        ("waiting", "scheduled"),
    ] == [(item["id"], item["status"]) for item in body["data"]]
    assert {
        "page": 1,
        "limit": 20,
        "total": 6,
        "totalPages": 1,
        "hasNextPage": False,
        "hasPreviousPage": False,
    } == body["meta"]
    assert body["data"][0] == _get(read_api, key, "/resumed")


def test_pages_hold_each_execution_once(read_api: ReadApi, key: str) -> None:
    """Beyond the end a page is empty."""
    whole = _get(read_api, key)["data"]
    pages = [_get(read_api, key, f"?limit=4&page={page}") for page in (1, 2, 3)]
    assert whole == pages[0]["data"] + pages[1]["data"]
    assert [] == pages[2]["data"]
    assert [(True, False), (False, True), (False, True)] == [
        (page["meta"]["hasNextPage"], page["meta"]["hasPreviousPage"]) for page in pages
    ]


@pytest.mark.parametrize("path", ("/unknown", "/foreign", "/%FF"))
def test_unknown_and_foreign_executions_are_not_found(
    read_api: ReadApi, key: str, path: str
) -> None:
    """By the name that the vendor has for it."""
    answer = read_api.get(f"/program-executions{path}", key)
    assert 404 == answer.status
    assert {
        "statusCode": 404,
        "message": "Execution not found",
        "error": "ExecutionNotFoundError",
    } == answer.json


def test_lists_of_two_organizations_do_not_meet(read_api: ReadApi, read_url: str, key: str) -> None:
    """Each key sees its own."""
    other = create_api_key(read_url, "globex", ["read"], "tests")
    assert ["foreign"] == [item["id"] for item in _get(read_api, other)["data"]]


@pytest.mark.parametrize("query", ("page=0", "limit=101", "limit=x", "page=1&page=2"))
def test_impossible_parameter_is_refused(read_api: ReadApi, key: str, query: str) -> None:
    """400 in the shape of the reports."""
    answer = read_api.get(f"/program-executions?{query}", key)
    assert (400, "Bad Request") == (answer.status, answer.json["error"])
