"""Call executions over HTTP: one call, lists of agents and batches, filters, pages, errors."""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote, urljoin

import pytest

from shared.limits import CALL_ARRAY_MAX
from shared.storage.api_keys import create_api_key
from tests.integration.services.read_api.batches import Batches
from tests.integration.services.read_api.call_execution.given import event, initiated
from tests.integration.services.read_api.process import ReadApi
from tests.integration.shared.storage.lane_owner import PARTITIONS, lane_owner

_BATCH: Final = "b/1 100%"
_LIST: Final = "/v2/agent/ann/executions"
_VOUCHED_MS: Final = 1_773_000_200_000
_VOUCHED: Final = "2026-03-08T20:03:20.000Z"
_NOT_FOUND: Final = {"error": 404, "message": "Not found"}

_EVENTS: Final = (
    event("execution.scheduled", "spring", "09:00:00", programId="p", agentId="ann",
          batchId=_BATCH),
    event("execution.started", "spring", "09:00:01"),
    event("execution.scheduled", "empty", "08:00:00", programId="p", agentId="idle", batchId="b0"),
    # Ann's by the plan of the execution.
    initiated("c/1", "09:01:00.9", "spring", provider="twilio"),
    event("call.ended", "c/1", "09:01:30", outcome="voicemail"),
    initiated("c2", "09:02:00", "spring", provider="plivo", direction="inbound", batchId="b2"),
    event("call.answered", "c2", "09:02:05"),
    initiated("3", "09:03:00", "spring"),
    initiated("4", "09:03:00", "spring"),
    event("call.ended", "4", "09:04:00", outcome="busy"),
    # Ann's by their own word: in an execution of nobody's, in Bob's, and in none.
    initiated("c5", "09:05:00", "winter", agentId="ann"),
    initiated("c6", "09:06:00", "autumn", agentId="ann"),
    event("execution.scheduled", "autumn", "09:00:00", programId="p", agentId="bob"),
    initiated("c7", "09:07:00", agentId="ann", batchId="b2"),
    event("call.ended", "c7", "09:08:00", outcome="completed", final=False),
    # Not Ann's, or no calls.
    initiated("c8", "09:08:00", "spring", agentId="bob"),
    initiated("c9", "09:09:00", "autumn"),
    event("run.started", "run", "09:10:00", execution_id="spring", flowId="f"),
    event("sms.requested", "sms", "09:10:00", execution_id="spring", smsId="s", body="Hi",
          from_="+1", to="+2"),
    event("contact.enrolled", "anna", "09:00:00", execution_id="spring"),
    event("contact.enrolled", "otto", "09:00:00", execution_id="spring"),
    event("contact.skipped", "otto", "09:00:30", execution_id="spring"),
    # Another organization with the same ids, and others.
    initiated("c5", "09:05:00", "spring", "globex", agentId="ann", batchId="b9"),
    initiated("c99", "09:06:00", "spring", "globex", agentId="gus"),
)  # fmt: skip
#: Newest first; at the same time the greater integer of the id.
_ANNS: Final = ("c7", "c6", "c5", "4", "3", "c2", "c/1")


@pytest.fixture(scope="module", autouse=True)
def folded(read_url: str) -> Iterator[Batches]:
    """All events, committed in two batches; then all lanes are seen empty."""
    with lane_owner(read_url, "one") as one:
        batches = Batches(one)
        batches.commit(*_EVENTS[1::2])
        batches.commit(*_EVENTS[::2])
        one.lanes.vouch(dict.fromkeys(range(-1, PARTITIONS), _VOUCHED_MS))
        yield batches


@pytest.fixture(scope="module")
def foreign_key(read_url: str) -> str:
    """A key of the other organization."""
    return create_api_key(read_url, "globex", ["read"], "tests")


def _ids(items: list[dict[str, Any]]) -> list[str]:
    return [item["id"] for item in items]


def test_call_is_found_by_its_encoded_id(read_api: ReadApi, key: str) -> None:
    """Agent and batch of the execution's plan; the batch brings its details."""
    answer = read_api.get("/executions/c%2F1", key)
    assert (200, "application/json") == (answer.status, answer.headers["content-type"])
    call = answer.json
    assert ("c/1", "ann", _BATCH) == (call["id"], call["agent_id"], call["batch_id"])
    assert ("completed", True) == (call["status"], call["answered_by_voice_mail"])
    assert ("2026-03-02T09:01:00Z", "2026-03-02T09:01:30Z") == (
        call["created_at"],
        call["updated_at"],
    )
    assert {
        "status": "running",
        "created_at": "2026-03-02T09:00:00Z",
        "updated_at": "2026-03-02T09:00:01Z",
        "retried": 0,
    } == call["batch_run_details"]


def test_call_without_an_execution_is_found(read_api: ReadApi, key: str) -> None:
    """Its own word is all there is."""
    call = read_api.get("/executions/c7", key).json
    assert ("call-disconnected", "ann", "b2") == (
        call["status"],
        call["agent_id"],
        call["batch_id"],
    )
    assert call["batch_run_details"]["status"] is None


