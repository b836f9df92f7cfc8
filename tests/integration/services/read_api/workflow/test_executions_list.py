"""The list of a workflow's executions: order, paging, filters."""

from urllib.parse import quote

import pytest

from tests.integration.services.read_api.workflow.given import LOOP, Ask

#: By their start, newest first.
_AFTER = ["later", "guest", "second version", "charged"]
_TOGETHER = {"busy", "over", "off", "timed out"}
_BEFORE = ["odd", LOOP, "then", "unpublished", "said", "before all"]


def _ids(ask: Ask, query: str = "") -> list[str]:
    answer = ask(query)
    assert 200 == answer.status, answer
    return [item["id"] for item in answer.json["data"]]


def test_list_is_newest_first_with_its_executions_and_its_runs(ask: Ask) -> None:
    """Calls and runs, of the execution's flow and of their own; another flow's is left out."""
    ids = _ids(ask)
    assert _AFTER == ids[:4]
    assert set(ids[4:8]) == _TOGETHER
    assert _BEFORE == ids[8:]


def test_item_is_the_execution_without_its_steps(ask: Ask) -> None:
    """The same figures, so that nothing is told twice differently."""
    for item in ask().json["data"]:
        whole = ask(f"/{quote(item['id'], safe='')}")
        assert item == {name: whole.json["data"][name] for name in item}
        assert ["id", "status", "version", "start", "end"] == list(item)


def test_pages_hold_each_execution_once(ask: Ask) -> None:
    """Offset and limit; beyond the end a page is empty."""
    whole, found = _ids(ask), list[str]()
    for offset in range(0, 16, 4):
        answer = ask(f"?offset={offset}&limit=4").json
        found += [item["id"] for item in answer["data"]]
        assert {
            "totalCount": 14,
            "limit": 4,
            "offset": offset,
            "hasNext": offset + 4 < 14,
        } == answer["pagination"]
    assert whole == found
    assert ["success", "pagination", "data"] == list(ask("?offset=14").json)
    assert [] == _ids(ask, "?offset=14")


@pytest.mark.parametrize(
    ("query", "expected"),
    (
        ("?contactId=anna", [LOOP, "said"]),
        ("?contactId=carl", ["guest"]),
        ("?status=cancelled", ["off", "said"]),
        ("?status=failed&start=2026-03-02T09:00:00Z", ["timed out", "busy"]),
        ("?start=2026-03-02T09:30:00Z&end=2026-03-02T09:33:00Z", ["second version", "charged"]),
        ("?end=2026-03-02T08:30:00%2B00:00", ["said", "before all"]),
        ("?start=2026-03-02T09:00:00Z&end=2026-03-02T09:00:00.999Z", []),
        ("?contactId=nobody", []),
    ),
)
def test_filters_leave_what_was_asked_for(ask: Ask, query: str, expected: list[str]) -> None:
    """The start of an execution lies within `start` and `end`, to the microsecond."""
    assert set(expected) == set(_ids(ask, query))
    assert len(expected) == ask(query).json["pagination"]["totalCount"]


def test_filter_that_leaves_nothing_out_counts_the_same(ask: Ask) -> None:
    """All are counted by tallies, those of a filter one by one."""
    whole = ask("?limit=100").json
    assert whole == ask("?limit=100&start=1970-01-01T00:00:00Z").json
    assert len(whole["data"]) == whole["pagination"]["totalCount"]


@pytest.mark.parametrize(
    ("query", "name"),
    (
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("offset=-1", "offset"),
        ("offset=", "offset"),
        ("offset=1&offset=1", "offset"),
        ("status=running", "status"),
        ("start=yesterday", "start"),
        ("end=2026-03-02T09:00:00", "end"),
        ("contactId=", "contactId"),
    ),
)
def test_impossible_parameter_is_named(ask: Ask, query: str, name: str) -> None:
    """400 in the vendor's shape."""
    answer = ask(f"?{query}")
    assert (400, "REQ-400") == (answer.status, answer.json["error"]["code"])
    assert answer.json["error"]["message"].startswith(name)


def test_flow_is_known_by_its_publication_or_by_its_executions(ask: Ask) -> None:
    """One that was only published has an empty list; any other is not found."""
    assert [] == ask("", "unused").json["data"]
    assert ["elsewhere"] == [item["id"] for item in ask("", "other").json["data"]]
    assert 404 == ask("", "unheard of").status
