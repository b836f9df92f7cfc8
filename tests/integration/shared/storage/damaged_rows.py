"""An owner whose rows get damaged and are repaired, for the tests of repairing."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from shared.contracts.entries import Entry
from shared.contracts.stream_names import partition_of
from shared.storage.connection import connect
from shared.storage.contribution_sums import WrongTally
from shared.storage.damage import Damage
from shared.storage.repairing import Repairer
from shared.storage.schema import migrate
from shared.storage.subject_refold import RepairScope
from shared.storage.tables import SUBJECT_TABLES
from shared.storage.tally_tables import TALLY_TABLES
from tests.contract.wire import changed, structured
from tests.integration.shared.storage.lane_owner import (
    NOW_MS,
    PARTITIONS,
    LaneOwner,
    call_entry,
    entry,
    everything,
    lane_owner,
    subject_in,
)
from tests.servers import ServersForTests, fresh_database

ACME, OTHER = RepairScope("acme"), RepairScope("other")
EXECUTION = "exec-1"
FLOW = {"name": "f", "version": 1, "nodes": [{"id": "dial", "type": "dial"}], "edges": []}
CALLS = 5
TABLES = [str(table.name) for table in SUBJECT_TABLES.values()]
#: How many columns of a tally's row are its key.
_KEYS = {str(table.name): len(table.primary_key.columns) for table in TALLY_TABLES}
ALL_BUSY = (
    "UPDATE gen_1.attempts SET status = 'busy' WHERE organization_id = 'acme' AND status <> 'busy'"
)


@contextmanager
def owner_who_folded(servers: ServersForTests) -> Iterator[LaneOwner]:
    """The owner of all lanes of an installation, who has folded calls of two organizations."""
    with fresh_database(servers) as url:
        migrate(url, PARTITIONS)
        with lane_owner(url, "one", lease_ms=600_000) as owner:
            owner.take()
            for lane in range(PARTITIONS):
                _fold_calls(owner, lane)
            yield owner


def _fold_calls(owner: LaneOwner, lane: int) -> None:
    calls = [call_entry(n, lane, word=f"w{n % CALLS}") for n in range(1, 20)]
    charges = [
        call_entry(30 + n, lane, word=f"w{n % CALLS}", type="call.charged", data={"amount": n})
        for n in range(8)
    ]
    others = [call_entry(40 + n, lane, word="w1", organizationid="other") for n in range(3)]
    again = calls[0]._replace(ms=NOW_MS + 50)
    bad = Entry(NOW_MS + 25, 0, structured(b"bad"))
    owner.archive(lane, [*calls, bad], [*charges, *others, again])


def taken_up(owner: LaneOwner) -> LaneOwner:
    """The owner as it goes on after it was fenced; each test leaves all rows right."""
    owner.forget()
    owner.epochs = epochs(owner)
    return owner


_numbers = count(1)


def following(owner: LaneOwner, lane: int, **changes: object) -> Entry:
    """An entry that follows all that its lane holds."""
    position = owner.lanes.cursors([lane], 1)[lane].position
    return entry(position[0] + 1 - NOW_MS, changed(**{"id": f"said-{next(_numbers)}", **changes}))


def say(owner: LaneOwner, **changes: object) -> None:
    """Archive and fold one event."""
    lane = partition_of(str(changes["subject"]), PARTITIONS)
    owner.archive(lane, [following(owner, lane, **changes)])


def charge(subject: str, amount: int, **changes: object) -> dict[str, object]:
    """What one says of a call that is charged."""
    return {"type": "call.charged", "subject": subject, "data": {"amount": amount}, **changes}


def repair(
    owner: LaneOwner, scope: RepairScope = ACME, **options: bool
) -> tuple[list[Damage], list[WrongTally], int]:
    """Repair a scope; what was wrong, and in how many transactions it was put right."""
    damages: list[Damage] = []
    with (
        connect(owner.database_url, "reads") as reading,
        connect(owner.database_url, "writes") as writing,
    ):
        repairer = Repairer(reading, writing, PARTITIONS, 1, scope, **options)
        for share, _ in repairer.shares():
            for found in repairer.repair(share, lambda _events: None):
                damages += found
        tallies = [wrong for some in repairer.correct_tallies() for wrong in some]
        return damages, tallies, repairer.transactions


def change(owner: LaneOwner, statement: str, *values: object) -> int:
    """Change rows that are there; how many."""
    rows = owner.connection.execute(statement.encode(), values).rowcount
    assert rows
    return rows


def saying(owner: LaneOwner) -> dict[str, list[tuple[Any, ...]]]:
    """What the generation says: without revisions, and without tallies of nothing."""
    said = {}
    for table, rows in everything(owner.connection).items():
        if table in TABLES:
            said[table] = sorted((*row[:2], *row[3:]) for row in rows)
        elif table in _KEYS:
            said[table] = [row for row in rows if any(row[_KEYS[table] :])]
        elif table == "flow_versions":
            said[table] = rows
    return said


def epochs(owner: LaneOwner) -> dict[int, int]:
    """Lane → epoch, by the lease keeper's own question."""
    return owner.lanes.renew().epochs


def damage(owner: LaneOwner) -> dict[str, list[str]]:
    """Break what may break; by subject what is to be found."""
    lost, contributing, shown, unread = (subject_in(n, f"w{n}") for n in range(4))
    mine = "WHERE organization_id = 'acme'"
    call = f"{mine} AND attempt_id = %s"
    change(owner, f"DELETE FROM gen_1.attempts {call}", lost)
    for table in ("contacts", "executions"):
        change(owner, f"DELETE FROM gen_1.{table} {mine}")
    change(owner, f"UPDATE gen_1.flow_versions SET version = 9 {mine}")
    busy = "SET contribution = replace(contribution, 'failed', 'busy')"
    change(owner, f"UPDATE gen_1.attempts {busy} {call}", contributing)
    sum_up(owner)
    change(owner, f"UPDATE gen_1.attempts SET status = 'busy' {call}", shown)
    change(owner, f"UPDATE gen_1.attempts SET positions = 'x' {call}", unread)
    change(owner, f"UPDATE gen_1.cost_tallies SET cost = cost + 1.000000001 {mine}")
    change(owner, f"DELETE FROM gen_1.contact_tallies {mine}")
    return {
        lost: ["missing"],
        contributing: ["contribution"],
        shown: ["status"],
        unread: ["positions"],
        "contact-1": ["missing"],
        EXECUTION: ["missing"],
        "flow-1": ["flow_versions"],
    }


def sum_up(owner: LaneOwner) -> None:
    """Make all tallies the sums of the contributions that are there, right or wrong."""
    with connect(owner.database_url, "writes") as writing:
        assert list(Repairer(writing, writing, PARTITIONS, 1, ACME).correct_tallies())