@pytest.mark.parametrize("call_id", ("run", "sms", "c99", "nothing", "%00", "x" * 129))
def test_what_is_no_call_of_ours_is_not_found(read_api: ReadApi, key: str, call_id: str) -> None:
    """Runs, lone SMS, foreign, unknown and impossible ids: one body."""
    answer = read_api.get(f"/executions/{call_id}", key)
    assert (404, _NOT_FOUND) == (answer.status, answer.json)


@pytest.mark.parametrize(
    "target", ("/executions/c5", _LIST, "/batches/b2", "/batches/b2/executions")
)
def test_answer_is_not_sent_again_while_unchanged(read_api: ReadApi, key: str, target: str) -> None:
    """304 on a match; HEAD is a GET without body."""
    full = read_api.get(target, key)
    etag = full.headers["etag"]
    again = read_api.get(target, key, if_none_match=etag)
    assert (304, b"") == (again.status, again.body)
    head = read_api.get(target, key, method="HEAD")
    assert (200, b"", etag) == (head.status, head.body, head.headers["etag"])


@pytest.mark.parametrize("target", ("/executions/c5", _LIST, "/batches/b2"))
def test_answer_says_up_to_when_it_is_complete(read_api: ReadApi, key: str, target: str) -> None:
    """As all reports do."""
    assert _VOUCHED == read_api.get(target, key).headers["x-callfold-as-of"]


def test_page_of_an_agent_is_newest_first(read_api: ReadApi, key: str) -> None:
    """Twenty by default; its own calls, and those that say nothing in its executions."""
    answer = read_api.get(_LIST, key).json
    assert [*_ANNS] == _ids(answer["data"])
    assert (1, 20, 7, False) == (
        answer["page_number"],
        answer["page_size"],
        answer["total"],
        answer["has_more"],
    )


@pytest.mark.parametrize(
    ("page_number", "page_size", "ids", "has_more"),
    (
        (1, 3, _ANNS[:3], True),
        (2, 3, _ANNS[3:6], True),
        (3, 3, _ANNS[6:], False),
        (4, 3, (), False),
        (1, 7, _ANNS, False),
        (7, 1, _ANNS[6:], False),
        (1_000_000_000, 50, (), False),
    ),
)
def test_pages_divide_the_list(
    read_api: ReadApi,
    key: str,
    page_number: int,
    page_size: int,
    ids: tuple[str, ...],
    has_more: bool,
) -> None:
    """Each call once; beyond the end it is empty, not an error."""
    target = f"{_LIST}?page_number={page_number}&page_size={page_size}"
    answer = read_api.get(target, key).json
    assert ([*ids], 7, has_more) == (_ids(answer["data"]), answer["total"], answer["has_more"])


@pytest.mark.parametrize(
    ("query", "ids"),
    (
        ("status=initiated", ("c6", "c5", "3")),
        ("status=call-disconnected", ("c7",)),
        ("status=busy", ("4",)),
        ("call_type=inbound", ("c2",)),
        ("provider=twilio", ("c/1",)),
        ("provider=smoke%20signals", ()),
        ("answered_by_voice_mail=true", ("c/1",)),
        ("answered_by_voice_mail=false", _ANNS[:-1]),
        (f"batch_id={quote(_BATCH, safe='')}", ("4", "3", "c/1")),
        ("batch_id=b2", ("c7", "c2")),
        ("batch_id=b2&call_type=inbound&status=in-progress", ("c2",)),
        ("from=2026-03-02T09:06:00Z", ("c7", "c6")),
        ("from=2026-03-02T10:06:00.000001%2B01:00", ("c7",)),
        # What is shown as 09:01:00 is not later than it.
        ("to=2026-03-02T09:01:00Z", ("c/1",)),
        ("to=2026-03-02T09:00:59.999Z", ()),
        ("from=2026-03-02T09:02:00Z&to=2026-03-02T09:03:00Z", ("4", "3", "c2")),
        ("from=2026-03-02T09:03:00Z&to=2026-03-02T09:02:00Z", ()),
    ),
)
def test_filters_choose_and_count(
    read_api: ReadApi, key: str, query: str, ids: tuple[str, ...]
) -> None:
    """All that are said must hold."""
    answer = read_api.get(f"{_LIST}?{query}", key).json
    assert ([*ids], len(ids)) == (_ids(answer["data"]), answer["total"])


