"""Two generations of the same events are equal; whatever is planted in one is found and traced."""

import tracemalloc
from collections.abc import Iterator
from decimal import Decimal

import msgspec
import pytest

from shared.errors import GenerationError
from shared.folds.execution import ExecutionState
from shared.folds.states import encode_state
from shared.projections import attempts
from shared.storage import table_contents
from shared.storage.comparison import Comparison, RowDifference, Subject, TableDifference, WrongSum
from shared.storage.schema import migrate
from shared.storage.table_contents import Row, TableContents
from tests.integration.shared.storage.lane_owner import PARTITIONS
from tests.integration.shared.storage.two_generations import (
    Planting,
    call_ids,
    charge,
    counts,
    fold,
    given_events,
    planting,
)
from tests.servers import ServersForTests, fresh_database

#: Generations folded by another rule, and with one charge more.
BY_RULE, CHARGED = 3, 4
#: The call that has that charge.
PARKED = ("attempt", "acme", "completed-07")

#: Makes of the second generation one that an earlier release could have made.
_OF_FOLD_VERSION_1 = (
    "DROP TABLE gen_2.enrolments, gen_2.item_tallies, gen_2.skipped_contacts",
    "ALTER TABLE gen_2.attempts DROP program_id, DROP number, DROP call_status",
    "ALTER TABLE gen_2.contacts DROP last_name",
    "ALTER TABLE gen_2.executions DROP program_id, DROP first_us",
    "UPDATE gen_2.attempts SET contribution = (contribution::jsonb - 'item')::text",
    "UPDATE gen_2.contacts SET contribution = (contribution::jsonb - 'enrolled')::text",
)


@pytest.fixture(scope="module")
def folded(servers: ServersForTests) -> Iterator[str]:
    """A database with four generations, the first two of the same events in other batches."""
    with fresh_database(servers) as database_url, pytest.MonkeyPatch.context() as patch:
        migrate(database_url, PARTITIONS)
        events = given_events()
        fold(database_url, 1, events)
        fold(database_url, 2, events, batch=70)
        fold(database_url, CHARGED, events, between=[charge(PARKED[2], "1.25")])
        rule = attempts.history_status
        patch.setattr(
            attempts,
            "history_status",
            lambda outcome: rule("no_answer" if outcome == "busy" else outcome),
        )
        fold(database_url, BY_RULE, events)
        yield database_url


@pytest.fixture
def sides(folded: str) -> Iterator[Planting]:
    """Both sides, which nothing was planted in yet."""
    with planting(folded) as both:
        yield both


def table(comparison: Comparison, name: str) -> TableDifference:
    """What was found in a table."""
    return next(found for found in comparison.tables if found.table == name)


def only_row(comparison: Comparison, name: str) -> RowDifference:
    """The one row of a table that differs."""
    (row,) = table(comparison, name).first
    return row


@pytest.mark.parametrize("same_rules", (True, False))
def test_generations_of_the_same_events_are_equal(sides: Planting, same_rules: bool) -> None:
    """Whatever the batches were."""
    found = sides.compare(same_rules=same_rules)

    assert found.equal
    assert not found.unexplained
    assert counts(found) == {}
    assert (found.organizations, len(found.tables)) == (2, 15)
    assert found.rows == sum(each.new_rows for each in found.tables)
    assert table(found, "attempts").old_rows > 80
    assert found.executions == []


def test_generation_without_newer_tables_is_compared_by_what_both_have(sides: Planting) -> None:
    """As a release of an earlier fold version laid it out: new tables come through a rebuild."""
    for statement in _OF_FOLD_VERSION_1:
        sides.new.execute(statement)
    found = sides.compare(same_rules=False)
    assert found.equal
    assert {"enrolments", "item_tallies"}.isdisjoint(table.table for table in found.tables)

    sides.plant("UPDATE g.attempts SET status = 'busy' WHERE attempt_id = 'busy-03'", rows=1)
    sides.plant("UPDATE g.attempts SET outcome = 'busy?' WHERE attempt_id = 'busy-03'", rows=1)
    assert counts(sides.compare(same_rules=False)) == {"attempts": (0, 0, 1)}


