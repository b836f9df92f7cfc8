"""What publishers send in a run: campaigns, duplicated and out of order, with poison among them."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import cache
from random import Random
from typing import NamedTuple

import redis

from services.tooling.traffic import Campaign, CampaignPlan, to_fields, to_json
from shared.contracts.codec import EVENT_FIELD, decode_event
from shared.contracts.event_types import KINDS
from shared.contracts.stream_names import INBOX_LANE, partition_of
from shared.folds.journal import IDENTITY_BYTES, identity_hash
from tests.simulation.world import World

#: Contacts of a pool's campaigns; some 37 events each.
_CONTACTS = 60
#: Runs that share a pool, each with events of its own out of it.
_POOL_RUNS = 50
_ADDED_AT_ONCE = 40
_GARBAGE = (
    b"{",
    b'{"specversion":"1.0","type":"call.paused","id":"1","subject":"s","source":"/s"}',
    b'{"specversion":"1.0","id":"1","source":"/s","subject":"call-1"}',
)


class Published(NamedTuple):
    """One event, and both ways to write it."""

    key: tuple[str, str, str]
    subject: str
    event_id: str
    source: str
    raw: bytes
    fields: tuple[bytes, ...]


class Message(NamedTuple):
    """One entry to add."""

    lane: int
    fields: tuple[bytes, ...]


@cache
def _pool(number: int) -> tuple[Published, ...]:
    plans = (
        CampaignPlan(
            organization_id=organization_id,
            execution_id=f"execution {number}",
            program_id="program",
            contacts=_CONTACTS,
            seed=2 * number + index,
            started_at=datetime(2026, 3, 2, 9, tzinfo=UTC),
            leave_open_share=0.2,
            dialer_sources=("/dialer",),
            billing_source="/billing",
            id_namespace="clash" if number % 2 else None,
        )
        for index, organization_id in enumerate(("org-a", "org-b"))
    )
    return tuple(_published(event) for plan in plans for event in Campaign(plan).events())


def _published(event: dict[str, object]) -> Published:
    raw = to_json(event)
    decoded = decode_event(raw)
    binary = tuple(part for pair in to_fields(event).items() for part in pair)
    key = KINDS[type(decoded)].value, decoded.organizationid, decoded.subject
    return Published(key, decoded.subject, decoded.id, decoded.source, raw, binary)


def pool_of(seed: int) -> int:
    """Which pool a run draws from; only the latest are kept."""
    return seed // _POOL_RUNS


class Traffic:
    """The messages of one run, in the order in which they are sent."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._chance = Random(f"traffic {world.plan.seed}")
        self._partitions = world.plan.partitions
        pool = _pool(pool_of(world.plan.seed))
        first = self._chance.randrange(len(pool))
        self.events = (pool[first:] + pool[:first])[: world.plan.events]
        self._poison()
        self.messages = list(self._disordered())
        #: All is sent and acknowledged.
        self.done = False

    def _poison(self) -> None:
        """Choose the events that the database refuses, that fail, and that kill."""
        world, plan = self._world, self._world.plan
        chosen = self._chance.sample(
            self.events, min(len(self.events), plan.refused + plan.failing + plan.deadly)
        )
        for event in chosen[: plan.refused]:
            identity = identity_hash(event.source, event.event_id)
            world.store.refuses[event.key].append(identity.to_bytes(IDENTITY_BYTES, "little"))
        self.refused = {event.event_id for event in chosen[: plan.refused]}
        rest = [event.event_id for event in chosen[plan.refused :]]
        world.failing = set(rest[: plan.failing])
        world.deadly = set(rest[plan.failing :])

    def _disordered(self) -> Iterator[Message]:
        chance = self._chance
        window = chance.choice((1, 20, 400))
        late = chance.uniform(0, 0.5)
        placed: list[tuple[float, int, Message]] = []
        for number, event in enumerate(self.events):
            for fields in self._copies(event):
                place = number + (chance.random() * window if chance.random() < late else 0)
                placed.append((place, len(placed), Message(self._lane(event.subject), fields)))
        for _ in range(chance.randint(0, 4)):
            lane = chance.choice(self._world.streams.lanes)
            garbage = (EVENT_FIELD, chance.choice(_GARBAGE))
            place = chance.random() * len(self.events)
            placed.append((place, len(placed), Message(lane, garbage)))
        return (message for _, _, message in sorted(placed))

    def _copies(self, event: Published) -> Iterator[tuple[bytes, ...]]:
        """The event, and at times again: the same bytes, other bytes, or another content."""
        chance = self._chance
        yield event.fields if chance.random() < 0.05 else (EVENT_FIELD, event.raw)
        drawn = chance.random()
        if drawn < 0.06:
            yield EVENT_FIELD, event.raw
        elif drawn < 0.07:
            yield EVENT_FIELD, event.raw.replace(b'":', b'": ', 1)
        elif drawn < 0.08:
            yield EVENT_FIELD, event.raw.replace(b'"time":"2026', b'"time":"2027', 1)

    def _lane(self, subject: str) -> int:
        own, drawn = partition_of(subject, self._partitions), self._chance.random()
        if drawn < 0.05:
            return INBOX_LANE
        return (own + 1) % self._partitions if drawn < 0.08 else own

    def send(self) -> None:
        """Send all, over the time that the plan gives; what is not acknowledged is sent again."""
        world = self._world
        bursts = max(1, len(self.messages) // _ADDED_AT_ONCE)
        for begin in range(0, len(self.messages), _ADDED_AT_ONCE):
            world.scheduler.sleep(world.chance.random() * 2 * world.plan.lasts_s / bursts)
            self._insist(self.messages[begin : begin + _ADDED_AT_ONCE])
        self.done = True

    def _insist(self, messages: Iterable[Message]) -> None:
        world = self._world
        while True:
            try:
                if world.streams_away_until_s > world.scheduler.now_s:
                    raise redis.ConnectionError("simulated: Redis is away")
                for lane, fields in messages:
                    world.streams.add(lane, fields)
                if world.strikes("lost acknowledgements", world.plan.streams_error):
                    raise redis.ConnectionError("simulated: the reply is lost")
            except redis.ConnectionError:
                world.scheduler.sleep(0.1)
            else:
                return
