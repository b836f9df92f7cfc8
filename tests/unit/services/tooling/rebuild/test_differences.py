"""What an operator reads of a comparison: the first line decides, every list is bounded."""

from decimal import Decimal

from services.tooling.rebuild.differences import comparison_text
from shared.reports.figure_differences import FigureDifference
from shared.storage.comparison import (
    Cause,
    ColumnChange,
    Comparison,
    ExecutionDifference,
    RowDifference,
    Subject,
    SubjectDifference,
    TableDifference,
    TallyMove,
    WrongSum,
)

MOVE = TallyMove(
    "attempt_tallies",
    {"organization_id": "acme", "execution_id": "spring", "status": "busy"},
    {"attempts": -1, "cost": Decimal("-0.50")},
)
CHANGED_CALL = RowDifference(
    key={"organization_id": "acme", "attempt_id": "call-1"},
    what="changed",
    columns=[ColumnChange("status", "busy", "no_answer")],
    moves=[MOVE],
)
CHANGED_TALLY = RowDifference(
    key={"organization_id": "acme", "execution_id": "spring", "status": "busy"},
    what="changed",
    columns=[ColumnChange("attempts", 1012, 12, -1000)],
    cause=Cause([Subject("attempt", "call-1")], 1000, accounts_for_it=True),
)
EXECUTION = ExecutionDifference(
    organization_id="acme",
    execution_id="spring",
    explained=False,
    figures=[
        FigureDifference(figure="callMetrics.busy", old=1012, new=12, difference=-1000),
        FigureDifference(figure="billingMetrics.totalCreditsUsed", new=Decimal("2.50")),
    ],
    first=[SubjectDifference(Subject("attempt", "call-1"), CHANGED_CALL)],
    subjects=1000,
)


def comparison(
    *tables: TableDifference,
    executions: list[ExecutionDifference] | None = None,
    wrong_sums: list[WrongSum] | None = None,
) -> Comparison:
    """A comparison of 412,003 rows."""
    shown = executions or []
    return Comparison(
        old_generation=1,
        new_generation=2,
        equal=not tables,
        unexplained=any(table.unexplained for table in tables),
        rows=412_003,
        organizations=2,
        tables=[*tables, TableDifference(table="contacts", old_rows=9, new_rows=9)],
        wrong_sums=wrong_sums or [],
        executions_differing=len(shown) + 3 if shown else 0,
        executions=shown,
    )


def test_equal_generations_take_one_line() -> None:
    """With how much was compared."""
    assert comparison_text(comparison()) == "equal: 412,003 rows in 1 tables of 2 organizations"


def test_differences_are_said_by_table_then_figure_then_attempt() -> None:
    """Each bounded, and how to see more."""
    lines = comparison_text(
        comparison(
            TableDifference(
                table="attempts", old_rows=5000, new_rows=5000, changed=1000, first=[CHANGED_CALL]
            ),
            TableDifference(
                table="attempt_tallies", old_rows=9, new_rows=9, changed=1, first=[CHANGED_TALLY]
            ),
            executions=[EXECUTION],
        )
    ).splitlines()

    assert lines[0] == "DIFFERENT: 1,001 rows, of 412,003 rows in 3 tables of 2 organizations"
    words = [line.split() for line in lines]
    assert ["attempts", "5,000", "5,000", "0", "0", "1,000", "0"] in words
    assert not [line for line in lines if line.lstrip().startswith("contacts")]
    assert "acme / spring: 2 different figures" in lines
    assert ["callMetrics.busy", "1,012", "12", "-1,000"] in words
    assert ["billingMetrics.totalCreditsUsed", "absent", "2.50"] in words
    assert (
        "  behind it attempt call-1: status busy → no_answer;"
        " adds to attempt_tallies [spring busy]: attempts -1, cost -0.50" in lines
    )
    assert lines[-4:] == [
        "  … and 999 more behind it; see --examples",
        "  … and 3 more executions; see --examples",
        (
            "attempt_tallies acme / spring / busy: attempts 1,012 → 12;"
            " by 1,000 subjects: attempt call-1 … and 999 more"
        ),
        "attempts: … and 999 more; see --examples",
    ]


def test_tally_that_nobody_moved_is_said_to_be_no_sum() -> None:
    """And in which generation."""
    by_hand = RowDifference(
        key=CHANGED_TALLY.key,
        what="changed",
        columns=CHANGED_TALLY.columns,
        cause=Cause([], 0, accounts_for_it=False),
    )
    text = comparison_text(
        comparison(
            TableDifference(
                table="attempt_tallies", old_rows=9, new_rows=9, changed=1, first=[by_hand]
            ),
            wrong_sums=[WrongSum(2, "attempt_tallies")],
        )
    )
    assert text.endswith(
        "attempts 1,012 → 12; by no subject\n"
        "attempt_tallies is not the sum of its contributions in generation 2:"
        " see `callfold verify`"
    )


def test_explained_differences_are_apart() -> None:
    """Alone they leave nothing to worry about; beside others they are counted after them."""
    explained = TableDifference(
        table="attempts", old_rows=9, new_rows=9, explained=1, first_explained=[CHANGED_CALL]
    )
    lines = comparison_text(comparison(explained)).splitlines()
    assert lines[0] == (
        "equal but for 1 row that parked events explain, which are folded now:"
        " 412,003 rows in 2 tables of 2 organizations"
    )
    assert lines[-1].startswith("explained: attempts acme / call-1: status busy → no_answer")
    lost = TableDifference(table="flows", old_rows=9, new_rows=8, missing=1)
    text = comparison_text(comparison(explained, lost))
    assert text.startswith("DIFFERENT: 1 row, 1 more by parked events that are folded now, of ")


def test_names_of_publishers_do_not_reach_the_terminal_raw() -> None:
    """Whoever chooses an id could else rewrite what an operator sees."""
    row = RowDifference(key={"organization_id": "a\x1b[2J", "attempt_id": "b\nc"}, what="missing")
    text = comparison_text(
        comparison(
            TableDifference(table="attempts", old_rows=9, new_rows=8, missing=1, first=[row])
        )
    )
    assert text.splitlines()[-1] == "attempts a\\x1b[2J / b\\x0ac: missing"
