"""Lanes whose owners died: what of them may be in a batch, and when they are trusted again."""

from collections.abc import Collection, Mapping

import pytest

from services.projector.suspects import Suspects
from shared.contracts.entries import Entry
from shared.projections.write_set import LaneWrite, WriteSet
from shared.storage.lanes import DEATHS_SUSPECT

_MAX = 30_000
_SMALL = 937
_LANE, _OTHER = 1, 2
Said = list[tuple[dict[int, int], set[int], dict[int, int]]]


def suspects_of(
    deaths: int, said: Said | None = None, head: tuple[int, int] | None = None
) -> Suspects:
    """Suspects with a lane whose owners died so often, and one that nobody suspects."""

    def say(
        epochs: Mapping[int, int], at_hand: Collection[int], cleared: Mapping[int, int]
    ) -> None:
        if said is not None:
            said.append((dict(epochs), set(at_hand), dict(cleared)))

    suspects = Suspects(_MAX, say)
    suspects.taken_up(_LANE, 5, deaths, head)
    suspects.taken_up(_OTHER, 5, 0, None)
    return suspects


def went_through(suspects: Suspects, entries: int) -> set[int]:
    """A batch with so many entries of the suspect, and one of the other lane."""
    writes = WriteSet()
    for lane, number in ((_LANE, entries), (_OTHER, 1)):
        writes.lanes[lane] = LaneWrite(old=(0, 0), new=(9, 0), entries=number)
    suspects.submitted(writes)
    return suspects.succeeded()


def entries(number: int) -> list[Entry]:
    """So many entries of a lane."""
    return [Entry(n, 0, []) for n in range(number)]


@pytest.mark.parametrize(
    ("deaths", "batch_max", "condemned"),
    (
        (1, _MAX, False),
        (2, _SMALL, False),
        (3, 1, False),
        (4, 1, False),
        (5, 1, True),
    ),
)
def test_batches_shrink_with_each_death_until_one_entry_is_condemned(
    deaths: int, batch_max: int, condemned: bool
) -> None:
    """Nobody is condemned before the process died twice with it alone at hand."""
    suspects = suspects_of(deaths)
    assert batch_max == suspects.batch_max(_LANE)
    assert condemned == suspects.condemns(_LANE)
    assert _MAX == suspects.batch_max(_OTHER)
    assert not suspects.condemns(_OTHER)


def test_batch_beside_a_suspect_is_of_the_suspect_alone() -> None:
    """Whoever dies then has nothing else at hand; the most suspected lane comes first."""
    suspects = suspects_of(2)
    found = {_LANE: entries(200), _OTHER: entries(5)}
    assert {_LANE: found[_LANE][:_SMALL]} == suspects.choose(found)
    suspects.taken_up(_OTHER, 5, 3, None)
    assert {_OTHER: found[_OTHER][:1]} == suspects.choose(found)


def test_lane_is_trusted_once_all_that_was_at_risk_went_through() -> None:
    """As many entries as the batch can have had, and not one less."""
    suspects = suspects_of(3)
    assert {_OTHER} == went_through(suspects, _SMALL - 1)
    assert 1 == suspects.batch_max(_LANE)
    assert {_LANE, _OTHER} == went_through(suspects, 1)
    assert not suspects
    suspects.taken_up(_LANE, 5, 3, None)  # the table hears of it a moment later
    assert not suspects
    suspects.taken_up(_LANE, 6, 3, None)  # another owner died of it since
    assert suspects


@pytest.mark.parametrize(("head", "trusted"), (((9, 0), True), ((9, 1), False)))
def test_lane_is_trusted_once_all_that_was_there_when_it_was_taken_up_went_through(
    head: tuple[int, int], trusted: bool
) -> None:
    """Nobody died of what was added later; a busy lane is suspected no longer than needed."""
    suspects = suspects_of(2, head=head)
    assert trusted == (_LANE in went_through(suspects, 3))
    assert trusted != bool(suspects)


@pytest.mark.parametrize(("deaths", "batch_max"), ((3, 1), (2, _SMALL), (1, _MAX), (0, _MAX)))
def test_deaths_that_were_taken_back_are_forgotten(deaths: int, batch_max: int) -> None:
    """The projector that was thought dead had stood still; a lane not named stays as it is."""
    suspects = suspects_of(3)
    assert suspects.absolve({_OTHER: 0})
    assert (deaths >= DEATHS_SUSPECT) == suspects.absolve({_LANE: deaths})
    assert batch_max == suspects.batch_max(_LANE)


def test_database_is_told_of_what_is_at_hand_before_it_is_and_once() -> None:
    """With the epochs at which the suspects are held; lanes that nobody suspects are not named."""
    said: Said = []
    suspects = suspects_of(2, said)
    for lanes in ([_LANE, _OTHER], [_LANE], [_OTHER], []):
        suspects.say_at_hand(lanes)
    assert [({_LANE: 5}, {_LANE}, {}), ({_LANE: 5}, set(), {})] == said


def test_database_is_told_who_was_cleared_before_anything_else_is_at_hand() -> None:
    """Else a death before the keeper's next beat is put down to a lane that it does not concern."""
    said: Said = []
    suspects = suspects_of(2, said)
    suspects.say_at_hand([_LANE])
    went_through(suspects, 2 * _MAX)
    suspects.say_at_hand([_OTHER])
    suspects.say_at_hand([_OTHER])
    assert [({_LANE: 5}, {_LANE}, {}), ({}, set(), {_LANE: 5})] == said


def test_one_death_is_remembered_until_two_whole_batches_went_through() -> None:
    """The deadly entry may stand behind the next commit; else nobody ever counts to two."""
    suspects = suspects_of(1)
    assert not suspects
    assert {_OTHER} == went_through(suspects, 2 * _MAX - 1)
    assert {_LANE, _OTHER} == went_through(suspects, 1)
