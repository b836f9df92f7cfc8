"""A client that reads reports all the time, and remembers what it was told, to be judged later."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event, Lock, Thread
from typing import Any, Self

import httpx

from tests.installation import Installation
from tests.reference_model import ReferenceModel
from tests.whole_system import ORGANIZATIONS, publish, reference

_SAMPLES = 6
_AWAY = 503  # allowed: PostgreSQL is killed under it


@dataclass
class Told:
    """The main report of an execution, as it was told once."""

    organization_id: str
    execution_id: str
    #: Every entry received by then is in it, in seconds; None where the header said nothing.
    as_of_s: float | None
    answered_s: float
    report: dict[str, Any]


@dataclass
class Published:
    """What was published, and by when; written by one thread."""

    redis_url: str
    events: list[dict[str, Any]] = field(default_factory=list)
    #: When a publication began and ended, and how many events there were before and after.
    spans: list[tuple[float, float, int]] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def add(self, events: list[dict[str, Any]]) -> None:
        """Publish some more."""
        began_s = datetime.now(UTC).timestamp()
        with self.lock:
            self.events += events
        publish(self.redis_url, events, seed=len(self.events))
        with self.lock:
            ended_s = datetime.now(UTC).timestamp()
            self.spans.append((began_s, ended_s, len(self.events)))

    def bounds(self, told: Told) -> tuple[int, int]:
        """How many events must be in an answer, and how many may be."""
        with self.lock:
            sure = 0
            if told.as_of_s is not None:
                ended = [span[1] for span in self.spans]
                number = bisect_right(ended, told.as_of_s)
                sure = self.spans[number - 1][2] if number else 0
            begun = bisect_right([span[0] for span in self.spans], told.answered_s)
            maybe = self.spans[begun - 1][2] if begun else len(self.events)
            return sure, maybe if begun < len(self.spans) else len(self.events)


class Poller:
    """Polls the main reports of all executions until it is stopped."""

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
                        path = f"/program-execution/{execution_id}/report"
                        answer = client.get(path, headers={"x-api-key": key})
                        self._remember(organization_id, execution_id, answer)

    def _remember(self, organization_id: str, execution_id: str, answer: httpx.Response) -> None:
        if answer.status_code == _AWAY:
            self.away += 1
            return
        if answer.status_code != httpx.codes.OK:
            self.wrong.append(f"{answer.status_code}: {answer.text[:200]}")
            return
        as_of = answer.headers.get("X-Callfold-As-Of")
        self.told.append(
            Told(
                organization_id,
                execution_id,
                None if as_of is None else datetime.fromisoformat(as_of).timestamp(),
                datetime.now(UTC).timestamp(),
                answer.json(),
            )
        )

    def judge(self, published: Published) -> None:
        """Every answer is whole and never steps back; samples lie within the model's bounds."""
        assert self.wrong == []
        assert len(self.told) > _SAMPLES
        before: dict[tuple[str, str], tuple[int, ...]] = {}
        for told in self.told:
            contacts, calls = told.report["contactMetrics"], told.report["callMetrics"]
            statuses = ("pending", "queued", "calling", "pendingRetry", "completed", "failed")
            assert contacts["totalContacts"] == contacts["skipped"] + sum(
                contacts[status] for status in statuses
            )
            now = (contacts["totalContacts"], calls["totalCalls"])
            key = (told.organization_id, told.execution_id)
            assert all(a <= b for a, b in zip(before.get(key, (0, 0)), now, strict=True)), told
            before[key] = now
        for told in self.told[:: max(1, len(self.told) // _SAMPLES)]:
            _judge_by_model(told, published.bounds(told), published.events, reference)


def _judge_by_model(
    told: Told,
    bounds: tuple[int, int],
    events: list[dict[str, Any]],
    model: Callable[[list[dict[str, Any]]], ReferenceModel],
) -> None:
    at = datetime.fromtimestamp(told.answered_s, UTC)
    whose = {(told.organization_id, None), (told.organization_id, told.execution_id)}
    least, most = (
        model(
            [
                event
                for event in events[:number]
                if (event["organizationid"], event.get("executionid")) in whose
            ]
        ).report(told.organization_id, told.execution_id, at)
        or {}
        for number in bounds
    )
    for metrics, name in (("contactMetrics", "totalContacts"), ("callMetrics", "totalCalls")):
        low = least.get(metrics, {}).get(name, 0)
        high = most.get(metrics, {}).get(name, 0)
        assert low <= told.report[metrics][name] <= high, (name, bounds, told)
