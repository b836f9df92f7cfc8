"""Repairing in place: what the log says stands in the end, and nothing else is touched."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest

from shared.contracts.entries import Entry
from shared.contracts.park_reasons import ParkReason
from shared.contracts.stream_names import partition_of
from shared.errors import FencedError, GenerationError, SegmentError
from shared.projections.state_cache import SubjectKey
from shared.storage import repairing
from shared.storage.connection import connect
from shared.storage.contribution_sums import WrongTally, contributions_that_differ
from shared.storage.damage import Damage
from shared.storage.repairing import Repairer
from shared.storage.report_changes import channel_name
from shared.storage.schema import migrate
from shared.storage.subject_refold import Refold, RepairScope
from shared.storage.tables import SUBJECT_TABLES, TALLY_TABLES
from tests.contract.wire import changed, json_bytes, structured
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
_CALLS = 5
_TABLES = [str(table.name) for table in SUBJECT_TABLES.values()]
#: How many columns of a tally's row are its key.
_KEYS = {str(table.name): len(table.primary_key.columns) for table in TALLY_TABLES}


@pytest.fixture(autouse=True)
def _breathless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else wants to be folded here."""
    monkeypatch.setattr(repairing, "_BREATH_S", 0)


@pytest.fixture(scope="module")
def one_owner(servers: ServersForTests) -> Iterator[LaneOwner]:
    """The owner of all lanes, who has folded calls of both organizations in each."""
    with fresh_database(servers) as url, laid_out_owner(url) as one:
        for lane in range(PARTITIONS):
            calls = [call_entry(n, lane, word=f"w{n % _CALLS}") for n in range(1, 20)]
            charges = [
                call_entry(30 + n, lane, word=f"w{n % _CALLS}", type="call.charged",
                           data={"amount": f"0.{n + 1}"})
                for n in range(8)
            ]  # fmt: skip
            others = [call_entry(40 + n, lane, word="w1", organizationid="other") for n in range(3)]
            again = calls[0]._replace(ms=NOW_MS + 50)
            bad = Entry(NOW_MS + 25, 0, structured(b"bad"))
            one.archive(lane, [*calls, bad], [*charges, *others, again])
        yield one


@contextmanager
def laid_out_owner(database_url: str) -> Iterator[LaneOwner]:
    """The owner of all lanes of a new installation."""
    migrate(database_url, PARTITIONS)
    with lane_owner(database_url, "one", lease_ms=600_000) as one:
        one.take()
        yield one


@pytest.fixture
def owner(one_owner: LaneOwner) -> LaneOwner:
    """The same for all tests, as it is after it was fenced; each test leaves all rows right."""
    one_owner.forget()
    one_owner.epochs = epochs(one_owner)
    return one_owner


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
        if table in _TABLES:
            said[table] = sorted((*row[:2], *row[3:]) for row in rows)
        elif table in _KEYS:
            said[table] = [row for row in rows if any(row[_KEYS[table] :])]
        elif table == "flow_versions":
            said[table] = rows
    return said


def epochs(owner: LaneOwner) -> dict[int, int]:
    """Lane → epoch, by the lease keeper's own question."""
    return owner.lanes.renew()[0]


def test_healthy_rows_are_only_read(owner: LaneOwner) -> None:
    """No row is written, no lane stands still."""
    before, at = everything(owner.connection), epochs(owner)

    assert ([], [], 0) == repair(owner)
    assert (before, at) == (everything(owner.connection), epochs(owner))


def damage(owner: LaneOwner) -> dict[str, list[str]]:
    """Break what may break; by subject what is to be found."""
    lost, contributing, shown, unread = (subject_in(n, f"w{n}") for n in range(4))
    mine = "WHERE organization_id = 'acme'"
    call = f"{mine} AND attempt_id = %s"
    change(owner, f"DELETE FROM gen_1.attempts {call}", lost)
    for table in ("contacts", "executions", "flow_versions"):
        change(owner, f"DELETE FROM gen_1.{table} {mine}")
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


