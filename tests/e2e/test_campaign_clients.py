"""The vendor's own client loops page through a campaign while events go on arriving.

Both loops are those of the vendor's documentation; only the base URL is a parameter, and httpx
stands for requests.
"""

import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from json import loads
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final

import httpx
import pytest

from shared.contracts.numbers import item_number
from tests.installation import Installation, installation
from tests.whole_system import publish

_CAMPAIGN: Final = "42"
_CALLS: Final = 1_000
_JAVASCRIPT: Final = """
const [baseUrl, campaignId, apiKey] = process.argv.slice(2);

async function getAllExecutions(campaignId, apiKey) {
  const executions = [];
  let page = 1;

  while (true) {
    const response = await fetch(
      `${baseUrl}/api/v1/campaigns/${campaignId}/executions?page=${page}&per_page=100`,
      { headers: { "Authorization": `Bearer ${apiKey}` } }
    );

    const data = await response.json();
    executions.push(...data.executions);

    if (!data.pagination.has_next) break;
    page++;
  }

  return executions;
}

const executions = await getAllExecutions(campaignId, apiKey);
console.log(JSON.stringify(executions.map(e => e.id)));
"""


def get_all_executions(
    base_url: str, campaign_id: str, api_key: str, after_each_page: Callable[[], None]
) -> list[dict[str, Any]]:
    """Fetch all executions with pagination, as the vendor's example does."""
    executions = []
    page = 1

    while True:
        response = httpx.get(
            f"{base_url}/api/v1/campaigns/{campaign_id}/executions",
            params={"page": page, "per_page": 100},
            headers={"Authorization": f"Bearer {api_key}"},
        )
        after_each_page()

        data = response.json()
        executions.extend(data["executions"])

        if not data["pagination"]["has_next"]:
            break
        page += 1

    return executions


class Traffic:
    """Calls of one campaign, each a second after the one before; and what befalls them later."""

    def __init__(self, running: Installation) -> None:
        """Nothing is published yet."""
        self._running = running
        self._calls = 0
        self._events = 0

    def initiate(self, calls: int) -> list[int]:
        """Publish so many new calls; they come in front of all others. Gives their numbers."""
        new = range(self._calls, self._calls + calls)
        self._calls += calls
        numbers = {"from": "+1", "to": "+2", "programId": _CAMPAIGN}
        self._publish(*(self._event("call.initiated", n, 3600 + n, numbers) for n in new))
        return [item_number(f"call-{n}") for n in new]

    def move_down(self, call: int, seconds: int) -> None:
        """Publish a late event that says that a call began earlier than was known."""
        self._publish(self._event("call.ringing", call, 3600 + call - seconds, {}))

    def _event(self, type_: str, call: int, second: int, data: dict[str, Any]) -> dict[str, Any]:
        self._events += 1
        minutes, second = divmod(second, 60)
        return {
            "specversion": "1.0",
            "id": f"event-{self._events}",
            "source": "/dialer",
            "type": type_,
            "subject": f"call-{call}",
            "time": f"2026-03-02T{minutes // 60:02}:{minutes % 60:02}:{second:02}Z",
            "organizationid": "acme",
            "executionid": "spring",
            "data": data,
        }

    def _publish(self, *events: dict[str, Any]) -> None:
        publish(self._running.redis_url, list(events), seed=1)


@pytest.fixture
def running(redis_url: str, database_url: str) -> Iterator[Installation]:
    """A projector and a read API."""
    with installation(redis_url, database_url) as started:
        started.start_projector()
        started.start_read_api()
        yield started


def test_vendors_loops_get_each_item_once_while_events_arrive(
    running: Installation, tmp_path: Path
) -> None:
    """What was there before page 1 comes exactly once, and nothing comes twice."""
    traffic = Traffic(running)
    key = running.key("acme")
    there = traffic.initiate(_CALLS)
    running.wait_until_folded()

    there += python_loop(running, traffic, key, there)
    if (node := shutil.which("node")) is None:
        pytest.skip("no node here: only the loop in Python was run")
    javascript_loop(running, traffic, [node, str(tmp_path / "loop.mjs")], key, there)


def python_loop(running: Installation, traffic: Traffic, key: str, there: list[int]) -> list[int]:
    """After each page there are new calls in front, and two have moved down: one was served."""
    new: list[int] = []
    pages = 0

    def after_each_page() -> None:
        nonlocal pages
        pages += 1
        new.extend(traffic.initiate(30))
        served = _CALLS - 100 * pages
        traffic.move_down(served + 50, 250)
        traffic.move_down(max(served - 50, 0), 250)
        running.wait_until_folded()

    found = get_all_executions(running.read_api_url, _CAMPAIGN, key, after_each_page)
    assert _CALLS // 100 == pages
    assert sorted(there) == sorted(item["id"] for item in found)
    return new


def javascript_loop(
    running: Installation, traffic: Traffic, command: list[str], key: str, there: list[int]
) -> None:
    """While it runs, calls arrive and move all the time."""
    Path(command[-1]).write_text(_JAVASCRIPT)
    over = Event()

    def go_on() -> None:
        for call in range(_CALLS):
            if over.is_set():
                return
            traffic.initiate(5)
            traffic.move_down(_CALLS - call - 1, 100)

    arriving = Thread(target=go_on)
    arriving.start()
    try:
        command += [running.read_api_url, _CAMPAIGN, key]
        ended = subprocess.run(command, capture_output=True, check=True, timeout=60)
    finally:
        over.set()
        arriving.join()
    counts = Counter(loads(ended.stdout))
    assert set(there) <= counts.keys()
    assert {1} == set(counts.values())
