"""Rule 7 of events.md through a real projector: bad events are parked once, good ones count."""

from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec
import pytest
import redis

from shared.contracts.codec import find_subject
from shared.contracts.stream_names import (
    INBOX_LANE,
    INBOX_STREAM,
    lane_stream,
    partition_of,
    partition_stream,
)
from shared.limits import EVENT_BYTES_MAX, PARTITIONS_DEFAULT
from tests.contract.bad_entries import BAD_ENTRIES
from tests.contract.wire import GOOD, BadEntry, binary, changed, padded, structured
from tests.installation import Installation
from tests.integration.services.projector.lanes_at_hand import (
    add,
    archived,
    call,
    calls,
    column,
    one_projector,
    rows,
)
from tests.servers import ServersForTests

#: The bad ones are added to this partition, whatever their subject: there they are parked.
BAD_LANE = 3
_CUT_BATCH = 60  #: entries added at once: some hold a MiB

Mode = Callable[[dict[str, Any]], list[bytes]]


class ParkedRow(NamedTuple):
    """One row of `callfold.parked_events`."""

    lane: int
    reason: str
    detail: str
    entries: int
    mode: str
    length_bytes: int
    sha256: bytes
    body: bytes


@pytest.fixture(scope="module")
def running(servers: ServersForTests) -> Iterator[Installation]:
    """One projector for all tests here; each uses subjects of its own."""
    with one_projector(servers) as started:
        yield started


@pytest.fixture(scope="module")
def client(running: Installation) -> Iterator[redis.Redis]:
    """A client of the installation's Redis."""
    with redis.Redis.from_url(running.redis_url) as connected:
        yield connected


@pytest.fixture(scope="module")
def parked_twice(running: Installation, client: redis.Redis) -> list[dict[bytes, ParkedRow]]:
    """What is parked after all bad entries came by a partition, and then by the inbox.

    By digest; of what lies in two lanes after the second time, the one of the inbox.
    """
    found = []
    for stream in (partition_stream(BAD_LANE), INBOX_STREAM):
        for begin in range(0, len(BAD_ENTRIES), _CUT_BATCH):
            entries: list[list[bytes]] = []
            for number, bad in enumerate(BAD_ENTRIES[begin : begin + _CUT_BATCH], start=begin):
                entries += [bad.fields, structured(_good(stream, number))]
            add(client, stream, entries)
        running.wait_until_folded()
        found.append(_parked(running, INBOX_LANE if stream == INBOX_STREAM else BAD_LANE))
    return found


def _good(stream: str, number: int) -> dict[str, Any]:
    """A good event between bad ones; most must be moved to their partition."""
    return call(f"{'inbox' if stream == INBOX_STREAM else 'partition'}-good-{number:03d}")


def _filled(fields: list[bytes]) -> list[bytes]:
    """The entry with its field `note` so long that names and values are exactly at the limit."""
    note = fields.index(b"note") + 1
    rest_bytes = sum(map(len, fields)) - len(fields[note])
    return [*fields[:note], b"x" * (EVENT_BYTES_MAX - rest_bytes), *fields[note + 1 :]]


def _parked(running: Installation, lane: int) -> dict[bytes, ParkedRow]:
    found = rows(
        running.database_url,
        "SELECT lane, reason, detail, entries, mode, length_bytes, sha256, body"
        " FROM callfold.parked_events WHERE lane = %s",
        lane,
    )
    return {row.sha256: row for row in (ParkedRow(*values) for values in found)}


def _whole(fields: list[bytes]) -> bytes:
    """What of an entry is kept: the event, or all fields as msgpack where it is not one field."""
    return fields[1] if fields[0] == b"event" else msgspec.msgpack.encode(fields)


def test_entries_of_the_table_differ() -> None:
    """Equal bytes would be parked as one row, and hide each other below."""
    assert len(BAD_ENTRIES) == len({_whole(bad.fields) for bad in BAD_ENTRIES})


@pytest.mark.parametrize("bad", BAD_ENTRIES, ids=lambda bad: bad.name)
def test_bad_entry_is_parked_once_with_its_reason_and_bytes(
    parked_twice: list[dict[bytes, ParkedRow]], bad: BadEntry
) -> None:
    """In the partition where it was found: reason, a detail for an engineer, the first MiB."""
    whole = _whole(bad.fields)

    row = parked_twice[0][sha256(whole).digest()]

    assert (bad.reason, 1) == (row.reason, row.entries)
    assert row.detail
    assert row.mode == ("structured" if bad.fields[0] == b"event" else "binary")
    assert len(whole) == row.length_bytes
    assert whole[:EVENT_BYTES_MAX] == row.body


