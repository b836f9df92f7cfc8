"""The list of a campaign's executions over HTTP: items, order, filters, pages, errors."""

from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote

import pytest

from shared.contracts.numbers import item_number
from tests.integration.services.read_api.campaigns.given import CAMPAIGN
from tests.integration.services.read_api.process import ReadApi

_PATH: Final = f"/api/v1/campaigns/{quote(CAMPAIGN, safe='')}/executions"
#: Newest first, by what the number of each is made of.
_NEWEST_FIRST: Final = (
    "12", "7", "unscheduled", "alone", "own", "summer\notto", "spring\notto", "s4", "s3", "s2",
    "s1", "ringing", "broke", "cancelled", "machine", "rejected", "busy", "c/2", "1001",
)  # fmt: skip
_STATUSES: Final = {
    "pending": ["s1"],
    "in_progress": ["12", "7", "unscheduled", "alone", "s2", "ringing"],
    "completed": ["own", "s3", "1001"],
    "failed": ["s4", "broke", "rejected"],
    "no_answer": ["c/2"],
    "busy": ["busy"],
    "voicemail": ["machine"],
    "skipped": ["summer\notto", "spring\notto", "cancelled"],
}
_NUMBERS: Final = {"from_number": "+1", "to_number": "+2"}


@pytest.fixture(scope="module")
def items(read_api: ReadApi, key: str) -> dict[str, dict[str, Any]]:
    """Every item by what its number is made of."""
    found = read_api.get(_PATH, key).json["executions"]
    return dict(zip(_NEWEST_FIRST, found, strict=True))


def _numbers(read_api: ReadApi, key: str, query: str) -> list[int]:
    return [item["id"] for item in read_api.get(f"{_PATH}?{query}", key).json["executions"]]


def test_items_are_calls_lone_sms_and_skipped_contacts_newest_first(
    items: dict[str, dict[str, Any]],
) -> None:
    """Neither runs nor skipped contacts that were tried, and no attempt of another campaign."""
    assert {name: item_number(name) for name in _NEWEST_FIRST} == {
        name: item["id"] for name, item in items.items()
    }
    assert all(item["execution_id"] == item["id"] for item in items.values())


def test_call_says_all_that_is_known(items: dict[str, dict[str, Any]]) -> None:
    """Names and numbers of the profile; seconds are truncated in times and rounded in durations."""
    assert {
        "id": 1001,
        "execution_id": 1001,
        "contact_id": 101,
        "contact_name": "John Smith",
        "contact_phone": "+99",
        "status": "completed",
        "call_id": "CA1",
        "sms_id": None,
        "executed_at": "2026-03-02T09:01:00Z",
        "execution_data": {
            **_NUMBERS,
            "personalized_welcome_message": "Hi John",
            "personalized_agenda": "renewal",
            "template_variables_used": {"name": "John", "n": 1.5},
            "duration_seconds": 45,
            "voice_analytics": {"sentiment_score": 0.85},
        },
    } == items["1001"]


def test_unanswered_call_says_why_and_what_follows(items: dict[str, dict[str, Any]]) -> None:
    """Without a profile the enrolment's name and number; ids that are no integers are hashed."""
    assert {
        "id": int(sha256(b"c/2").hexdigest(), 16) >> 203,
        "execution_id": item_number("c/2"),
        "contact_id": item_number("jane"),
        "contact_name": "Jane Doe",
        "contact_phone": "+97",
        "status": "no_answer",
        "call_id": "c/2",
        "sms_id": None,
        "executed_at": "2026-03-02T09:02:00Z",
        "execution_data": {
            **_NUMBERS,
            "error_details": "No answer",
            "retry_reason": "later",
        },
    } == items["c/2"]


@pytest.mark.parametrize(
    ("name", "expected"),
    (
        ("busy", "busy"),
        ("rejected", "declined"),
        ("cancelled", "cancelled"),
        ("broke", "no_credits"),
        ("s4", "no route"),
        ("spring\notto", "stopped"),
        ("summer\notto", None),
        ("machine", None),
        ("1001", None),
    ),
)
def test_error_details_are_the_most_telling_word(
    items: dict[str, dict[str, Any]], name: str, expected: str | None
) -> None:
    """The error, else the reason of the hang-up, else the outcome; of a skip its reason."""
    assert expected == items[name]["execution_data"].get("error_details")


def test_contact_is_named_by_what_is_known(items: dict[str, dict[str, Any]]) -> None:
    """An empty name is none; the number that was dialled is the last resort."""
    named = {name: (item["contact_name"], item["contact_phone"]) for name, item in items.items()}
    assert ("Lee", "+2") == named["busy"]
    assert (None, "+2") == named["rejected"]
    assert (None, None) == named["ringing"]
    assert items["ringing"]["contact_id"] is None
    assert {} == items["ringing"]["execution_data"]


