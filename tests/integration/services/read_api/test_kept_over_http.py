"""Kept reports as a client sees them: the real process, with the cache as it comes."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.tooling.embedded import EmbeddedServers
from shared.metric_names import REPORT_CACHE_BYTES, REPORT_LOOKUPS
from shared.storage.api_keys import create_api_key
from shared.storage.schema import migrate
from tests.http_answers import Answer
from tests.integration.services.read_api.batches import Batches, ended
from tests.integration.services.read_api.process import ReadApi, running_read_api
from tests.integration.shared.storage.lane_owner import PARTITIONS, lane_owner

_TARGET = "/program-execution/exec-1/report"
_PATIENCE_S = 10.0
#: A commit is in the answers after milliseconds; a loaded machine is given more.
_HEARD_S = 2.0
_ROUTES = ("", "/calls", "/calls?limit=1", "/breakdown", "/node-stats", "/billing")


def test_each_commit_is_in_the_next_answers(laid_out: str, batches: Batches, api_key: str) -> None:
    """Soon, for good, and on every route; in between nothing is read."""
    with running_read_api(laid_out) as read_api:
        _wait_until_kept(read_api, api_key)
        for number in range(1, 6):
            batches.commit(ended(f"call-{number}"))
            _wait_for_calls(read_api, api_key, number + 1)
            misses = _lookups(read_api, "miss")
            answers = [_bare(read_api.get(_TARGET + route, api_key)) for route in _ROUTES * 2]
            assert answers[: len(_ROUTES)] == answers[len(_ROUTES) :]
            assert {200} == {status for status, _headers, _body in answers}
            assert len(_ROUTES) - 1 == _lookups(read_api, "miss") - misses
        assert 6 == read_api.get(_TARGET + "/calls", api_key).json["meta"]["total"]
        assert _metric(read_api, REPORT_CACHE_BYTES[0]) > 0


def test_kept_report_answers_as_a_read_one(laid_out: str, batches: Batches, api_key: str) -> None:
    """Same bytes and headers as from a process that keeps nothing; 304, HEAD and links too."""
    with (
        running_read_api(laid_out) as keeping,
        running_read_api(laid_out, CALLFOLD_REPORT_CACHE_BYTES="0") as reading,
    ):
        batches.commit(ended("call-1"), ended("call-2"))
        _wait_for_calls(keeping, api_key, 3)
        for route in _ROUTES:
            keeping.get(_TARGET + route, api_key)
            for method, match in (("GET", '"other"'), ("HEAD", '"other"'), ("GET", "*")):
                kept, read = (
                    _bare(one.get(_TARGET + route, api_key, method, if_none_match=match))
                    for one in (keeping, reading)
                )
                assert read == kept
        assert _lookups(keeping, "hit") >= 3 * len(_ROUTES)
        assert 0 == _lookups(reading, "hit")


def test_many_clients_at_once_read_a_report_once(
    laid_out: str, batches: Batches, api_key: str
) -> None:
    """After a change, too."""
    with running_read_api(laid_out) as read_api, ThreadPoolExecutor(16) as clients:
        _wait_until_kept(read_api, api_key)
        batches.commit(ended("call-1"))
        _wait_for_calls(read_api, api_key, 2)
        target = _TARGET + "/billing"
        misses = _lookups(read_api, "miss")
        answers = list(clients.map(lambda _: read_api.get(target, api_key), range(64)))
        assert 1 == len({answer.body for answer in answers})
        assert 1 == _lookups(read_api, "miss") - misses


def test_database_that_goes_away_takes_kept_reports_with_it(
    servers_of_one: EmbeddedServers,
) -> None:
    """A report that may be outdated is not shown: 503, then the truth again."""
    url = servers_of_one.database_url
    migrate(url, PARTITIONS)
    api_key = create_api_key(url, "acme", ["read"], "tests")
    with lane_owner(url, "one") as one:
        Batches(one).commit(ended("call-0"))
    with running_read_api(url) as read_api:
        _wait_until_kept(read_api, api_key)
        servers_of_one.postgres.kill()
        _wait_for_status(read_api, api_key, 503)
        servers_of_one.restart_ended()
        _wait_for_status(read_api, api_key, 200)
        _wait_until_kept(read_api, api_key)


@pytest.fixture
def servers_of_one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServers]:
    """Servers that this test may kill."""
    with EmbeddedServers.start(tmp_path_factory.mktemp("servers") / "data") as servers:
        yield servers


def _bare(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    """What must be equal: the two processes ask how far all is folded at different instants."""
    passing = {"date", "x-callfold-as-of", "ratelimit"}
    headers = {name: value for name, value in answer.headers.items() if name not in passing}
    return answer.status, headers, answer.body


def _wait_until_kept(read_api: ReadApi, api_key: str) -> None:
    deadline_s = time.monotonic() + _PATIENCE_S
    hits = _lookups(read_api, "hit")
    while _lookups(read_api, "hit") == hits:
        read_api.get(_TARGET, api_key)
        assert time.monotonic() < deadline_s, "nothing is kept"


def _wait_for_calls(read_api: ReadApi, api_key: str, calls: int) -> None:
    deadline_s = time.monotonic() + _HEARD_S
    while (found := read_api.get(_TARGET, api_key)).json["callMetrics"]["totalCalls"] != calls:
        assert time.monotonic() < deadline_s, found


def _wait_for_status(read_api: ReadApi, api_key: str, status: int) -> None:
    deadline_s = time.monotonic() + _PATIENCE_S
    while (found := read_api.get(_TARGET, api_key)).status != status:
        assert time.monotonic() < deadline_s, found
        time.sleep(0.05)


def _lookups(read_api: ReadApi, result: str) -> float:
    return _metric(read_api, f'{REPORT_LOOKUPS[0]}{{result="{result}"}}')


def _metric(read_api: ReadApi, sample: str) -> float:
    for line in read_api.get("/metrics").body.decode().splitlines():
        if line.startswith(sample + " "):
            return float(line.rsplit(" ", 1)[1])
    raise AssertionError(f"no metric {sample}")