def test_damaged_rows_become_what_the_log_says(owner: LaneOwner) -> None:
    """Lost, changed and wrongly summed ones, each named; the other organization keeps its rows."""
    say(owner, type="contact.enrolled", subject="contact-1")
    say(owner, type="execution.started", subject=EXECUTION)
    say(owner, type="flow.published", subject="flow-1", data=FLOW)
    right, rows = saying(owner), everything(owner.connection)
    expected = damage(owner)
    damaged = everything(owner.connection)

    found, _, _ = repair(owner, dry_run=True)
    assert damaged == everything(owner.connection)
    again, tallies, _ = repair(owner)
    assert found == again
    assert expected == {damage.subject: damage.what for damage in found}
    assert {"attempt_tallies", "contact_tallies", "cost_tallies", "execution_mentions"} == {
        wrong.tally for wrong in tallies
    }
    assert right == saying(owner)
    assert [] == contributions_that_differ(owner.connection, 1)
    repaired = everything(owner.connection)
    for table in _TABLES:
        others = [row for row in rows[table] if row[0] == "other"]
        assert others == [row for row in repaired[table] if row[0] == "other"]
    assert ([], [], 0) == repair(owner)


_ALL_BUSY = (
    "UPDATE gen_1.attempts SET status = 'busy' WHERE organization_id = 'acme' AND status <> 'busy'"
)


@pytest.mark.parametrize(("limit", "most"), (("SUBJECTS_MAX", 2), ("BYTES_MAX", 1), (None, 1_000)))
def test_transactions_keep_their_limits(
    owner: LaneOwner, monkeypatch: pytest.MonkeyPatch, limit: str | None, most: int
) -> None:
    """So many subjects or bytes at most; each raises the epoch of its lane by one, no other's."""
    right, expected = saying(owner), epochs(owner)
    damaged = change(owner, _ALL_BUSY)
    if limit:
        monkeypatch.setattr(repairing, f"REPAIR_{limit}", most)
    sizes: list[int] = []
    replace = Repairer._replace

    def counted(repairer: Repairer, refold: Refold, keys: list[SubjectKey]) -> None:
        sizes.append(len(keys))
        expected[refold.share.partition] += 1
        replace(repairer, refold, keys)

    monkeypatch.setattr(Repairer, "_replace", counted)

    assert repair(owner)[2] == len(sizes)
    assert damaged == sum(sizes)
    assert max(sizes) <= most
    assert (right, expected) == (saying(owner), epochs(owner))