def test_lone_sms_has_the_id_of_its_message(items: dict[str, dict[str, Any]]) -> None:
    """The id that `sms.requested` says, else the subject; no call."""
    assert (None, "message 1") == (items["s1"]["call_id"], items["s1"]["sms_id"])
    assert (None, "s4") == (items["s4"]["call_id"], items["s4"]["sms_id"])
    assert {
        "from_number": "+1",
        "to_number": "+3",
        "template_variables_used": {"code": "7"},
    } == items["s1"]["execution_data"]
    assert "John Smith" == items["s1"]["contact_name"]


def test_skipped_contact_is_an_item_of_each_execution(items: dict[str, dict[str, Any]]) -> None:
    """Its number is made of both ids; what the execution knew of the contact names it."""
    spring, summer = items["spring\notto"], items["summer\notto"]
    assert item_number("otto") == spring["contact_id"] == summer["contact_id"]
    assert ("Otto", None, "skipped", None, None) == (
        spring["contact_name"],
        summer["contact_name"],
        *(spring[name] for name in ("status", "call_id", "sms_id")),
    )
    assert "2026-03-02T09:20:00Z" == spring["executed_at"]


@pytest.mark.parametrize("status", _STATUSES)
def test_status_filters_items_and_their_number(read_api: ReadApi, key: str, status: str) -> None:
    """Calls, SMS and skipped contacts alike."""
    body = read_api.get(f"{_PATH}?status={status}", key).json
    expected = [item_number(name) for name in _STATUSES[status]]
    assert expected == [item["id"] for item in body["executions"]]
    assert len(expected) == body["pagination"]["total_items"]


def test_pages_join_to_the_whole_list(read_api: ReadApi, key: str) -> None:
    """Asked for one after another, or each by itself."""
    expected = [item_number(name) for name in _NEWEST_FIRST]
    one_after_another = [
        n for page in range(1, 6) for n in _numbers(read_api, key, f"page={page}&per_page=4")
    ]
    by_itself = [
        n for page in (5, 3, 1, 4, 2) for n in _numbers(read_api, key, f"page={page}&per_page=4")
    ]
    assert expected == one_after_another
    assert sorted(expected) == sorted(by_itself)


def test_pagination_says_where_a_page_lies(read_api: ReadApi, key: str) -> None:
    """The vendor's six keys; beyond the end there is nothing, and still 200."""
    total = len(_NEWEST_FIRST)

    def pagination(page: int, per_page: int) -> Any:
        return read_api.get(f"{_PATH}?page={page}&per_page={per_page}", key).json["pagination"]

    usual = {"per_page": 6, "total_items": total, "total_pages": 4}
    assert {"page": 1, "has_next": True, "has_prev": False, **usual} == pagination(1, 6)
    assert {"page": 4, "has_next": False, "has_prev": True, **usual} == pagination(4, 6)
    assert {"page": 99, "has_next": False, "has_prev": True, **usual} == pagination(99, 6)
    assert 50 == read_api.get(_PATH, key).json["pagination"]["per_page"]


@pytest.mark.parametrize(
    ("query", "name"),
    (("page=0", "page"), ("page=x", "page"), ("per_page=1001", "per_page"),
     ("per_page=0", "per_page"), ("page=1&page=2", "page")),
)  # fmt: skip
def test_impossible_parameter_is_422_as_fastapi_says_it(
    read_api: ReadApi, key: str, query: str, name: str
) -> None:
    """Where it stands, what is wrong, and of which kind."""
    answer = read_api.get(f"{_PATH}?{query}", key)
    assert 422 == answer.status
    (problem,) = answer.json["detail"]
    assert ["query", name] == problem["loc"]
    assert {"loc", "msg", "type"} == problem.keys()


def test_unknown_status_is_400(read_api: ReadApi, key: str) -> None:
    """As the vendor says it of contacts."""
    answer = read_api.get(f"{_PATH}?status=done", key)
    assert (400, {"detail": "Invalid status value"}) == (answer.status, answer.json)


def test_unknown_campaign_is_404_and_no_key_401(read_api: ReadApi, key: str) -> None:
    """A campaign exists once an execution or attempt names it, even without any item."""
    unknown = read_api.get("/api/v1/campaigns/never/executions", key)
    assert (404, {"detail": "Campaign not found"}) == (unknown.status, unknown.json)
    idle = read_api.get("/api/v1/campaigns/idle/executions", key)
    assert (200, []) == (idle.status, idle.json["executions"])
    unauthorized = read_api.get(_PATH)
    assert 401 == unauthorized.status
    assert ["detail"] == list(unauthorized.json)


def test_other_organization_sees_its_own_campaign(read_api: ReadApi, foreign_key: str) -> None:
    """The same ids, nothing else in common."""
    body = read_api.get(_PATH, foreign_key).json
    assert [1001] == [item["id"] for item in body["executions"]]
    assert 1 == body["pagination"]["total_items"]
    assert 404 == read_api.get("/api/v1/campaigns/other/executions", foreign_key).status
