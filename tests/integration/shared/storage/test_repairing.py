"""Repairing in place: what the log says stands in the end, and nothing else is touched."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from shared.errors import FencedError
from shared.projections.state_cache import SubjectKey
from shared.storage import repairing
from shared.storage.connection import connect
from shared.storage.contribution_sums import contributions_that_differ
from shared.storage.repairing import Repairer
from shared.storage.report_changes import channel_name
from shared.storage.subject_refold import Refold, RepairScope
from tests.contract.wire import json_bytes
from tests.integration.shared.storage.damaged_rows import (
    ALL_BUSY,
    EXECUTION,
    FLOW,
    OTHER,
    TABLES,
    change,
    charge,
    damage,
    epochs,
    following,
    owner_who_folded,
    repair,
    say,
    saying,
    taken_up,
)
from tests.integration.shared.storage.lane_owner import (
    LaneOwner,
    everything,
    subject_in,
)
from tests.servers import ServersForTests


@pytest.fixture(autouse=True)
def _breathless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else wants to be folded here."""
    monkeypatch.setattr(repairing, "_BREATH_S", 0)


@pytest.fixture(scope="module")
def folded(servers: ServersForTests) -> Iterator[LaneOwner]:
    """One owner for all tests here."""
    with owner_who_folded(servers) as one:
        yield one


@pytest.fixture
def owner(folded: LaneOwner) -> LaneOwner:
    """The same, whatever a test before did to it."""
    return taken_up(folded)


def test_healthy_rows_are_only_read(owner: LaneOwner) -> None:
    """No row is written, no lane stands still."""
    before, at = everything(owner.connection), epochs(owner)

    assert ([], [], 0) == repair(owner)
    assert (before, at) == (everything(owner.connection), epochs(owner))


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
    assert {wrong.tally for wrong in tallies} == {
        "attempt_tallies",
        "contact_tallies",
        "cost_tallies",
        "enrolments",
        "execution_mentions",
        "item_tallies",
    }
    assert right == saying(owner)
    assert [] == contributions_that_differ(owner.connection, 1)
    repaired = everything(owner.connection)
    for table in TABLES:
        others = [row for row in rows[table] if row[0] == "other"]
        assert others == [row for row in repaired[table] if row[0] == "other"]
    assert ([], [], 0) == repair(owner)


@pytest.mark.parametrize(("limit", "most"), (("SUBJECTS_MAX", 2), ("BYTES_MAX", 1), (None, 1_000)))
def test_transactions_keep_their_limits(
    owner: LaneOwner, monkeypatch: pytest.MonkeyPatch, limit: str | None, most: int
) -> None:
    """So many subjects or bytes at most; each raises the epoch of its lane by one, no other's."""
    right, expected = saying(owner), epochs(owner)
    damaged = change(owner, ALL_BUSY)
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
    right, damaged = saying(owner), change(owner, ALL_BUSY)
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
    """Of the lost subject, which live begins from nothing then, and of others."""
    lost = subject_in(1, "w1")
    change(owner, "DELETE FROM gen_1.attempts WHERE attempt_id = %s AND organization_id = 'acme'",
           lost)  # fmt: skip

    def live() -> None:
        owner.forget()
        for who in (lost, subject_in(1, "new"), lost):
            say(owner, **charge(who, 2))

    between(monkeypatch, Repairer, "_replace", live)

    assert [lost] == [damage.subject for damage in repair(owner)[0]]
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
    change(owner, "DELETE FROM gen_1.attempts WHERE attempt_id = %s", named)
    change(owner, "UPDATE gen_1.attempts SET to_number = 'x' WHERE attempt_id = %s", elsewhere)
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
