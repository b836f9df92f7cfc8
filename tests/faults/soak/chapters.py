"""What the soak publishes: chapter after chapter, each made from the seed and its number alone.

A chapter is a campaign of each organization with the same ids, and what comes minutes later: late
events, duplicates of old ones, other contents under known ids. The judge makes it anew to know
what must have come of it, so that nobody has to keep it.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from services.tooling.traffic import Campaign, CampaignPlan, disorder, to_json
from shared.contracts.stream_names import INBOX_STREAM, partition_of, partition_stream
from shared.limits import PARTITIONS_DEFAULT
from tests.whole_system import ORGANIZATIONS

Event = dict[str, Any]
Identity = tuple[str, str, str, str]

_BEGINS_AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
#: Shares of a chapter's events that come only later, or later once more.
_LATE, _AGAIN = 0.01, 0.01
#: Entries of each chapter that must be parked, and events under a known id.
BAD_EACH, CONFLICTS_EACH = 5, 4


@dataclass(frozen=True)
class Chapter:
    """One campaign of each organization."""

    number: int
    #: In the order of publishing, duplicates included.
    events: list[Event]
    #: Published once `events` are folded: late originals, duplicates, and the conflicts.
    later: list[Event]
    conflicts: list[Event]
    #: Stream and fields of entries that must be parked, each once.
    bad: list[tuple[str, list[bytes]]]

    def accepted(self) -> Iterator[Event]:
        """Every event that counts, in an order of the log: conflicts come last and do not."""
        yield from self.events
        yield from self.later


def make_chapter(seed: int, number: int, contacts: int) -> Chapter:
    """The chapter; `contacts` are an organization's, about 37 events each."""
    chance = random.Random(f"soak {seed} {number}")
    streams = [iter(Campaign(plan).events()) for plan in _plans(seed, number, contacts)]
    now: list[Event] = []
    late: list[Event] = []
    while streams:
        stream = chance.choice(streams)
        event = next(stream, None)
        if event is None:
            streams.remove(stream)
        else:
            (late if chance.random() < _LATE else now).append(event)
    again = [event for event in now if chance.random() < _AGAIN]
    conflicts = [_with_other_content(event) for event in chance.sample(now, CONFLICTS_EACH)]
    later = late + again
    chance.shuffle(later)
    events = list(disorder(now, seed=chance.getrandbits(32)))
    return Chapter(number, events, later, conflicts, list(_bad(number, chance)))


def chapter_of(source: str) -> int:
    """Which chapter an event of this source belongs to."""
    return int(source.split("/")[2])


def identity(event: Event) -> Identity:
    """What makes an event the same event (events.md, rule 2)."""
    return event["organizationid"], event["subject"], event["source"], event["id"]


def _plans(seed: int, number: int, contacts: int) -> Iterator[CampaignPlan]:
    plan = CampaignPlan(
        organization_id=ORGANIZATIONS[0],
        execution_id=f"soak {number}",
        program_id=f"program/{number % 5}",
        contacts=contacts,
        seed=seed,
        started_at=_BEGINS_AT + timedelta(hours=number),
        # The last contacts of some chapters stay in their calls for ever.
        leave_open_share=0.1 if number % 3 == 2 else 0.0,
        dialer_sources=(f"/soak/{number}/one", f"/soak/{number}/two"),
        billing_source=f"/soak/{number}/billing",
        id_namespace=f"clash {number}",
    )
    for organization_id in ORGANIZATIONS:
        yield replace(plan, organization_id=organization_id)


def _with_other_content(event: Event) -> Event:
    """The same id said of another moment."""
    at = datetime.fromisoformat(event["time"]) + timedelta(seconds=1)
    return {**event, "time": at.isoformat()}


def _bad(number: int, chance: random.Random) -> Iterator[tuple[str, list[bytes]]]:
    """One entry of each kind of bad; no two of all chapters are equal."""
    subject = f"bad-{number}"
    partition = partition_of(subject, PARTITIONS_DEFAULT)
    good = {
        "specversion": "1.0",
        "id": f"bad-{number}",
        "source": f"/soak/{number}/bad",
        "type": "call.ended",
        "subject": subject,
        "time": "2026-03-02T09:00:00Z",
        "organizationid": chance.choice(ORGANIZATIONS),
        "data": {},
    }
    stream = partition_stream(partition)
    yield stream, [b"event", b"no JSON at all, %d" % number]
    yield stream, [b"event", to_json({**good, "type": "call.teleported"})]
    yield stream, [b"event", to_json({**good, "data": {"durationMs": "long"}})]
    yield INBOX_STREAM, [b"line noise", b"\xff\xfe%d" % number]
    # With a subject the inbox hands it to its partition, which parks it.
    yield INBOX_STREAM, [b"event", to_json({**good, "time": "yesterday"})]
