"""Contributions and their differences."""

import msgspec
import pytest

from shared.contracts.contact_events import CONTACT_STATUSES
from shared.projections.contributions import (
    NOTHING,
    TALLIES,
    Contribution,
    Differences,
    decode_contribution,
    encode_contribution,
)

PENDING = Contribution(
    enrolments=[("spring", "pending")], enrolled=[("spring", "contact-1", 0, 20, 20)]
)
QUEUED = Contribution(
    enrolments=[("spring", "queued")], enrolled=[("spring", "contact-1", 1, 25, 20)]
)
CALL = Contribution(
    mentions=["spring"],
    execution_id="spring",
    attempt=("call", 1, "ongoing", 0, 0, 0, 0, 0),
    nodes=[("menu", "", 1, 1, 0, 0)],
)
ENDED = Contribution(
    mentions=["spring"],
    execution_id="spring",
    attempt=("call", 1, "completed", 1, 1, 900, 1, 10**21),
    nodes=[("menu", "", 1, 1, 1, 400)],
    digits=[("menu", "1", 1)],
    costs=[("say", "", "", 1, 10**21, 0, 0)],
)


def test_a_change_moves_a_call_from_one_key_to_another() -> None:
    """What stays the same is no row; what moves is one row less and one more."""
    differences = Differences()
    differences.add("acme", CALL, -1)
    differences.add("acme", ENDED, 1)
    assert [] == differences.rows("execution_mentions")
    assert [
        ("acme", "spring", "call", 1, "completed", 1, 1, 1, 900, 1, 10**21),
        ("acme", "spring", "call", 1, "ongoing", -1, 0, 0, 0, 0, 0),
    ] == differences.rows("attempt_tallies")
    assert [("acme", "spring", "menu", "", 0, 0, 1, 400)] == differences.rows("node_tallies")
    assert [("acme", "spring", "menu", "1", 1)] == differences.rows("digit_tallies")
    assert [("acme", "spring", "say", "", "", 1, 10**21, 0, 0)] == differences.rows("cost_tallies")


@pytest.mark.parametrize(
    "after",
    (
        CALL,
        ENDED,
        NOTHING,
        msgspec.structs.replace(ENDED, execution_id="autumn", mentions=["autumn", "spring"]),
        msgspec.structs.replace(CALL, nodes=[*CALL.nodes, ("menu", "dtmf", 0, 1, 0, 0)]),
        msgspec.structs.replace(QUEUED, mentions=["spring"], item=("", "completed")),
    ),
)
@pytest.mark.parametrize("before", (NOTHING, CALL, ENDED))
def test_a_move_is_one_taken_back_and_the_other_added(
    before: Contribution, after: Contribution
) -> None:
    """What both have is left out, which changes no sum."""
    moved, added = Differences(), Differences()
    moved.move("acme", before, after)
    added.add("acme", before, -1)
    added.add("acme", after, 1)
    for tally in added.sums:
        assert added.rows(tally) == moved.rows(tally)


def test_what_is_added_and_taken_back_is_nothing() -> None:
    """Every number of every tally returns to 0."""
    differences = Differences()
    differences.add("acme", ENDED, 1)
    differences.add("acme", ENDED, -1)
    assert not any(differences.rows(tally) for tally in differences.sums)


def test_organizations_do_not_add_up() -> None:
    """Two organizations may use the same ids for everything."""
    skipped = CONTACT_STATUSES.index("skipped")
    contact = Contribution(
        enrolments=[("spring", "skipped")], enrolled=[("spring", "contact-1", skipped, 20, 20)]
    )
    differences = Differences()
    for contribution in (msgspec.structs.replace(ENDED, item=("p", "completed")), contact):
        differences.add("acme", contribution, 1)
        differences.add("bolt", contribution, -1)
    for tally in TALLIES:
        assert ["acme", "bolt"] == [row[0] for row in differences.rows(tally)], tally


def test_an_enrolment_counts_under_its_status() -> None:
    """A contact adds one to each execution that it takes part in."""
    differences = Differences()
    differences.add("acme", PENDING, 1)
    differences.move("acme", PENDING, QUEUED)
    assert [
        ("acme", "spring", "queued", 1),
    ] == differences.rows("contact_tallies")
    assert differences.rows("enrolments") == [("acme", "spring", "contact-1", 1, 1, 25, 20)]


def test_an_item_without_an_execution_counts_under_its_program() -> None:
    """A campaign lists attempts that say its program, whatever they belong to."""
    differences = Differences()
    differences.add("acme", Contribution(item=("p", "in_progress")), 1)
    differences.move(
        "acme",
        Contribution(item=("p", "in_progress")),
        Contribution(item=("p", "completed"), execution_id="spring"),
    )
    assert [("acme", "spring", "p", "completed", 1)] == differences.rows("item_tallies")


def test_a_contribution_comes_back_from_its_bytes() -> None:
    """Amounts beyond 64 bits too; defaults take no room."""
    assert ENDED == decode_contribution(encode_contribution(ENDED))
    assert b"{}" == encode_contribution(Contribution())