@pytest.mark.parametrize(
    ("target", "message"),
    (
        (f"{_LIST}?page_size=51", "page_size must be an integer from 1 to 50"),
        (f"{_LIST}?page_number=0", "page_number must be an integer from 1 to 1000000000"),
        (f"{_LIST}?page_number=1&page_number=1", "page_number must be given once"),
        (f"{_LIST}?call_type=sideways", "call_type must be one of inbound, outbound"),
        (f"{_LIST}?answered_by_voice_mail=maybe", "answered_by_voice_mail must be true or false"),
        (f"/agent/ann/executions?page_size={CALL_ARRAY_MAX + 1}", "page_size must be an integer"),
    ),
)
def test_impossible_parameter_is_refused(
    read_api: ReadApi, key: str, target: str, message: str
) -> None:
    """400 in the vendor's shape, naming it."""
    answer = read_api.get(target, key)
    assert (400, 400) == (answer.status, answer.json["error"])
    assert answer.json["message"].startswith(message)


@pytest.mark.parametrize(
    ("target", "ids"),
    (
        ("/agent/ann/executions", _ANNS),
        ("/agent/bob/executions", ("c9", "c8")),
        ("/agent/idle/executions", ()),
        (f"/batches/{quote(_BATCH, safe='')}/executions", ("c8", "4", "3", "c/1")),
        ("/batches/b2/executions", ("c7", "c2")),
        ("/batches/b0/executions", ()),
    ),
)
def test_arrays_hold_the_same_items(
    read_api: ReadApi, key: str, target: str, ids: tuple[str, ...]
) -> None:
    """Bare, newest first; who has executions but no calls has an empty one."""
    answer = read_api.get(target, key)
    assert ([*ids], "link" in answer.headers) == (_ids(answer.json), False)


def test_links_lead_through_an_array(read_api: ReadApi, key: str) -> None:
    """Each call once."""
    target = "/agent/ann/executions?page_size=3"
    found: list[str] = []
    while True:
        answer = read_api.get(target, key)
        found += _ids(answer.json)
        if "link" not in answer.headers:
            break
        link, rel = answer.headers["link"].split("; ")
        assert 'rel="next"' == rel
        target = urljoin(target, link.strip("<>"))
    assert [*_ANNS] == found


@pytest.mark.parametrize(
    ("batch_id", "batch"),
    (
        (
            _BATCH,
            {
                "status": "queued",
                "created_at": "2026-03-02T09:00:00Z",
                "updated_at": "2026-03-02T09:00:01Z",
                "valid_contacts": 1,
                "total_contacts": 2,
                "execution_status": {"busy": 1, "completed": 1, "initiated": 2},
            },
        ),
        (
            "b2",
            {
                "status": None,
                "created_at": None,
                "updated_at": None,
                "valid_contacts": 0,
                "total_contacts": 0,
                "execution_status": {"call-disconnected": 1, "in-progress": 1},
            },
        ),
    ),
)
def test_batch_counts_contacts_and_calls(
    read_api: ReadApi, key: str, batch_id: str, batch: dict[str, Any]
) -> None:
    """A batch that only calls name has no status of its own."""
    answer = read_api.get(f"/batches/{quote(batch_id, safe='')}", key)
    assert {"batch_id": batch_id, **batch} == answer.json


@pytest.mark.parametrize(
    ("known", "unknown"),
    (
        ("/v2/agent/gus/executions", "/v2/agent/nobody/executions"),
        ("/agent/gus/executions", "/agent/nobody/executions"),
        ("/batches/b9/executions", "/batches/none/executions"),
        ("/batches/b9", "/batches/none"),
        ("/executions/c99", "/executions/none"),
    ),
)
def test_foreign_things_are_unknown(
    read_api: ReadApi, key: str, foreign_key: str, known: str, unknown: str
) -> None:
    """The other organization's agents, batches and calls answer as ids that nobody has."""
    assert 200 == read_api.get(known, foreign_key).status
    foreign, nobodys = read_api.get(known, key), read_api.get(unknown, key)
    assert (404, _NOT_FOUND) == (foreign.status, foreign.json)
    assert (nobodys.status, nobodys.body) == (foreign.status, foreign.body)


def test_same_ids_of_two_organizations_stay_apart(
    read_api: ReadApi, key: str, foreign_key: str
) -> None:
    """A call, an agent and an execution of the same names."""
    assert ["c5"] == _ids(read_api.get("/agent/ann/executions", foreign_key).json)
    assert read_api.get("/executions/c5", key).json["batch_id"] is None
    assert "b9" == read_api.get("/executions/c5", foreign_key).json["batch_id"]


def test_nothing_is_said_without_a_key(read_api: ReadApi) -> None:
    """401 in the vendor's shape, known id or not."""
    for target in ("/executions/c5", "/executions/none", _LIST, "/batches/b2"):
        answer = read_api.get(target)
        assert (401, 401) == (answer.status, answer.json["error"])
        assert ["error", "message"] == list(answer.json)


def test_call_that_goes_on_is_seen_at_once(read_api: ReadApi, folded: Batches, key: str) -> None:
    """Nothing is kept: the next answer has the next commit."""
    assert "initiated" == read_api.get("/executions/3", key).json["status"]
    folded.commit(event("call.ringing", "3", "09:03:01"))
    assert "ringing" == read_api.get("/executions/3", key).json["status"]