def test_what_says_the_same_is_equal(sides: Planting) -> None:
    """Tallies that came back to nothing, another scale of a number, another revision."""
    sides.plant("INSERT INTO g.contact_tallies VALUES ('acme', 'exec-1', 'queued', 0)")
    sides.plant("INSERT INTO g.digit_tallies VALUES ('none', 'none', 'menu', '1', 0)")
    sides.plant(
        "UPDATE g.attempts SET total_cost = total_cost::numeric(30, 20), revision = 77"
        " WHERE (organization_id, attempt_id) = (SELECT organization_id, attempt_id"
        " FROM g.attempts WHERE total_cost > 0 LIMIT 1)"
    )
    assert sides.compare().equal


def test_tally_changed_by_hand_is_no_sum_and_comes_from_nobody(sides: Planting) -> None:
    """The row, by how much, and in which generation it is wrong."""
    sides.plant(
        "UPDATE g.attempt_tallies SET attempts = attempts + 5, cost = cost + 0.000000001"
        " WHERE execution_id = 'exec-1' AND status = 'busy'"
    )
    found = sides.compare()

    assert counts(found) == {"attempt_tallies": (0, 0, 1)}
    row = only_row(found, "attempt_tallies")
    assert row.key["status"] == "busy"
    assert [(c.column, c.old, c.new, c.difference) for c in row.columns] == [
        ("attempts", 12, 17, 5),
        ("cost", 0, Decimal("0.000000001"), Decimal("0.000000001")),
    ]
    assert row.cause is not None
    assert (row.cause.subjects, row.cause.accounts_for_it) == (0, False)
    assert found.wrong_sums == [WrongSum(2, "attempt_tallies")]
    (execution,) = found.executions
    assert (execution.execution_id, execution.subjects) == ("exec-1", 0)
    assert "callMetrics.busy" in {figure.figure for figure in execution.figures}


def test_contribution_that_no_tally_followed_is_no_sum_either(sides: Planting) -> None:
    """All tallies are equal, yet in one generation they are not the sums."""
    sides.plant(
        "UPDATE g.attempts SET contribution = replace(contribution, '\"busy\"', '\"failed\"')"
        " WHERE attempt_id = 'busy-03'"
    )
    found = sides.compare(same_rules=False)

    assert counts(found) == {"attempts": (0, 0, 1)}
    assert found.wrong_sums == [WrongSum(2, "attempt_tallies"), WrongSum(2, "item_tallies")]
    moves = only_row(found, "attempts").moves
    assert [(m.tally, m.key.popitem()[1], m.difference) for m in moves] == [
        ("attempt_tallies", "busy", {"attempts": -1}),
        ("attempt_tallies", "failed", {"attempts": 1}),
        ("item_tallies", "busy", {"items": -1}),
        ("item_tallies", "failed", {"items": 1}),
    ]


@pytest.mark.parametrize(
    ("statement", "expected"),
    (
        ("DELETE FROM g.flow_versions WHERE organization_id = 'acme' AND version = 1",
         {"flow_versions": (1, 0, 0)}),
        ("INSERT INTO g.attributes VALUES ('beta', 'a', 1, '', '', '', '{}')",
         {"attributes": (0, 1, 0)}),
        ("DELETE FROM g.contact_tallies WHERE organization_id = 'zeta' AND status = 'completed'",
         {"contact_tallies": (1, 0, 0)}),
        ("UPDATE g.attempts SET to_number = NULL WHERE attempt_id = 'busy-00'", {}),
        ("UPDATE g.attempts SET to_number = '+1' WHERE attempt_id = 'busy-00'",
         {"attempts": (0, 0, 1)}),
    ),
)  # fmt: skip
def test_single_rows_are_found(
    sides: Planting, statement: str, expected: dict[str, tuple[int, int, int]]
) -> None:
    """Lost, too many, or changed in one column: exactly that row, by both ways to compare."""
    sides.plant(statement)
    for same_rules in (True, False):
        assert counts(sides.compare(same_rules=same_rules)) == expected


