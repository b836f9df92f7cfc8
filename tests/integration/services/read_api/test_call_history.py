"""The call history over HTTP: order, pages, filters, cursors, bad parameters."""

import re
from decimal import Decimal
from typing import Any
from urllib.parse import urljoin

import pytest

from shared.contracts.instants import instant_us
from shared.storage import tally_tables
from tests.integration.services.read_api.given import Generation
from tests.integration.services.read_api.process import ReadApi

_TARGET = "/program-execution/spring/report/calls"
_CALLS = 25


@pytest.fixture(scope="module", autouse=True)
def spring(generation: Generation) -> None:
    """Twenty-five calls, two a second: the odd ones failed, each third is of contact `c`."""
    generation.mention()
    started_us = instant_us("2025-12-20T09:15:00Z")
    generation.attempts(
        *(
            {
                "attempt_id": f"call-{number:02d}",
                "contact_id": "c" if number % 3 == 0 else None,
                "status": "failed" if number % 2 else "completed",
                "started_us": started_us + 1_000_000 * (number // 2),
            }
            for number in reversed(range(_CALLS))
        ),
        {"attempt_id": "a-run", "kind": "run", "status": "", "started_us": started_us},
    )
    generation.calls(1, "completed", 13)
    generation.calls(1, "failed", 12)
    generation.tally(tally_tables.attempt_tallies, ("run", 1, "", 1, 0, 0, 0, 0, Decimal(0)))


def _ids(answer: dict[str, Any]) -> list[str]:
    return [item["callId"] for item in answer["data"]]


def _expected(*numbers: int) -> list[str]:
    return [f"call-{number:02d}" for number in numbers]


def test_pages_follow_start_then_id(read_api: ReadApi, key: str) -> None:
    """Page 1 of 20 by default; runs are no calls."""
    answer = read_api.get(_TARGET, key).json
    assert _expected(*range(20)) == _ids(answer)
    assert {"page": 1, "limit": 20, "total": 25, "totalPages": 2} == answer["meta"]


@pytest.mark.parametrize(
    ("page", "limit", "numbers"),
    ((2, 20, range(20, 25)), (3, 10, range(20, 25)), (1, 100, range(25)), (6, 5, range(0))),
)
def test_page_number_and_limit_choose_the_part(
    read_api: ReadApi, key: str, page: int, limit: int, numbers: range
) -> None:
    """Beyond the end it is empty, not an error."""
    answer = read_api.get(f"{_TARGET}?page={page}&limit={limit}", key).json
    assert _expected(*numbers) == _ids(answer)
    assert (page, limit, 25, -(-25 // limit)) == tuple(answer["meta"].values())


def test_far_page_is_empty(read_api: ReadApi, key: str) -> None:
    """The largest page number there is asks the database for nothing."""
    answer = read_api.get(f"{_TARGET}?page=1000000000&limit=100", key)
    assert (200, []) == (answer.status, answer.json["data"])


@pytest.mark.parametrize(
    ("query", "numbers"),
    (
        ("status=failed", range(1, 25, 2)),
        ("contactId=c", range(0, 25, 3)),
        ("contactId=c&status=failed", range(3, 25, 6)),
        ("status=busy", range(0)),
        ("contactId=nobody", range(0)),
    ),
)
def test_filters_choose_calls_and_total(
    read_api: ReadApi, key: str, query: str, numbers: range
) -> None:
    """`total` counts what matches."""
    answer = read_api.get(f"{_TARGET}?limit=100&{query}", key).json
    assert _expected(*numbers) == _ids(answer)
    assert len(numbers) == answer["meta"]["total"]


@pytest.mark.parametrize(
    "query", ("", "&status=failed", "&contactId=c", "&contactId=c&status=failed")
)
@pytest.mark.parametrize("limit", (1, 4, 5))
def test_links_lead_through_all_calls(read_api: ReadApi, key: str, limit: int, query: str) -> None:
    """Each link is a page that the page number would give too; the last page has none."""
    wanted = _ids(read_api.get(f"{_TARGET}?limit=100{query}", key).json)
    target: str | None = f"{_TARGET}?limit={limit}{query}"
    found: list[str] = []
    pages = 0
    while target is not None:
        answer = read_api.get(target, key)
        pages += 1
        assert pages == answer.json["meta"]["page"]
        assert _ids(answer.json) == _ids(
            read_api.get(f"{_TARGET}?limit={limit}&page={pages}{query}", key).json
        )
        found += _ids(answer.json)
        link = re.fullmatch(r'<([^>]+)>; rel="next"', answer.headers.get("link", ""))
        target = urljoin(target, link[1]) if link else None
    assert wanted == found
    assert pages == -(-len(wanted) // limit)


def test_item_has_optional_keys_only_where_known(
    read_api: ReadApi, generation: Generation, key: str
) -> None:
    """End, duration and cost are absent where unknown; the rest is null."""
    writer = generation.of("items")
    writer.mention()
    writer.calls(1, "completed", 2)
    writer.attempts(
        {
            "attempt_id": "ended",
            "contact_id": "c",
            "started_us": instant_us("2025-12-20T09:15:00.999999Z"),
            "ended_us": instant_us("2025-12-20T09:15:45Z"),
            "duration_ms": 0,
            "total_cost": Decimal("0.000000001"),
        },
        {
            "attempt_id": "unknown",
            "from_number": None,
            "to_number": None,
            "status": "ongoing",
            "outcome": None,
            "started_us": instant_us("2025-12-20T09:16:00Z"),
        },
    )
    answer = read_api.get("/program-execution/items/report/calls", key)
    assert b'"totalCost":0.000000001' in answer.body
    assert [
        {
            "callId": "ended",
            "contactId": "c",
            "from": "+212500000001",
            "to": "+212612345678",
            "direction": "outbound",
            "attempt": 1,
            "status": "completed",
            "outcome": "completed",
            "startedAt": "2025-12-20T09:15:00.999Z",
            "endedAt": "2025-12-20T09:15:45.000Z",
            "durationMs": 0,
            "totalCost": 1e-9,
        },
        {
            "callId": "unknown",
            "contactId": None,
            "from": None,
            "to": None,
            "direction": "outbound",
            "attempt": 1,
            "status": "ongoing",
            "outcome": None,
            "startedAt": "2025-12-20T09:16:00.000Z",
        },
    ] == answer.json["data"]


@pytest.mark.parametrize(
    ("query", "parameter"),
    (
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=1.5", "page"),
        ("page=", "page"),
        ("page=one", "page"),
        ("page=%D9%A1", "page"),
        ("page=1000000001", "page"),
        ("page=1&page=2", "page"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("status=cancelled", "status"),
        ("status=", "status"),
        ("contactId=", "contactId"),
        ("contactId=%00", "contactId"),
        ("cursor=", "cursor"),
        ("cursor=nonsense", "cursor"),
        ("cursor=%C3%BC", "cursor"),
        ("cursor=k8DAwA", "cursor"),
        ("limit=%FF", "query"),
    ),
)
def test_bad_parameter_is_named(read_api: ReadApi, key: str, query: str, parameter: str) -> None:
    """400 in the vendor's shape; the message begins with the parameter."""
    answer = read_api.get(f"{_TARGET}?{query}", key)
    assert (400, 400, "Bad Request") == (
        answer.status,
        answer.json["statusCode"],
        answer.json["error"],
    )
    assert parameter == answer.json["message"].split()[0]


def test_unknown_parameter_is_ignored(read_api: ReadApi, key: str) -> None:
    """A client may send more than we know."""
    assert 200 == read_api.get(f"{_TARGET}?sort=asc&sort=desc", key).status