def test_nothing_else_is_parked(parked_twice: list[dict[bytes, ParkedRow]]) -> None:
    """One row for each bad entry of the partition, and none for the good ones beside them."""
    assert len(BAD_ENTRIES) == len(parked_twice[0])


@pytest.mark.usefixtures("parked_twice")
def test_bad_entry_of_the_inbox_is_parked_where_its_subject_lives(
    running: Installation,
) -> None:
    """With a usable subject it is moved to that partition, else it is parked in the inbox."""
    expected: Counter[tuple[int, bytes]] = Counter()
    for bad in BAD_ENTRIES:
        subject = find_subject(bad.fields)
        home = INBOX_LANE if subject is None else partition_of(subject, PARTITIONS_DEFAULT)
        digest = sha256(_whole(bad.fields)).digest()
        expected.update([(BAD_LANE, digest), (home, digest)])

    found = rows(running.database_url, "SELECT lane, sha256, entries FROM callfold.parked_events")

    assert expected == {(lane, digest): entries for lane, digest, entries in found}


@pytest.mark.usefixtures("parked_twice")
@pytest.mark.parametrize("way", ("partition", "inbox"))
def test_good_events_around_bad_ones_count(running: Installation, way: str) -> None:
    """None is lost, whether its neighbours were parked beside it or on the way."""
    expected = [f"{way}-good-{number:03d}" for number in range(len(BAD_ENTRIES))]

    assert expected == calls(running.database_url, f"{way}-good-")


@pytest.mark.parametrize("mode", (structured, binary), ids=("structured", "binary"))
def test_event_in_every_stream_counts_once(
    running: Installation, client: redis.Redis, mode: Mode
) -> None:
    """Misrouted to all partitions and the inbox, it is moved home each time and counted once."""
    subject = f"everywhere-{mode(dict(GOOD))[0].decode()}"
    charge = call(subject, id="charge", type="call.charged", data={"amount": 0.25})
    for lane in range(INBOX_LANE, PARTITIONS_DEFAULT):
        add(client, lane_stream(lane), [mode(call(subject)), mode(charge)])
    running.wait_until_folded()

    assert [subject] == calls(running.database_url, subject)
    costs = column(
        running.database_url,
        "SELECT total_cost::text FROM gen_1.attempts WHERE attempt_id = %s",
        subject,
    )
    assert ["0.25"] == [cost.rstrip("0") for cost in costs]


def test_event_of_both_modes_counts_once_without_a_conflict(
    running: Installation, client: redis.Redis
) -> None:
    """The same event in structured and binary mode, or with a further field, is the same event."""
    event = call("both-modes", data={"outcome": "busy"})
    charge = call("both-modes", id="c", type="call.charged", data={"amount": 1}, sequence=7)
    home = partition_stream(partition_of("both-modes", PARTITIONS_DEFAULT))
    for one in (event, charge):
        add(client, home, [structured(one), binary(one), [*structured(one), b"note", b"resent"]])
    running.wait_until_folded()

    assert ["both-modes"] == calls(running.database_url, "both-modes")
    conflicts = column(
        running.database_url,
        "SELECT event_id FROM callfold.conflicting_events WHERE subject = 'both-modes'",
    )
    assert [] == conflicts
    refused = "SELECT detail FROM callfold.parked_events WHERE reason = 'database_refused'"
    assert [] == column(running.database_url, refused)


def test_bad_event_seen_again_is_one_row(running: Installation, client: redis.Redis) -> None:
    """A publisher that repeats its mistake is told once, with how often."""
    fields = structured(changed(type="call.exploded", subject="again"))
    home = partition_stream(partition_of("again", PARTITIONS_DEFAULT))
    first, *_, last = add(client, home, [fields] * 5)
    running.wait_until_folded()

    found = rows(
        running.database_url,
        "SELECT entries, first_ms || '-' || first_seq, last_ms || '-' || last_seq"
        " FROM callfold.parked_events WHERE subject = 'again'",
    )

    assert [(5, first, last)] == found


@pytest.mark.parametrize(
    "entry",
    (
        structured(padded(EVENT_BYTES_MAX).replace(b'"call-1"', b'"limit1"')),
        _filled(binary(call("limit2", note=""))),
        _filled([*structured(call("limit3")), b"note", b""]),
    ),
    ids=("structured", "binary", "with a further field"),
)
def test_entry_of_exactly_a_mebibyte_counts_and_is_kept_whole(
    running: Installation, client: redis.Redis, entry: list[bytes]
) -> None:
    """The limit itself is allowed, and the log can be folded anew: it holds every byte."""
    subject = find_subject(entry)
    assert subject is not None
    partition = partition_of(subject, PARTITIONS_DEFAULT)
    add(client, partition_stream(partition), [entry])
    running.wait_until_folded()

    assert [subject] == calls(running.database_url, subject)
    assert entry in archived(running.database_url, partition)