def test_lost_attempt_says_what_it_added(sides: Planting) -> None:
    """It stands behind its execution, whose billing lacks it among the dearest calls."""
    (lost,) = sides.new.execute(
        "DELETE FROM gen_2.attempts WHERE organization_id = 'zeta' AND attempt_id ="
        " (SELECT attempt_id FROM gen_2.attempts WHERE organization_id = 'zeta'"
        " ORDER BY total_cost DESC NULLS LAST, attempt_id LIMIT 1) RETURNING attempt_id"
    ).fetchall()
    found = sides.compare()

    row = only_row(found, "attempts")
    assert (row.what, row.key) == ("missing", {"organization_id": "zeta", "attempt_id": lost[0]})
    assert {"attempt_tallies", "cost_tallies"} <= {move.tally for move in row.moves}
    (execution,) = found.executions
    assert [behind.subject for behind in execution.first] == [Subject("attempt", lost[0])]
    assert f"billing.topCostlyCalls.{lost[0]}.callId" in {f.figure for f in execution.figures}


def test_values_that_rows_trade_are_found(sides: Planting) -> None:
    """A sum over columns would be the same."""
    sides.plant(
        "UPDATE g.attempts AS a SET started_us = b.started_us FROM g.attempts AS b"
        " WHERE (a.organization_id, b.organization_id) = ('acme', 'acme') AND"
        " ((a.attempt_id, b.attempt_id) = (SELECT min(attempt_id), max(attempt_id) FROM g.attempts"
        "  WHERE organization_id = 'acme' AND execution_id = 'spring')"
        " OR (b.attempt_id, a.attempt_id) = (SELECT min(attempt_id), max(attempt_id)"
        "  FROM g.attempts WHERE organization_id = 'acme' AND execution_id = 'spring'))",
        rows=2,
    )
    found = sides.compare(same_rules=False)

    assert counts(found) == {"attempts": (0, 0, 2)}
    assert {row.columns[0].column for row in table(found, "attempts").first} == {"started_us"}


def test_states_count_where_the_rules_are_the_same(sides: Planting) -> None:
    """Other rules may write a state otherwise and mean the same by it."""
    sides.plant("UPDATE g.contacts SET state = state || '\\x00' WHERE organization_id = 'acme'", 20)

    assert counts(sides.compare()) == {"contacts": (0, 0, 20)}
    assert sides.compare(same_rules=False).equal


def test_execution_by_other_rules_counts_as_its_reports_read_it(sides: Planting) -> None:
    """Not for when it was last heard of, but for when it began, which is a figure."""

    def compare_with(said: str) -> Comparison:
        row = sides.new.execute("SELECT state FROM gen_2.executions WHERE organization_id = 'acme'")
        changed = msgspec.msgpack.decode(row.fetchall()[0][0], type=ExecutionState)
        setattr(changed, said, 1_000_000)
        sides.new.execute(
            "UPDATE gen_2.executions SET state = %s WHERE organization_id = 'acme'",
            (encode_state(changed),),
        )
        return sides.compare(same_rules=False)

    assert compare_with("last_us").equal
    found = compare_with("started_us")
    assert counts(found) == {"executions": (0, 0, 1)}
    (execution,) = found.executions
    assert execution.figures[0].figure == "actualStartAt"
    assert execution.figures[0].new == "1970-01-01T00:00:01.000Z"


def test_execution_that_this_release_cannot_read_is_said_to_be_so(sides: Planting) -> None:
    """The tallies are compared all the same."""
    sides.plant("UPDATE g.executions SET state = '\\xc1' WHERE organization_id = 'acme'")
    found = sides.compare(same_rules=False)

    assert counts(found) == {"executions": (0, 0, 1)}
    (execution,) = found.executions
    assert execution.figures == []
    assert execution.unreadable is not None


def test_changed_rule_shows_exactly_the_figures_that_change(sides: Planting) -> None:
    """Which, by how much, and the attempts behind them."""
    found = sides.compare(same_rules=False, examples_max=20, generation=BY_RULE)

    assert found.unexplained
    assert found.wrong_sums == []
    assert counts(found).keys() == {"attempts", "attempt_tallies"}
    execution = next(each for each in found.executions if each.execution_id == "exec-1")
    figures = [(f.figure, f.old, f.new, f.difference) for f in execution.figures]
    share = (Decimal("48.39"), Decimal("67.74"), Decimal("19.35"))
    assert figures == [
        ("callMetrics.noAnswer", 30, 42, 12),
        ("callMetrics.busy", 12, 0, -12),
        ("breakdown.perAttempt.1.callsNoAnswer", 30, 42, 12),
        ("breakdown.perAttempt.1.callsFailed", 12, 0, -12),
        ("breakdown.perAttempt.1.noAnswerPercentage", *share),
        ("breakdown.total.callsNoAnswer", 30, 42, 12),
        ("breakdown.total.callsFailed", 12, 0, -12),
        ("breakdown.total.noAnswerPercentage", *share),
    ]
    assert [b.subject for b in execution.first] == [Subject("attempt", i) for i in call_ids("busy")]
    assert execution.subjects == 12
    (change,) = execution.first[0].difference.columns
    assert (change.column, change.old, change.new) == ("status", "busy", "no_answer")
    row = next(
        row
        for row in table(found, "attempt_tallies").first
        if (row.key["execution_id"], row.key["status"]) == ("exec-1", "busy")
    )
    assert row.cause is not None
    assert (row.what, row.cause.subjects, row.cause.accounts_for_it) == ("missing", 12, True)


