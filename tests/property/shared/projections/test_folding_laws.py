"""Batches through `Folding` leave the same rows and tallies, however the events arrive."""

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.entries import kept_form
from shared.folds import journal
from tests.property.contribution_sums import sum_of_contributions
from tests.property.event_strategies.deliveries import (
    Delivery,
    History,
    Spelling,
    fields_of,
    histories,
)
from tests.property.event_strategies.events import RawEvent, event_sets, identity
from tests.property.folded_database import FoldedDatabase, identity_of
from tests.property.laws import tried

#: What a projector remembers between batches: nothing, next to nothing, or all.
cache_sizes = st.sampled_from((0, 1500, 2**20))
partition_counts = st.sampled_from((1, 3))


@tried(120)
@given(
    history=histories(),
    cache_bytes=st.tuples(cache_sizes, cache_sizes),
    partitions=st.tuples(partition_counts, partition_counts),
)
def test_any_delivery_leaves_the_same_projection(
    history: History, cache_bytes: tuple[int, int], partitions: tuple[int, int]
) -> None:
    """Rule 1 of events.md: order, batches, lanes and duplicates change no row and no tally."""
    left, right = (
        FoldedDatabase(lanes, bytes_max).receive(delivery)
        for delivery, lanes, bytes_max in zip(
            history.deliveries, partitions, cache_bytes, strict=True
        )
    )
    assert left.projection() == right.projection()


@tried(60)
@given(
    history=histories(deliveries=2),
    astray=st.frozensets(st.integers(1, 10), min_size=1, max_size=4),
    partitions=partition_counts,
)
def test_entries_that_went_astray_are_moved_and_count_once(
    history: History, astray: frozenset[int], partitions: int
) -> None:
    """events.md, section 1: what the inbox or a wrong partition holds is moved to the right one."""
    direct, astray_delivery = history.deliveries
    expected = FoldedDatabase(partitions).receive(direct)
    found = FoldedDatabase(partitions, astray=astray).receive(astray_delivery)
    assert expected.projection() == found.projection()


@tried(60)
@given(events=event_sets(), respelled=st.sampled_from((Spelling(True), Spelling(True, True))))
def test_a_duplicate_in_other_words_changes_nothing(
    events: list[RawEvent], respelled: Spelling
) -> None:
    """Rule 2 of events.md: content is compared decoded, so spaces and escapes are no content."""
    terse = [fields_of(event, Spelling()) for event in events]
    roomy = [fields_of(event, respelled) for event in events]
    left = FoldedDatabase().receive([terse, roomy])
    right = FoldedDatabase().receive([roomy, terse])
    assert left.projection() == right.projection()


@tried(80)
@given(history=histories(deliveries=1), cache_bytes=cache_sizes)
def test_tallies_equal_the_sum_of_contributions(history: History, cache_bytes: int) -> None:
    """What batches add by difference is what the last contributions of all subjects add up to."""
    database = FoldedDatabase(cache_bytes=cache_bytes).receive(history.deliveries[0])
    projection = database.projection()
    assert sum_of_contributions(projection.contributions) == projection.tallies


@tried(60)
@given(history=histories(deliveries=1), cache_bytes=cache_sizes)
def test_a_journal_lists_each_event_once_where_it_came_first(
    history: History, cache_bytes: int
) -> None:
    """Rule 2 of events.md: an event counts once, for ever, and the first of it stands."""
    database = FoldedDatabase(cache_bytes=cache_bytes)
    firsts: dict[tuple[str, ...], journal.Position] = {}
    arrivals = 0
    for batch in history.deliveries[0]:
        arrived = database.arrive(batch)
        database.fold(arrived, {})
        for _, entry in arrived:
            firsts.setdefault(identity_of(entry.fields), (entry.ms, entry.seq))
            arrivals += 1
    assert firsts.keys() == {identity(event) for event in history.events}
    found = {
        (organization_id, kind, subject): journal.unpack_positions(kept.positions)
        for (kind, organization_id, subject), kept in database.kept.items()
    }
    expected: dict[tuple[str, ...], list[journal.Position]] = {}
    for (*subject, _source, _id), position in firsts.items():
        expected.setdefault(tuple(subject), []).append(position)
    assert expected == found
    assert arrivals - len(firsts) == database.duplicates
    assert arrivals == len(database.archived[0])


@tried(60)
@given(history=histories(deliveries=1))
def test_every_event_is_found_again_in_its_journal(history: History) -> None:
    """The journal knows each event by source and id, with the content of its first arrival."""
    database = FoldedDatabase().receive(history.deliveries[0])
    contents = first_contents(history.deliveries[0])
    for event in history.events:
        organization_id, kind, subject, source, event_id = identity(event)
        records = database.kept[kind, organization_id, subject].records
        found = journal.find(records, journal.identity_hash(source, event_id))
        assert contents[identity(event)] == found


def first_contents(delivery: Delivery) -> dict[tuple[str, ...], int]:
    """The content hash of the first entry of each event."""
    contents: dict[tuple[str, ...], int] = {}
    for batch in delivery:
        for fields in batch:
            contents.setdefault(identity_of(fields), journal.content_hash(kept_form(fields)[1]))
    return contents
