"""Generations that were folded from the same events, to compare with something planted in one.

Used by the tests of comparing. What a test plants it writes within the transaction that is
compared, and rolls back: all of them share one database.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg

from services.tooling.traffic import Campaign, CampaignPlan, to_json
from shared.contracts.entries import ArchivedEntry, Entry, kept_form
from shared.contracts.stream_names import partition_of
from shared.folds.journal import content_hash
from shared.projections.folding import Folding
from shared.projections.state_cache import StateCache, SubjectKey
from shared.storage.commits import GenerationWriter
from shared.storage.comparing import compare
from shared.storage.comparison import Comparison
from shared.storage.connection import connect
from shared.storage.generation_schemas import create_generation
from shared.storage.schema import engine_of
from shared.storage.subjects import SubjectReader
from shared.storage.table_contents import Side
from tests.contract.wire import changed
from tests.integration.shared.storage.lane_owner import NOW_MS, PARTITIONS, START

#: Calls of the execution `exec-1` of the organization `acme`, by outcome.
OUTCOMES = {"busy": 12, "no_answer": 30, "completed": 20}


def call_ids(outcome: str) -> list[str]:
    """The calls of `exec-1` with an outcome, in the order of their ids."""
    return [f"{outcome}-{number:02}" for number in range(OUTCOMES[outcome])]


def given_events() -> list[dict[str, Any]]:
    """A campaign for each of two organizations, and `exec-1`."""
    events = [
        event
        for seed, organization_id in enumerate(("acme", "zeta"))
        for event in Campaign(
            CampaignPlan(
                organization_id=organization_id,
                execution_id="spring",
                program_id="program",
                contacts=20,
                seed=seed,
                started_at=datetime(2026, 3, 2, 9, tzinfo=UTC),
            )
        ).events()
    ]
    return events + [
        changed(subject=call_id, id=f"end of {call_id}", data={"outcome": outcome})
        for outcome in OUTCOMES
        for call_id in call_ids(outcome)
    ]


def charge(call_id: str, amount: str) -> dict[str, Any]:
    """A charge of a call of `exec-1`."""
    name = f"charge of {call_id}"
    return changed(type="call.charged", subject=call_id, id=name, data={"amount": amount})


def fold(
    database_url: str,
    generation: int,
    events: Sequence[dict[str, Any]],
    *,
    batch: int = 1_000,
    between: Sequence[dict[str, Any]] = (),
) -> None:
    """Fold events into a generation, the first one being there already.

    Those `between` come second in their lanes: no other event moves, nor does any lane's end.
    """
    if generation > 1:
        engine = engine_of(database_url)
        with engine.begin() as connection:
            create_generation(connection, generation)
        engine.dispose()
    lanes: dict[int, list[Entry]] = {lane: [] for lane in range(PARTITIONS)}
    for number, event in enumerate(events):
        lane = partition_of(event["subject"], PARTITIONS)
        lanes[lane].append(Entry(NOW_MS + number, 0, [b"event", to_json(event)]))
    for event in between:
        of_lane = lanes[partition_of(event["subject"], PARTITIONS)]
        of_lane.insert(1, Entry(of_lane[0].ms, 1, [b"event", to_json(event)]))
    with connect(database_url, "folds") as connection:
        writer = GenerationWriter(connection, generation)
        loaded = SubjectReader(connection, generation).load
        folding = Folding(PARTITIONS, StateCache(2**24), loaded)
        for lane, entries in lanes.items():
            position = START
            for start in range(0, len(entries), batch):
                part = entries[start : start + batch]
                folding.follow(lane, position, [_archived(entry) for entry in part], {})
                position = (part[-1].ms, part[-1].seq)
                with connection.transaction():
                    writer.write(folding.harvest())


def _archived(entry: Entry) -> ArchivedEntry:
    """An entry as the log would give it back."""
    mode, kept = kept_form(entry.fields)
    return entry.ms, entry.seq, mode, kept, content_hash(kept)


class Planting:
    """Two sides within transactions, of which the new one may be changed first."""

    def __init__(self, old: psycopg.Connection, new: psycopg.Connection) -> None:
        self.old = old
        self.new = new

    def plant(self, statement: str, rows: int = 1) -> None:
        """Change so many rows of the new generation, which is called `g` in the statement."""
        planted = self.new.execute(statement.replace("g.", "gen_2.").encode())
        assert planted.rowcount == rows

    def compare(
        self,
        *,
        same_rules: bool = True,
        examples_max: int = 50,
        explained: Collection[SubjectKey] = (),
        generation: int = 2,
    ) -> Comparison:
        """Compare the first generation with another one."""
        return compare(
            Side(self.old, 1),
            Side(self.new, generation),
            same_rules=same_rules,
            examples_max=examples_max,
            explained=explained,
        )


@contextmanager
def planting(database_url: str) -> Iterator[Planting]:
    """Two transactions, each with its own snapshot; nothing of them stays."""
    with connect(database_url, "old") as old, connect(database_url, "new") as new:
        for connection in (old, new):
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        yield Planting(old, new)
        for connection in (old, new):
            connection.execute("ROLLBACK")


def counts(comparison: Comparison) -> dict[str, tuple[int, int, int]]:
    """Missing, unexpected and changed rows of each table that differs."""
    return {
        table.table: (table.missing, table.unexpected, table.changed)
        for table in comparison.tables
        if table.unexplained
    }
