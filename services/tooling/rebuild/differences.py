"""What comparing two generations found, as text: first whether they are equal, then what is not.

Called by `callfold rebuild`; `--json` prints the same with nothing left out but rows.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from io import StringIO
from typing import Any, Final

from msgspec import UNSET
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from services.tooling.safe_text import one_line
from shared.projections.contributions import TALLIES
from shared.storage.comparison import (
    Cause,
    Comparison,
    ExecutionDifference,
    RowDifference,
    Subject,
    TableDifference,
)

#: Figures shown of one execution.
_FIGURES_MAX: Final = 60
#: Characters shown of one value.
_VALUE_CHARS_MAX: Final = 60
#: Wide enough for every table; terminals break lines by themselves.
_WIDTH: Final = 120


def comparison_text(comparison: Comparison) -> str:
    """Several lines, of which the first says whether the generations are equal."""
    console = Console(file=StringIO(), width=_WIDTH, highlight=False, markup=False, emoji=False)
    console.print(_verdict(comparison), soft_wrap=True)
    if not comparison.equal:
        console.print(_tables(comparison.tables))
        for execution in comparison.executions:
            _print_execution(console, execution)
        _print_more(console, comparison.executions_differing, comparison.executions, "executions")
        for line in _row_lines(comparison):
            console.print(line, soft_wrap=True)
    assert isinstance(console.file, StringIO)
    lines = (line.rstrip() for line in console.file.getvalue().splitlines())
    return "\n".join(line for line in lines if line)


def _verdict(comparison: Comparison) -> str:
    unexplained = sum(table.unexplained for table in comparison.tables)
    explained = sum(table.explained for table in comparison.tables)
    rows = f"{comparison.rows:,} rows in {len(comparison.tables)} tables of"
    compared = f"{rows} {_number_of(comparison.organizations, 'organization')}"
    if comparison.equal:
        return f"equal: {compared}"
    if not comparison.unexplained:
        return (
            f"equal but for {_number_of(explained, 'row')} that parked events explain, which are"
            f" folded now: {compared}"
        )
    also = f", {explained:,} more by parked events that are folded now" if explained else ""
    return f"DIFFERENT: {_number_of(unexplained, 'row')}{also}, of {compared}"


def _tables(differences: Sequence[TableDifference]) -> Table:
    table = Table(box=SIMPLE_HEAD)
    table.add_column("table")
    for column in ("rows before", "rows now", "missing", "unexpected", "changed", "explained"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in differences:
        if row.unexplained or row.explained:
            counts = (row.missing, row.unexpected, row.changed, row.explained)
            numbers = (row.old_rows, row.new_rows, *counts)
            table.add_row(row.table, *(f"{number:,}" for number in numbers))
    return table


def _print_execution(console: Console, execution: ExecutionDifference) -> None:
    name = one_line(f"{execution.organization_id} / {execution.execution_id}")
    why = ", explained by parked events" if execution.explained else ""
    if execution.unreadable is not None:
        console.print(f"{name}{why}: {execution.unreadable}", soft_wrap=True)
    elif not execution.figures:
        console.print(f"{name}{why}: no figure of the reports differs", soft_wrap=True)
    else:
        number = _number_of(len(execution.figures), "different figure")
        console.print(f"{name}{why}: {number}", soft_wrap=True)
        table = Table(box=SIMPLE_HEAD)
        table.add_column("figure", overflow="fold")
        for column in ("before", "now", "difference"):
            table.add_column(column, justify="right", overflow="fold")
        for figure in execution.figures[:_FIGURES_MAX]:
            values = (figure.old, figure.new)
            difference = "" if figure.difference is UNSET else _signed(figure.difference)
            table.add_row(one_line(figure.figure), *map(_value, values), difference)
        console.print(table)
        more = len(execution.figures) - _FIGURES_MAX
        if more > 0:
            console.print(f"  … and {more:,} more figures; see --json")
    for behind in execution.first:
        said = f"{_subject(behind.subject)}: {_row_text(behind.difference)}"
        console.print(one_line(f"  behind it {said}"), soft_wrap=True)
    _print_more(console, execution.subjects, execution.first, "behind it")


def _row_lines(comparison: Comparison) -> Iterator[str]:
    """Tallies first, whose rows say whom they come from; then what was not said of an execution."""
    said = {_key(behind.difference) for each in comparison.executions for behind in each.first}
    for table in sorted(comparison.tables, key=lambda table: table.table not in TALLIES):
        yield from map(one_line, _of_table(table, set() if table.table in TALLIES else said))
    for wrong in comparison.wrong_sums:
        yield (
            f"{wrong.tally} is not the sum of its contributions in generation {wrong.generation}:"
            " see `callfold verify`"
        )


def _of_table(table: TableDifference, said: set[str]) -> Iterator[str]:
    for name, number, rows in (
        (table.table, table.unexplained, table.first),
        (f"explained: {table.table}", table.explained, table.first_explained),
    ):
        for row in rows:
            if _key(row) not in said:
                yield f"{name} {_key(row)}: {_row_text(row)}"
        if number > len(rows):
            yield f"{name}: … and {number - len(rows):,} more; see --examples"


def _key(row: RowDifference) -> str:
    return " / ".join(str(part) for part in row.key.values())


def _row_text(row: RowDifference) -> str:
    """What is different about a row, on one line."""
    said: list[str] = [] if row.what == "changed" else [row.what]
    if row.what == "changed" or row.cause is not None:
        said += [f"{c.column} {_value(c.old)} → {_value(c.new)}" for c in row.columns]
    for move in row.moves:
        key = " ".join(str(part) for part in list(move.key.values())[1:])
        numbers = (f"{name} {_signed(number)}" for name, number in move.difference.items())
        said.append(f"adds to {move.tally} [{key}]: {', '.join(numbers)}")
    if row.cause is not None:
        said.append(_cause(row.cause))
    return "; ".join(said)


def _cause(cause: Cause) -> str:
    if not cause.subjects:
        return "by no subject"
    named = ", ".join(map(_subject, cause.first))
    more = cause.subjects - len(cause.first)
    by = f"by {_number_of(cause.subjects, 'subject')}"
    by += f": {named}" if named else ""
    by += f" … and {more:,} more" if more and named else ""
    return by if cause.accounts_for_it else f"{by}, which does NOT make up the difference"


def _subject(subject: Subject) -> str:
    return f"{subject.kind} {subject.id}"


def _print_more(console: Console, number: int, shown: Sequence[object], what: str) -> None:
    if number > len(shown):
        console.print(f"  … and {number - len(shown):,} more {what}; see --examples")


def _number_of(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _signed(number: Any) -> str:
    return f"{number:+,}" if isinstance(number, int) else f"{number:+,f}"


def _value(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool() | str():
            text = str(value)
        case int():
            text = f"{value:,}"
        case Decimal():
            text = f"{value:,f}"
        case _:
            text = "absent" if value is UNSET else str(value)
    text = one_line(text)
    return text if len(text) <= _VALUE_CHARS_MAX else f"{text[:_VALUE_CHARS_MAX]}…"
