"""The tables say the same as the pure layers that name them."""

from shared.projections.contributions import TALLIES
from shared.storage.tally_tables import TALLY_TABLES


def test_tallies_that_differences_move_are_the_tables_that_are_written() -> None:
    """The pure layer cannot import the tables, so their names stand twice and are held equal."""
    assert list(TALLIES) == [table.name for table in TALLY_TABLES]
