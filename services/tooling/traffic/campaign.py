"""A campaign as a stream of CloudEvents in order of time; the front door of simulated traffic."""

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush, heapreplace
from typing import Any

from services.tooling.traffic.dialer import Dialer, Part
from services.tooling.traffic.dice import Dice, uuid_text
from services.tooling.traffic.plan import CampaignPlan
from services.tooling.traffic.script import Moment
from services.tooling.traffic.times import TimeTexts
from services.tooling.traffic.truth import CampaignTruth

#: An event of the contract as plain data; amounts are Decimal, int or str.
Event = dict[str, Any]

#: Types whose publishers do not know of executions: flows, profiles, the media server.
_WITHOUT_EXECUTION = frozenset(
    {
        "attribute.defined",
        "call.recording_transcribed",
        "contact.updated",
        "dtmf.received",
        "flow.published",
    }
)
_CHARGED = "call.charged"


class Campaign:
    """One simulated campaign; its memory is bounded by the calls in progress.

    Attributes:
        truth: The expected figures of the latest `events()`; complete once that is exhausted.
    """

    def __init__(self, plan: CampaignPlan) -> None:
        """Prepare the campaign; nothing happens before `events()`."""
        self.plan = plan
        self.truth = CampaignTruth(plan)

    def events(self) -> Iterator[Event]:
        """All events in order of time, the same ones at each call, each a dict of its own."""
        self.truth = CampaignTruth(self.plan)
        stamp = _Stamp(self.plan)
        for moment, source in _interleave(Dialer(self.plan, self.truth).parts()):
            yield stamp.event(moment, source)


def _interleave(parts: Iterable[Part]) -> Iterator[tuple[Moment, str]]:
    """Merge parts that come in order of their start, holding only those that are not over."""
    heap: list[tuple[int, int, int, Part]] = []
    for number, part in enumerate(parts):
        while heap and heap[0][0] <= part.start_us:
            yield _advance(heap)
        if part.moments:
            heappush(heap, (part.moments[0][0], number, 0, part))
    while heap:
        yield _advance(heap)


def _advance(heap: list[tuple[int, int, int, Part]]) -> tuple[Moment, str]:
    _, number, position, part = heap[0]
    moments = part.moments
    following = position + 1
    if following < len(moments):
        heapreplace(heap, (moments[following][0], number, following, part))
    else:
        heappop(heap)
    return moments[position], part.source


class _Stamp:
    """Puts moments into envelopes: id, source, sequence and time as their publisher writes them."""

    def __init__(self, plan: CampaignPlan) -> None:
        self._plan = plan
        self._event_ids = Dice(f"{plan.id_seed}\nevent")
        self._sequences = dict.fromkeys((*plan.dialer_sources, plan.billing_source), 0)
        self._utc = TimeTexts("Z", 0)
        self._local = TimeTexts("+02:00", 7_200)

    def event(self, moment: Moment, source: str) -> Event:
        at_us, event_type, subject, data = moment
        times = self._utc
        if event_type == _CHARGED:
            source, times = self._plan.billing_source, self._local
        sequence = self._sequences[source]
        self._sequences[source] = sequence + 1
        event: Event = {
            "specversion": "1.0",
            "id": uuid_text(self._event_ids.getrandbits(128)),
            "source": source,
            "type": event_type,
            "subject": subject,
            "time": times.text(at_us),
            "organizationid": self._plan.organization_id,
        }
        if event_type not in _WITHOUT_EXECUTION:
            event["executionid"] = self._plan.execution_id
        event["sequence"] = sequence
        event["data"] = data
        return event
