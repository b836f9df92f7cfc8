"""The dialer: lines take contacts and due retries, one after the other, and pause once."""

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush, heapreplace
from typing import NamedTuple

from services.tooling.traffic import prologue
from services.tooling.traffic.dice import Dice, Ids
from services.tooling.traffic.outreach import Outreach
from services.tooling.traffic.plan import CampaignPlan
from services.tooling.traffic.script import Moment
from services.tooling.traffic.times import epoch_us
from services.tooling.traffic.truth import CampaignTruth

_PAUSE_US = 300_000_000
_WRAP_UP_US = 500_000
_COMPLETED_AFTER_US = 2_000_000
_LINE_STAGGER_US = 40_000
#: At most a thousand tries a second; also what parts a contact's enrolment from its first call.
_PACE_US = 1_000


class Part(NamedTuple):
    """What is said on one occasion, in order of time and at no time before `start_us`."""

    start_us: int
    source: str
    moments: list[Moment]


class Dialer:
    """Decides a whole campaign, part by part; what it decides goes into the truth at once."""

    def __init__(self, plan: CampaignPlan, truth: CampaignTruth) -> None:
        """Begin before the first event of the plan."""
        self._plan = plan
        self._dice = Dice(plan.identity)
        self._ids = Ids(plan)
        self._outreach = Outreach(plan, self._dice, self._ids, truth)
        self._start_us = epoch_us(plan.started_at)
        self._retries: list[tuple[int, int, int]] = []
        self._fresh_index = 0

    def parts(self) -> Iterator[Part]:
        """All parts, in order of `start_us`."""
        yield from self._opening()
        first_us = self._start_us + _LINE_STAGGER_US
        lines = [(first_us + _LINE_STAGGER_US * line, line) for line in range(self._plan.lines)]
        not_before_us = 0
        while self._fresh_index < self._plan.contacts or self._retries:
            free_us, line = lines[0]
            due_us, index, attempt = self._next_try(free_us)
            start_us = max(free_us, due_us, not_before_us)
            source = self._source(line)
            if attempt == 1:
                if index == self._plan.contacts // 2:
                    not_before_us = start_us + _PAUSE_US
                    yield self._pause(start_us, not_before_us)
                    start_us = not_before_us
                yield from self._beside(index, start_us, source)
            not_before_us = start_us + _PACE_US
            made = self._outreach.attempt(index, attempt, start_us)
            yield _part(start_us, source, made.script.moments)
            if made.retry_due_us is not None:
                heappush(self._retries, (made.retry_due_us, index, attempt + 1))
            heapreplace(lines, (made.script.now_us + _WRAP_UP_US, line))
        yield from self._closing(max(lines)[0])

    def _next_try(self, free_us: int) -> tuple[int, int, int]:
        """(due time, contact's index, attempt): a retry that is due, else a fresh contact."""
        is_over = self._fresh_index == self._plan.contacts
        if self._retries and (is_over or self._retries[0][0] <= free_us):
            return heappop(self._retries)
        self._fresh_index += 1
        return free_us, self._fresh_index - 1, 1

    def _opening(self) -> Iterator[Part]:
        plan, source = self._plan, self._source(0)
        said = [
            *prologue.reference_data(self._ids.flow, self._start_us),
            *prologue.schedule(plan, self._dice, self._ids.flow, self._start_us),
        ]
        yield _part(min(said, key=_time_of)[0], source, said)
        count = min(plan.enrolled_ahead, plan.contacts)
        for index in range(count):
            at_us = self._start_us - prologue.ENROLMENT_US * (count - index) // count
            yield self._enrolment(index, at_us, source)

    def _beside(self, index: int, start_us: int, source: str) -> Iterator[Part]:
        """What else a fresh contact brings: an enrolment far ahead, an attempt that is no call."""
        ahead_index = index + self._plan.enrolled_ahead
        if ahead_index < self._plan.contacts:
            yield self._enrolment(ahead_index, start_us, source)
        script = self._outreach.beside(index, start_us)
        if script is not None:
            yield _part(start_us, source, script.moments)

    def _enrolment(self, index: int, at_us: int, source: str) -> Part:
        return _part(at_us, source, prologue.enrol(self._outreach.contact(index), at_us))

    def _pause(self, pause_us: int, resume_us: int) -> Part:
        said = prologue.pause(self._plan, self._dice, pause_us, resume_us)
        return _part(pause_us, self._source(0), said)

    def _closing(self, last_us: int) -> Iterator[Part]:
        if self._plan.leave_open_share == 0:
            at_us = last_us + _COMPLETED_AFTER_US
            moment: Moment = (at_us, "execution.completed", self._plan.execution_id, {})
            yield Part(at_us, self._source(0), [moment])

    def _source(self, line: int) -> str:
        return self._plan.dialer_sources[line % len(self._plan.dialer_sources)]


def _part(start_us: int, source: str, moments: Iterable[Moment]) -> Part:
    return Part(start_us, source, sorted(moments, key=_time_of))


def _time_of(moment: Moment) -> int:
    return moment[0]