def test_subjects_that_do_not_fit_into_memory_are_taken_in_several_passes(
    owner: LaneOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each subject in one of them; tallies are corrected a few at a time."""
    right, damaged = saying(owner), change(owner, _ALL_BUSY)
    wrong = change(owner, "DELETE FROM gen_1.execution_mentions WHERE organization_id = 'acme'")
    monkeypatch.setattr(repairing, "REPAIR_EVENTS_MAX", 10)
    monkeypatch.setattr(repairing, "REPAIR_TALLIES_MAX", 1)

    damages, tallies, _ = repair(owner)
    assert damaged == len(damages) == len({damage.subject for damage in damages})
    assert wrong == len(tallies)
    assert right == saying(owner)


def test_batch_folded_before_a_repair_is_refused_and_folded_anew(owner: LaneOwner) -> None:
    """The owner remembers the wrong row, or the lost one's revision: it has to read again."""
    lost, lane = subject_in(2, "w2"), 2
    position = owner.lanes.cursors([lane], 1)[lane].position
    more = following(owner, lane, **charge(lost, 1))
    before = owner.fold({lane: [more]}, position)
    change(owner, "DELETE FROM gen_1.attempts WHERE attempt_id = %s", lost)
    assert [lost] == [damage.subject for damage in repair(owner)[0]]

    with pytest.raises(FencedError):
        owner.commit(before)
    owner.forget()
    owner.epochs = epochs(owner)
    owner.commit(owner.fold({lane: [more]}, position))
    assert ([], [], 0) == repair(owner)
    assert [] == contributions_that_differ(owner.connection, 1)


def between(
    monkeypatch: pytest.MonkeyPatch, target: object, name: str, live: Callable[[], None]
) -> None:
    """Let live traffic come in right before a step of a repair, once."""
    step, waiting = getattr(target, name), [live]

    def with_live(*arguments: Any) -> Any:
        while waiting:
            waiting.pop()()
        return step(*arguments)

    monkeypatch.setattr(target, name, with_live)


def test_events_that_come_between_looking_and_replacing_are_in(
    owner: LaneOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the damaged subject and of others; and what live mended itself stays as it is."""
    subject = subject_in(1, "w1")
    change(owner, "UPDATE gen_1.attempts SET status = 'busy', revision = 7 WHERE attempt_id = %s"
           " AND organization_id = 'acme'", subject)  # fmt: skip

    def live() -> None:
        owner.forget()
        for who in (subject, subject_in(1, "new"), subject):
            say(owner, **charge(who, 2))

    between(monkeypatch, Repairer, "_replace", live)
    damages, tallies, _ = repair(owner)

    assert ([subject], []) == ([damage.subject for damage in damages], tallies)
    assert ([], [], 0) == repair(owner)
    assert [] == contributions_that_differ(owner.connection, 1)


def test_tallies_are_corrected_while_live_moves_them(
    owner: LaneOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they are off is added to whatever they are by then."""
    change(owner, "UPDATE gen_1.cost_tallies SET cost = cost + 5 WHERE organization_id = 'acme'")
    change(owner, "DELETE FROM gen_1.attempt_tallies WHERE organization_id = 'acme'")
    call = subject_in(1, "w1")
    between(
        monkeypatch, repairing, "add_what_lacks",
        lambda: say(owner, **charge(call, 2)),
    )  # fmt: skip

    assert {"cost_tallies", "attempt_tallies"} == {wrong.tally for wrong in repair(owner)[1]}
    assert [] == contributions_that_differ(owner.connection, 1)


def test_only_what_names_an_execution_is_repaired(owner: LaneOwner) -> None:
    """By an event, by a row that lies, or by its own id; whatever else is wrong stays wrong."""
    named, lying, elsewhere = (subject_in(n, f"w{n}") for n in range(3))
    say(owner, **charge(named, 2, executionid="exec-2"))
    say(owner, type="execution.started", subject="exec-2", executionid="exec-2")
    right = saying(owner)
    for call in (named, elsewhere):
        change(owner, "UPDATE gen_1.attempts SET to_number = 'x' WHERE attempt_id = %s", call)
    change(owner, "UPDATE gen_1.attempts SET execution_id = 'exec-2' WHERE attempt_id = %s"
           " AND organization_id = 'acme'", lying)  # fmt: skip
    change(owner, "DELETE FROM gen_1.executions WHERE execution_id = 'exec-2'")
    change(owner, "UPDATE gen_1.execution_mentions SET subjects = 77")

    damages, tallies, _ = repair(owner, RepairScope("acme", "exec-2"))
    assert {named, lying, "exec-2"} == {damage.subject for damage in damages}
    assert {"exec-2"} == {wrong.key["execution_id"] for wrong in tallies}
    damages, _, _ = repair(owner)
    assert [elsewhere] == [damage.subject for damage in damages]
    repair(owner, OTHER)
    assert right == saying(owner)


def test_readers_of_reports_are_told_what_changed(owner: LaneOwner) -> None:
    """A replaced row may have been in any report; a tally is in those of its execution."""
    with connect(owner.database_url, "listens") as listening:
        listening.execute(f"LISTEN {channel_name(1)}".encode())
        repair(owner)
        change(owner, "UPDATE gen_1.attempts SET status = 'busy' WHERE attempt_id = %s"
               " AND organization_id = 'acme'", subject_in(0, "w0"))  # fmt: skip
        repair(owner)
        change(owner, "UPDATE gen_1.attempt_tallies SET attempts = 8 WHERE"
               " organization_id = 'acme' AND execution_id = %s", EXECUTION)  # fmt: skip
        repair(owner)
        told = [notify.payload for notify in listening.notifies(timeout=1, stop_after=3)]

    assert told[-2:] == ["all", json_bytes({"acme": [EXECUTION]}).decode()]


def test_rows_that_know_more_than_the_log_are_left_alone(owner: LaneOwner) -> None:
    """It may be the log that lost something; with `trust_log` they become what it says."""
    change(owner, "DELETE FROM callfold.log_segments WHERE partition = 2 AND first_ms = %s",
           NOW_MS + 30)  # fmt: skip
    change(owner, "INSERT INTO gen_1.attempts SELECT organization_id, 'nobody', revision, state,"
           " records, positions, contribution, kind, execution_id, contact_id, attempt,"
           " from_number, to_number, direction, status, outcome, flow_outcome, started_us"
           " FROM gen_1.attempts WHERE attempt_id = %s", subject_in(1, "w0"))  # fmt: skip
    before = everything(owner.connection)["attempts"]

    damages, _, _ = repair(owner)
    assert all(damage.beyond_log for damage in damages)
    assert {subject_in(2, f"w{n}") for n in range(_CALLS)} | {"nobody"} == {
        damage.subject for damage in damages
    }
    assert before == everything(owner.connection)["attempts"]

    assert damages == repair(owner, trust_log=True)[0]
    assert ([], [], 0) == repair(owner)
    assert [] == contributions_that_differ(owner.connection, 1)


def test_damaged_segment_ends_a_repair_before_anything_is_written(owner: LaneOwner) -> None:
    """Nobody knows what it held, so nothing is right."""
    flip = (
        "UPDATE callfold.log_segments SET body = set_byte(body, 30, get_byte(body, 30) # 1)"
        " WHERE partition = 0"
    )
    change(owner, _ALL_BUSY)
    change(owner, flip)
    before = everything(owner.connection)

    with pytest.raises(SegmentError, match="segment 0/"):
        repair(owner)
    assert before == everything(owner.connection)
    change(owner, flip)
    assert repair(owner)[0]


def test_entries_that_live_did_not_fold_are_left_out(owner: LaneOwner) -> None:
    """Those it parked by a verdict of ours, and those that only were archived so far."""
    call, lane = subject_in(0, "w0"), 0
    position = owner.lanes.cursors([lane], 1)[lane].position
    condemned = following(owner, lane, **charge(call, 3))
    verdicts = {(lane, condemned.ms, 0): (ParkReason.FOLD_FAILED, "why")}
    owner.folding.take(lane, position, [condemned], verdicts)
    owner.commit(owner.folding.harvest())
    archived = following(owner, lane, **charge(call, 4))
    owner.folding.archive(lane, (condemned.ms, 0), [archived])
    owner.commit(owner.folding.harvest())
    right = saying(owner)
    change(owner, "DELETE FROM gen_1.attempts WHERE attempt_id = %s AND organization_id = 'acme'",
           call)  # fmt: skip

    assert [call] == [damage.subject for damage in repair(owner)[0]]
    assert right == saying(owner)


def test_generation_that_is_not_live_any_more_is_not_repaired(owner: LaneOwner) -> None:
    """A switch came between."""
    change(owner, "UPDATE callfold.installation SET live_generation = 2")
    with pytest.raises(GenerationError, match="not live"):
        repair(owner)
    change(owner, "UPDATE callfold.installation SET live_generation = 1")
