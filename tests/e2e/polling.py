"""A client that reads all reports all the time and remembers what they said, to be judged later."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event, Lock, Thread
from typing import Any, Self

import httpx

from tests.installation import Installation
from tests.reference_model import ReferenceModel
from tests.whole_system import ORGANIZATIONS, publish, reference

_AWAY = 503  # allowed: PostgreSQL is killed under it
#: Models that bound the answers: of so many beginnings of what was published.
_MODELS = 5
_STATUSES = ("pending", "queued", "calling", "pendingRetry", "completed", "failed", "skipped")

Figures = tuple[int, ...]


def _main(report: dict[str, Any]) -> Figures:
    contacts = report["contactMetrics"]
    assert contacts["totalContacts"] == sum(contacts[status] for status in _STATUSES)
    return contacts["totalContacts"], report["callMetrics"]["totalCalls"]


def _breakdown(report: dict[str, Any]) -> Figures:
    attempted = report["total"]["callsAttempted"]
    assert attempted == sum(row["callsAttempted"] for row in report["perAttempt"])
    return (attempted,)


def _node_stats(report: dict[str, Any]) -> Figures:
    nodes = report["nodes"]
    assert all(node["uniqueCalls"] <= node["totalExecutions"] for node in nodes)
    return sum(node["totalExecutions"] for node in nodes), report["totalCalls"]


def _billing(report: dict[str, Any]) -> Figures:
    """Costs are corrected, so they fall as well: nothing here is bounded."""
    said = {key: float(value) for key, value in report["summary"].items()}
    total = said["averageCostPerCall"] * said["billableCallsCount"]
    assert abs(total - said["totalCreditsUsed"]) <= said["billableCallsCount"] * 1e-6
    return ()


def _calls(report: dict[str, Any]) -> Figures:
    return (report["meta"]["total"],)


#: Each report with figures of it that never fall while events come; reading them it is checked
#: that the answer is not mixed from two moments.
REPORTS: dict[str, Callable[[dict[str, Any]], Figures]] = {
    "report": _main,
    "report/breakdown": _breakdown,
    "report/node-stats": _node_stats,
    "report/billing": _billing,
    "report/calls": _calls,
}


@dataclass
class Told:
    """What a report said once."""

    organization_id: str
    execution_id: str
    path: str
    #: Every entry received by then is in it, in seconds; None where the header said nothing.
    as_of_s: float | None
    answered_s: float
    figures: Figures


@dataclass
class Published:
    """What was published, and by when; written by one thread."""

    redis_url: str
    events: list[dict[str, Any]] = field(default_factory=list)
    #: When each publication began and ended, and how many events there were by then.
    begun_s: list[float] = field(default_factory=list)
    ended_s: list[float] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def add(self, events: list[dict[str, Any]]) -> None:
        """Publish some more."""
        with self.lock:
            self.events += events
            self.begun_s.append(datetime.now(UTC).timestamp())
            self.counts.append(len(self.events))
        publish(self.redis_url, events, seed=len(self.events))
        self.ended_s.append(datetime.now(UTC).timestamp())

    def bounds(self, told: Told) -> tuple[int, int]:
        """How many events must be in an answer, and how many may be."""
        sure = bisect_right(self.ended_s, told.as_of_s or 0.0)
        maybe = bisect_right(self.begun_s, told.answered_s)
        return self.counts[sure - 1] if sure else 0, self.counts[maybe - 1] if maybe else 0


class Poller:
    """Polls all reports of all executions until it is stopped."""

    def __init__(self, running: Installation, executions: list[str]) -> None:
        """Begins when it is entered."""
        self.told: list[Told] = []
        self.wrong: list[str] = []
        self.away = 0
        self._running = running
        self._executions = executions
        self._done = Event()
        self._thread = Thread(target=self._poll)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._done.set()
        self._thread.join()

    def _poll(self) -> None:
        keys = {name: self._running.key(name) for name in ORGANIZATIONS}
        with httpx.Client(base_url=self._running.read_api_url, timeout=20) as client:
            while not self._done.wait(0.02):
                for organization_id, key in keys.items():
                    for execution_id in self._executions:
                        for path in REPORTS:
                            self._ask(client, key, organization_id, execution_id, path)

    def _ask(
        self, client: httpx.Client, key: str, organization_id: str, execution_id: str, path: str
    ) -> None:
        answer = client.get(f"/program-execution/{execution_id}/{path}", headers={"x-api-key": key})
        if answer.status_code == _AWAY:
            self.away += 1
            return
        try:
            assert answer.status_code == httpx.codes.OK
            figures = REPORTS[path](answer.json())
        except AssertionError as error:
            self.wrong.append(f"{path} {answer.status_code}: {error}: {answer.text[:300]}")
            return
        as_of = answer.headers.get("X-Callfold-As-Of")
        self.told.append(
            Told(
                organization_id,
                execution_id,
                path,
                None if as_of is None else datetime.fromisoformat(as_of).timestamp(),
                datetime.now(UTC).timestamp(),
                figures,
            )
        )

    def judge(self, published: Published) -> None:
        """Each answer was whole, none stepped back, and each lies within the model's bounds."""
        assert self.wrong == []
        assert len(self.told) > 100
        assert {told.path for told in self.told} == REPORTS.keys()
        before: dict[tuple[str, str, str], Figures] = {}
        for told in self.told:
            key = (told.organization_id, told.execution_id, told.path)
            least = before.get(key, told.figures)
            assert all(a <= b for a, b in zip(least, told.figures, strict=True)), (least, told)
            before[key] = told.figures
        ends = sorted({*published.counts[:: max(1, len(published.counts) // _MODELS)],
                       len(published.events)})  # fmt: skip
        models = [_figures(published.events[:end], self._executions) for end in ends]
        for told in self.told:
            key = (told.organization_id, told.execution_id, told.path)
            sure, maybe = published.bounds(told)
            at_least = bisect_right(ends, sure) - 1
            at_most = bisect_left(ends, maybe)
            low = models[at_least].get(key) if at_least >= 0 else None
            high = models[at_most][key]
            assert all(a <= b for a, b in zip(told.figures, high, strict=True)), (high, told)
            if low is not None:
                assert all(a <= b for a, b in zip(low, told.figures, strict=True)), (low, told)


def _figures(
    events: list[dict[str, Any]], executions: list[str]
) -> dict[tuple[str, str, str], Figures]:
    """What the model says of all reports once these events are in."""
    model = reference(events)
    found = {}
    for organization_id in ORGANIZATIONS:
        for execution_id in executions:
            for path, body in _bodies(model, organization_id, execution_id).items():
                if body is not None:
                    found[organization_id, execution_id, path] = REPORTS[path](body)
    return found


def _bodies(
    model: ReferenceModel, organization_id: str, execution_id: str
) -> dict[str, dict[str, Any] | None]:
    owner = (organization_id, execution_id)
    return {
        "report": model.report(*owner, datetime.now(UTC)),
        "report/breakdown": model.breakdown(*owner),
        "report/node-stats": model.node_stats(*owner),
        "report/billing": model.billing(*owner),
        "report/calls": model.calls(*owner, page=1, limit=1),
    }
