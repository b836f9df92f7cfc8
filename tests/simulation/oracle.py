"""The judgement of a run: what the store holds against what the streams were given.

Nothing here remembers what the projectors did. Every entry that ever was in a stream must have had
its one fate; states, journals and contributions are folded anew from the log, in another order;
tallies are the sums of contributions.
"""

from collections import defaultdict
from typing import Any

from shared.contracts.codec import find_subject
from shared.contracts.entries import decode_kept, kept_form
from shared.contracts.envelope import Event
from shared.contracts.event_types import KINDS, Kind
from shared.contracts.park_reasons import ParkReason
from shared.contracts.stream_names import INBOX_LANE, partition_of
from shared.errors import ContractError
from shared.folds import journal
from shared.folds.journal import Position
from shared.folds.states import FOLDS, encode_state
from shared.projections.contributions import (
    Differences,
    decode_contribution,
    encode_contribution,
)
from shared.projections.state_cache import SubjectKey
from shared.projections.subjects import PROJECT
from tests.simulation.traffic import Traffic
from tests.simulation.world import World

#: Mode and bytes → the event, or why it is parked; a run's events come again in other runs.
_decoded: dict[tuple[int, bytes], Event | str] = {}
_DECODED_MAX = 100_000
#: An event of the log with its place and its journal record.
_Logged = tuple[Position, bytes, Event]


class JudgementError(AssertionError):
    """What a run left behind is not what it must be."""


def judge(world: World, traffic: Traffic) -> None:
    """Raise JudgementError where anything was lost, doubled, or wrongly parked."""
    folded = _log_is_what_was_added(world, traffic)
    _subjects_are_their_events(world, folded)
    _tallies_are_sums(world)


def _decode(mode: int, kept: bytes) -> Event | str:
    found = _decoded.get((mode, kept))
    if found is None:
        try:
            found = decode_kept(mode, kept)
        except ContractError as error:
            found = str(error.reason)
        if len(_decoded) >= _DECODED_MAX:
            _decoded.clear()
        _decoded[mode, kept] = found
    return found


def _log_is_what_was_added(world: World, traffic: Traffic) -> dict[SubjectKey, list[_Logged]]:
    """O2: each entry in the log of its partition once, parked as it must be, or forwarded there.

    Returns: by subject the events that count or repeat one that does, in the order of the log.
    """
    parked = {(lane, position): reason for lane, position, reason in world.store.parked}
    _expect(len(parked) == len(world.store.parked), "an entry was parked twice")
    folded: defaultdict[SubjectKey, list[_Logged]] = defaultdict(list)
    strayed: set[Any] = set()
    arrived: set[Any] = set()
    for lane, history in world.streams.history.items():
        archived = {entry[:2]: entry[2:4] for entry in world.store.log[lane]}
        for ms, seq, fields in history:
            form = kept_form(fields)
            event, reason = _decode(*form), parked.pop((lane, (ms, seq)), None)
            if isinstance(event, str):
                if lane == INBOX_LANE and find_subject(fields) is not None:
                    continue  # it is parked beside its kin
                _expect(reason == event, f"{lane} {ms}-{seq} is {event}, and parked as {reason}")
            elif reason is not None:
                _expect_ours(world, traffic, reason, event)
            elif partition_of(event.subject, world.plan.partitions) != lane:
                strayed.add((event.subject, event.source, event.id))
                continue
            else:
                arrived.add((event.subject, event.source, event.id))
                _expect_innocent(world, traffic, event)
                key = KINDS[type(event)].value, event.organizationid, event.subject
                identity = journal.identity_hash(event.source, event.id)
                record = journal.record(identity, journal.content_hash(form[1]))
                folded[key].append(((ms, seq), record, event))
            if lane != INBOX_LANE:
                _expect(archived.pop((ms, seq), None) == form, f"{lane} {ms}-{seq} is not archived")
        _expect(not archived, f"the log of lane {lane} holds what was never added: {archived}")
    _expect(not parked, f"parked, and never added: {parked}")
    poison = traffic.refused | world.failed | world.deadly
    lost = {one for one in strayed - arrived if one[2] not in poison}
    _expect(not lost, f"lost on the way to their partition: {lost}")
    return folded


def _expect_ours(world: World, traffic: Traffic, reason: str, event: Event) -> None:
    guilty = {
        ParkReason.DATABASE_REFUSED: traffic.refused,
        ParkReason.FOLD_FAILED: world.failed,
        ParkReason.CRASHED: world.deadly,
    }
    _expect(event.id in guilty[ParkReason(reason)], f"innocent event {event.id} is {reason}")


def _expect_innocent(world: World, traffic: Traffic, event: Event) -> None:
    guilty = traffic.refused | world.failing | world.deadly
    _expect(event.id not in guilty, f"poison {event.id} was folded")


def _subjects_are_their_events(world: World, folded: dict[SubjectKey, list[_Logged]]) -> None:
    """O1: state, contribution and journal of each subject, and no other subjects."""
    subjects = world.store.subjects
    _expect(subjects.keys() == folded.keys(), "subjects without events, or the other way round")
    for key, logged in folded.items():
        firsts: dict[bytes, _Logged] = {}
        for one in logged:
            firsts.setdefault(one[1][: journal.IDENTITY_BYTES], one)
        kept = subjects[key]
        _expect(kept.records == b"".join(one[1] for one in firsts.values()), f"journal of {key}")
        positions = [one[0] for one in firsts.values()]
        _expect(journal.unpack_positions(kept.positions) == positions, f"positions of {key}")
        state: Any = None
        for event in sorted((one[2] for one in firsts.values()), key=lambda e: (e.id, e.source)):
            state = FOLDS[Kind(key[0])].evolve(state, event)
        _expect(kept.state == encode_state(state), f"state of {key}")
        _, contribution = PROJECT[key[0]](key[2], state)
        _expect(kept.contribution == encode_contribution(contribution), f"contribution of {key}")


def _tallies_are_sums(world: World) -> None:
    """O3: each tally is the sum of all contributions, to the last row."""
    sums = Differences()
    for (_, organization_id, _), kept in world.store.subjects.items():
        sums.add(organization_id, decode_contribution(kept.contribution), 1)
    for tally, rows in sums.sums.items():
        expected = {key: numbers for key, numbers in rows.items() if any(numbers)}
        held = {key: numbers for key, numbers in world.store.tallies[tally].items() if any(numbers)}
        _expect(held == expected, f"tally {tally} is no sum")


def _expect(true: bool, otherwise: str) -> None:
    if not true:
        raise JudgementError(otherwise)
