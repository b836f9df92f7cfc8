"""Adds to tallies what they lack of the sums of their contributions, while live traffic goes on.

Called by `repairing` after the states. A commit moves a tally and its contributions by the same,
so what a tally is off in any snapshot stays the same until it is mended: it is added to whatever
the tally is by then, and no lane has to stand still.
"""

from collections.abc import Sequence

import psycopg

from shared.contracts.amounts import NANO
from shared.projections.write_set import WriteSet
from shared.storage.commits import GenerationWriter
from shared.storage.contribution_sums import WrongTally


def add_what_lacks(
    connection: psycopg.Connection, writer: GenerationWriter, wrong: Sequence[WrongTally]
) -> None:
    """Make tallies right in one transaction; they must not have been mended since."""
    writes = WriteSet()
    for one in wrong:
        lacks = {name: one.right[name] - number for name, number in one.found.items()}
        writes.differences.sums[one.tally][tuple(one.key.values())] = [
            int(number * NANO if name == "cost" else number) for name, number in lacks.items()
        ]
    with connection.transaction():
        writer.write(writes)
