"""Raw events of one attempt: its organization's alone, out of a log that mixes all."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from shared.contracts.entries import Entry
from shared.contracts.event_types import WIRE_NAMES
from shared.errors import GenerationError, SegmentError, StorageError
from shared.storage import raw_events
from shared.storage.raw_events import RawEvents
from shared.storage.schema import migrate
from tests.integration.shared.storage.lane_owner import (
    PARTITIONS,
    LaneOwner,
    call_entry,
    lane_owner,
    subject_in,
)
from tests.servers import ServersForTests, fresh_database

_LANE = 2
_CALL = subject_in(_LANE)


def said(
    number: int, event_type: str, second: int, organization_id: str = "acme", **changes: object
) -> Entry:
    """An entry about the call; of both organizations it has the same id."""
    attributes: dict[str, Any] = {
        "type": event_type,
        "id": f"e{number}",
        "time": f"2026-03-02T09:03:{second:02}Z",
        "organizationid": organization_id,
    }
    return call_entry(number, _LANE, **{**attributes, **changes})


@pytest.fixture(scope="module")
def owner(servers: ServersForTests) -> Iterator[LaneOwner]:
    """A call of each of two organizations in three segments, late, and with all that is dropped."""
    with fresh_database(servers) as url:
        migrate(url, PARTITIONS)
        with lane_owner(url, "one") as one:
            one.take()
            charge = {"amount": "0.5"}
            one.archive(
                _LANE,
                [
                    said(1, "call.ended", 30, data={"outcome": "completed"}),
                    said(2, "call.ended", 31, "zeta", id="e1", data={"outcome": "busy"}),
                    call_entry(3, _LANE, "other"),
                    said(4, "call.charged", 40, id="e3", data=charge),
                ],
                [
                    said(5, "call.charged", 40, id="e3", data=charge),  # a duplicate
                    said(6, "call.charged", 40, id="e3", data={"amount": "9"}),  # a conflict
                    said(7, "call.charged", 41, data={"amount": "much"}),  # parked
                    said(8, "call.answered", 6, "zeta"),
                ],
                [said(9, "call.ringing", 1), said(10, "call.answered", 5)],
            )
            yield one


@pytest.fixture
async def raw(owner: LaneOwner) -> AsyncIterator[RawEvents]:
    """As the read API has it."""
    opened = RawEvents(owner.database_url)
    await opened.open()
    yield opened
    await opened.close()


async def told(raw: RawEvents, organization_id: str, call_id: str = _CALL) -> list[str]:
    """What happened in a call of an organization, and by which event."""
    events = await raw.of_attempt(organization_id, call_id)
    assert events is not None
    assert {(organization_id, call_id)} == {(e.organizationid, e.subject) for e in events}
    return [f"{event.id} {WIRE_NAMES[type(event)]}" for event in events]


async def test_events_of_an_attempt_come_by_time(raw: RawEvents) -> None:
    """Each that was folded, once, whenever it arrived; none of another organization's call."""
    acme = ["e9 call.ringing", "e10 call.answered", "e1 call.ended", "e3 call.charged"]
    zeta = ["e8 call.answered", "e1 call.ended"]
    for _again in range(5):
        answers = await asyncio.gather(*(told(raw, name) for name in ("acme", "zeta") * 4))
        assert [acme, zeta] * 4 == answers


async def test_attempt_of_another_organization_is_unknown(raw: RawEvents) -> None:
    """As is one that nobody has; an organization that is nobody's has none."""
    other = subject_in(_LANE, "other")
    assert ["other-3 call.ended"] == await told(raw, "acme", other)
    for organization_id, call_id in (("zeta", other), ("acme", "nobody's"), ("", _CALL)):
        assert None is await raw.of_attempt(organization_id, call_id)


async def test_events_that_the_log_lacks_are_no_silence(raw: RawEvents, owner: LaneOwner) -> None:
    """Rather no answer than one that looks whole."""
    elsewhere = "UPDATE callfold.log_segments SET partition = 3 WHERE events = 2"
    owner.connection.execute(elsewhere)
    with pytest.raises(SegmentError, match="the log lacks 2 events"):
        await raw.of_attempt("acme", _CALL)
    owner.connection.execute("UPDATE callfold.log_segments SET partition = 2")
    assert 4 == len(await told(raw, "acme"))


async def test_generation_of_another_release_is_not_read(raw: RawEvents, owner: LaneOwner) -> None:
    """Its journals may say something else."""
    owner.connection.execute("UPDATE callfold.generations SET fold_version = fold_version + 1")
    with pytest.raises(GenerationError, match="another release"):
        await raw.of_attempt("acme", _CALL)
    owner.connection.execute("UPDATE callfold.generations SET fold_version = fold_version - 1")


@pytest.mark.parametrize("url", ("postgresql://callfold@127.0.0.1:1/nowhere", None))
async def test_database_that_is_away_or_empty_is_named(
    empty_database_url: str, url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One error of ours, whatever psycopg says."""
    monkeypatch.setattr(raw_events, "_POOL_PATIENCE_S", 0.2)
    opened = RawEvents(url or empty_database_url)
    await opened.open()
    with pytest.raises(StorageError):
        await opened.of_attempt("acme", _CALL)
    await opened.close()
