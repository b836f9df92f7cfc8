"""A campaign's contacts, its progress, and what it is, over HTTP."""

from typing import Any, Final
from urllib.parse import quote

import pytest

from shared.contracts.numbers import item_number
from tests.integration.services.read_api.campaigns.given import CAMPAIGN
from tests.integration.services.read_api.process import ReadApi

_PATH: Final = f"/api/v1/campaigns/{quote(CAMPAIGN, safe='')}"
#: By id.
_CONTACTS: Final = {
    "101": "skipped",
    "again": "pending",
    "both": "completed",
    "jane": "no_answer",
    "later": "pending",
    "lee": "busy",
    "nobody": "failed",
    "now": "in_progress",
    "otto": "skipped",
    "ran": "skipped",
}
_METRICS: Final = {
    "total_duration_seconds": 50,
    "average_duration_seconds": 50,
    "success_rate": 25.0,
    "answer_rate": 15.38,
    "completion_rate": 14.29,
    "cost_estimate": None,
    "actual_cost": 1.75,
    "last_updated": None,
}


@pytest.fixture(scope="module")
def contacts(read_api: ReadApi, key: str) -> dict[str, dict[str, Any]]:
    """Every contact by its id."""
    found = read_api.get(f"{_PATH}/contacts", key).json["contacts"]
    return dict(zip(_CONTACTS, found, strict=True))


def test_contact_is_listed_once_with_its_latest_status(
    contacts: dict[str, dict[str, Any]],
) -> None:
    """One that failed shows how its last call ended."""
    assert list(map(item_number, _CONTACTS)) == [item["id"] for item in contacts.values()]
    assert {name: item["status"] for name, item in contacts.items()} == _CONTACTS


def test_contact_says_what_its_profile_and_enrolment_say(
    contacts: dict[str, dict[str, Any]],
) -> None:
    """Attempts are calls and lone SMS of the campaign."""
    assert {
        "id": 101,
        "phone_number": "+99",
        "contact_data": {
            "company": None,
            "source": None,
            "variable_values": {},
            "custom_fields": {},
        },
        "status": "skipped",
        "attempts": 2,
        "created_at": "2026-03-02T09:00:00Z",
        "last_attempt_at": "2026-03-02T09:10:00Z",
    } == contacts["101"]
    assert "+97" == contacts["jane"]["phone_number"]
    assert {"tier": "gold"} == contacts["jane"]["contact_data"]["custom_fields"]
    assert {"n": 2} == contacts["nobody"]["contact_data"]["variable_values"]
    never = contacts["later"]
    assert (None, 0, None) == (never["phone_number"], never["attempts"], never["last_attempt_at"])


@pytest.mark.parametrize("status", sorted(set(_CONTACTS.values())))
def test_status_filters_contacts(read_api: ReadApi, key: str, status: str) -> None:
    """And counts them."""
    expected = [item_number(name) for name, known in _CONTACTS.items() if known == status]
    body = read_api.get(f"{_PATH}/contacts?status={status}", key).json
    assert expected == [item["id"] for item in body["contacts"]]
    assert len(expected) == body["pagination"]["total_items"]


def test_contacts_come_in_pages(read_api: ReadApi, key: str) -> None:
    """As attempts do."""
    bodies = [
        read_api.get(f"{_PATH}/contacts?page={page}&per_page=4", key).json for page in (1, 2, 3, 4)
    ]
    found = [item["id"] for body in bodies for item in body["contacts"]]
    assert list(map(item_number, _CONTACTS)) == found
    assert [True, True, False, False] == [body["pagination"]["has_next"] for body in bodies]
    assert (10, 3) == tuple(bodies[0]["pagination"][key] for key in ("total_items", "total_pages"))


def test_progress_counts_contacts_and_sums_calls(read_api: ReadApi, key: str) -> None:
    """Skipped contacts are in no bucket; calls of other campaigns in its executions do not count.

    Of 13 calls 2 were answered by a human.
    """
    body = read_api.get(f"{_PATH}/progress", key).json
    assert {
        "total_contacts": 7,
        "completed": 1,
        "failed": 3,
        "processing": 1,
        "pending": 2,
        "progress_percentage": 57.14,
        "success_rate": 25.0,
    } == body["progress"]
    assert _METRICS == body["metrics"]
    assert ["progress", "metrics", "recent_activity"] == list(body)


def test_recent_activity_is_the_head_of_the_list(read_api: ReadApi, key: str) -> None:
    """Ten attempts, five keys of each."""
    names = ("execution_id", "contact_phone", "status", "executed_at", "call_id")
    items = read_api.get(f"{_PATH}/executions?per_page=10", key).json["executions"]
    expected = [{name: item[name] for name in names} for item in items]
    assert expected == read_api.get(f"{_PATH}/progress", key).json["recent_activity"]


def test_campaign_is_its_latest_execution_and_the_sums_of_all(read_api: ReadApi, key: str) -> None:
    """At one time the greater execution id is the later; it says no name."""
    assert {
        "id": item_number(CAMPAIGN),
        "name": None,
        "status": "completed",
        "campaign_type": "mixed",
        "assistant_id": None,
        "total_contacts": 7,
        "completed_contacts": 1,
        "failed_contacts": 3,
        "created_at": "2026-03-02T08:00:00Z",
        "started_at": None,
        "completed_at": "2026-03-02T12:00:00Z",
        "metrics": _METRICS,
    } == read_api.get(_PATH, key).json


def test_campaign_without_contacts_has_zeros(read_api: ReadApi, key: str) -> None:
    """Nothing is divided by them."""
    body = read_api.get("/api/v1/campaigns/idle/progress", key).json
    assert {0} == {*body["progress"].values()}
    assert ("scheduled", None) == tuple(
        read_api.get("/api/v1/campaigns/idle", key).json[name] for name in ("status", "started_at")
    )


@pytest.mark.parametrize("path", ("", "/contacts", "/progress"))
def test_foreign_campaign_does_not_exist(read_api: ReadApi, foreign_key: str, path: str) -> None:
    """404 in the vendor's shape."""
    answer = read_api.get(f"/api/v1/campaigns/other{path}", foreign_key)
    assert (404, {"detail": "Campaign not found"}) == (answer.status, answer.json)


def test_unknown_status_of_contacts_is_400(read_api: ReadApi, key: str) -> None:
    """As the vendor documents it."""
    answer = read_api.get(f"{_PATH}/contacts?status=done", key)
    assert (400, {"detail": "Invalid status value"}) == (answer.status, answer.json)
