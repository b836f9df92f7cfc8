"""A log whose events came in parts, at known times; used by the tests of replayed reports."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.limits import PARTITIONS_DEFAULT
from shared.storage.schema import migrate
from tests.installation import Installation, installation
from tests.reference_model import ReferenceModel
from tests.reference_model.times import parse_instant
from tests.servers import ServersForTests, fresh_database, fresh_redis
from tests.whole_system import messy_events, publish, reference

_SEED = 23
_CONTACTS = 12


@dataclass(frozen=True)
class LearnedParts:
    """What was published, and until when it was learned; nothing runs any more."""

    database_url: str
    parts: list[list[dict[str, Any]]]
    #: After each part was folded and before the next one came.
    learned: list[datetime]
    #: Ended in the first part; the last part holds another content under the same id, and an
    #: earlier time.
    ended: dict[str, Any]

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events, in the order in which they were published."""
        return [event for part in self.parts for event in part]

    def known(self, parts: int) -> ReferenceModel:
        """The model of the first so many parts."""
        return reference([event for part in self.parts[:parts] for event in part])

    def happened(self, until: datetime) -> ReferenceModel:
        """The model of what had happened; of events with the same id the first one published."""
        firsts: dict[tuple[str, ...], dict[str, Any]] = {}
        for event in self.events:
            firsts.setdefault(_identity(event), event)
        return reference([event for event in firsts.values() if event_time(event) <= until])


@contextmanager
def learned_parts(servers: ServersForTests) -> Iterator[LearnedParts]:
    """Three parts; many events of the first third of the campaigns come with the second part."""
    events = messy_events(_SEED, _CONTACTS)
    third = len(events) // 3
    parts = [events[:third], events[third : 2 * third], events[2 * third :]]
    ended = next(e for e in parts[0] if e["type"] == "call.ended" and "outcome" in e["data"])
    earlier = event_time(ended) - timedelta(seconds=1)
    parts[2].append({**ended, "time": earlier.isoformat(), "data": {"outcome": "busy"}})
    with (
        fresh_database(servers) as database_url,
        installation(fresh_redis(servers), database_url) as running,
    ):
        migrate(database_url, PARTITIONS_DEFAULT)
        running.start_projector()
        learned = [_learn(running, part) for part in parts]
        running.stop()
        yield LearnedParts(database_url, parts, learned, ended)


def _learn(running: Installation, part: list[dict[str, Any]]) -> datetime:
    publish(running.redis_url, part, seed=_SEED)
    running.wait_until_folded()
    moment = datetime.now(UTC)
    time.sleep(0.01)  # the log keeps whole milliseconds
    return moment


def model_reports(
    model: ReferenceModel, organization_id: str, execution_id: str, now: datetime
) -> dict[str, Any] | None:
    """All five reports by the model; None where it knows no such execution."""
    ids = organization_id, execution_id
    main = model.report(*ids, now)
    if main is None:
        return None
    calls = max(main["callMetrics"]["totalCalls"], 1)
    return {
        "main": main,
        "breakdown": model.breakdown(*ids),
        "node-stats": model.node_stats(*ids),
        "billing": model.billing(*ids),
        "calls": model.calls(*ids, limit=calls),
    }


def event_time(event: dict[str, Any]) -> datetime:
    """When an event happened."""
    return parse_instant(event["time"])


def _identity(event: dict[str, Any]) -> tuple[str, ...]:
    names = ("organizationid", "type", "subject", "source", "id")
    return tuple(event[name] for name in names)
