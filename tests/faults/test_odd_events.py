"""F18: thousands of odd events through a projector: folded or parked, and no report fails."""

import json
import random
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import redis

from shared.contracts.codec import EVENT_FIELD, decode_fields, find_subject, structured_json
from shared.contracts.exact_numbers import exact_number
from shared.contracts.stream_names import partition_of, partition_stream
from shared.errors import ContractError
from shared.limits import PARTITIONS_DEFAULT
from shared.storage.connection import connect
from shared.storage.contribution_sums import contributions_that_differ
from tests.command_line import run_callfold
from tests.faults.tally import FaultRow, FaultTally
from tests.installation import Installation, installation
from tests.integration.services.projector.lanes_at_hand import add, column, rows, start_ready
from tests.property.event_strategies.odd_events import large_entries, odd_entry
from tests.reference_model import ReferenceModel
from tests.whole_system import ORGANIZATIONS, assert_equals_model, assert_interfaces_equal_model

_ENTRIES = 6_000
_FRAME = 200


def odd_entries(seed: int) -> list[list[bytes]]:
    """Entries of a seed; those of each hundred belong to the other organization."""
    chance = random.Random(seed)
    one, other = (name.encode() for name in ORGANIZATIONS)
    found = [odd_entry(chance, number) for number in range(_ENTRIES)]
    found[::100] = [[part.replace(one, other) for part in fields] for fields in found[::100]]
    return found + large_entries(chance, _ENTRIES)


def accepted(fields: list[bytes]) -> dict[str, Any] | None:
    """The event of an entry, as the model takes it; None where the contract refuses it."""
    try:
        decode_fields(fields)
    except ContractError:
        return None
    raw = fields[1] if fields[0] == EVENT_FIELD else structured_json(fields)
    event: dict[str, Any] = json.loads(raw, parse_float=_number)
    return event


def _number(text: str) -> Any:
    found = exact_number(text)
    return found if isinstance(found, Decimal) else text


def publish(redis_url: str, entries: list[list[bytes]]) -> None:
    """Each to its subject's partition, the unreadable ones to the first."""
    with redis.Redis.from_url(redis_url) as client:
        for begin in range(0, len(entries), _FRAME):
            by_stream: dict[str, list[list[bytes]]] = {}
            for fields in entries[begin : begin + _FRAME]:
                subject = find_subject(fields)
                lane = 0 if subject is None else partition_of(subject, PARTITIONS_DEFAULT)
                by_stream.setdefault(partition_stream(lane), []).append(fields)
            for stream, of_stream in by_stream.items():
                add(client, stream, of_stream)


@pytest.mark.faults
@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", (1, 2, 3))
def test_odd_events_are_folded_or_parked_and_reports_stay_exact(
    redis_url: str, database_url: str, tally: FaultTally, seed: int
) -> None:
    """What the contract refuses is parked, the rest is what every report says; verified, rebuilt.

    The log holds each entry once; our own code failed on none, nor did the database refuse any.
    """
    entries = odd_entries(seed)
    events = [event for fields in entries if (event := accepted(fields)) is not None]
    with installation(redis_url, database_url) as running:
        start_ready(running)
        publish(redis_url, entries)
        running.wait_until_folded(120)
        _assert_parked(running, len(entries) - len(events), seed)
        running.start_read_api()
        model = ReferenceModel(events)
        assert_equals_model(running, model)
        assert_interfaces_equal_model(running, model)
        for command in (("verify", "--json"), ("rebuild", "--json"), ("log", "export", "-")):
            done = run_callfold(*command, timeout_s=120, database_url=database_url)
            assert 0 == done.returncode, f"seed {seed}: {command}: {done.stdout[-2000:]}"
        with connect(database_url, "test") as connection:
            assert [] == contributions_that_differ(connection, 2)
    tally.add("F18 odd events", replace(FaultRow(1, len(entries)), events=len(events)))


def _assert_parked(running: Installation, refused: int, seed: int) -> None:
    parked = Counter(
        dict(
            rows(
                running.database_url,
                "SELECT reason, sum(entries)::int FROM callfold.parked_events GROUP BY 1",
            )
        )
    )
    assert refused == sum(parked.values()), f"seed {seed}: {parked}"
    ours = {"fold_failed", "database_refused", "crashed"}
    assert not ours & parked.keys(), f"seed {seed}: {parked}"
    archived = column(running.database_url, "SELECT sum(events)::int FROM callfold.log_segments")
    assert [_ENTRIES + 12] == archived, f"seed {seed}"