def test_examples_are_bounded_and_counts_are_not(sides: Planting) -> None:
    """Of rows, of executions and of who is behind them."""
    found = sides.compare(same_rules=False, examples_max=1, generation=BY_RULE)

    assert len(table(found, "attempts").first) == 1
    assert table(found, "attempts").changed > 12
    assert found.executions_differing == 2
    (execution,) = found.executions
    assert execution.execution_id == "exec-1"
    assert (len(execution.first), execution.subjects) == (1, 12)
    none = sides.compare(same_rules=False, examples_max=0, generation=BY_RULE)
    assert counts(none) == counts(found)
    assert (none.executions, none.executions_differing) == ([], 2)


def test_explained_subject_explains_what_it_moves_and_no_more(sides: Planting) -> None:
    """Its rows and tallies are counted apart; a tally that moves further is unexplained."""
    unexplained = sides.compare(generation=CHARGED)
    assert unexplained.unexplained

    found = sides.compare(generation=CHARGED, explained=[PARKED])
    assert not found.equal
    assert not found.unexplained
    assert counts(found) == {}
    explained = {each.table: each.explained for each in found.tables if each.explained}
    assert explained == {"attempts": 1, "attempt_tallies": 1, "cost_tallies": 1}
    (row,) = table(found, "cost_tallies").first_explained
    assert row.columns[-1].difference == Decimal("1.25")
    (execution,) = found.executions
    assert execution.explained
    assert "billingMetrics.totalCreditsUsed" in {figure.figure for figure in execution.figures}

    sides.new.execute("UPDATE gen_4.cost_tallies SET cost = cost + 1 WHERE execution_id = 'exec-1'")
    further = sides.compare(generation=CHARGED, explained=[PARKED])
    assert counts(further) == {"cost_tallies": (0, 1, 0)}
    assert not further.executions[0].explained


def test_equal_organizations_are_not_read_row_by_row(
    sides: Planting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what differs is."""
    read: set[tuple[str, str]] = set()
    rows = TableContents.rows

    def noted(contents: TableContents, organization_id: str) -> Iterator[Row]:
        read.add((contents.key_columns[-1], organization_id))
        return rows(contents, organization_id)

    monkeypatch.setattr(TableContents, "rows", noted)
    assert sides.compare().equal
    assert read == set()
    sides.plant("UPDATE g.attempts SET to_number = '+1' WHERE attempt_id = 'busy-00'")
    assert not sides.compare().equal
    assert read == {("attempt_id", "acme")}


def test_memory_does_not_grow_with_the_rows_that_differ(
    sides: Planting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five times as many rows take nearly the same."""
    monkeypatch.setattr(table_contents, "FETCHED_ROWS", 50)
    peaks = []
    for begin, end in ((0, 600), (600, 3_000)):
        sides.new.execute(
            "INSERT INTO gen_2.attributes SELECT 'acme', 'more ' || n, 1, '', '', '', '{}'"
            " FROM generate_series(%s::int, %s::int) AS n",
            (begin + 1, end),
        )
        tracemalloc.start()
        found = sides.compare(examples_max=5)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert table(found, "attributes").unexpected == end
    assert peaks[1] < peaks[0] * 1.2


def test_generations_that_are_not_equally_far_are_not_compared(sides: Planting) -> None:
    """It would show differences that are none."""
    sides.plant("UPDATE g.positions SET ms = ms - 1 WHERE lane = 2")
    with pytest.raises(GenerationError, match="not folded equally far"):
        sides.compare()
