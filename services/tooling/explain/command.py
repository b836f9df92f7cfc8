"""`callfold explain`: what makes a figure of a program execution's reports, down to the events."""

import sys
from difflib import get_close_matches
from typing import Annotated

import msgspec
import typer

from services.tooling.audit import AsJson
from services.tooling.exit_codes import DIFFERENT
from services.tooling.explain.answer import ExplainedPart, Explanation, explain_figure
from services.tooling.explain.figures import Figure, Number, all_figures, other_name
from services.tooling.safe_text import one_line
from shared.settings import Settings
from shared.storage.explaining import Explainer, explainer

_LIMIT_DEFAULT = 20
_LIMIT_MAX = 10_000
#: Executions of an organization among which one is looked for that has nearly the name.
_NEAR_AMONG = 100_000

_encode = msgspec.json.Encoder(decimal_format="number").encode


def explain(
    execution: Annotated[str, typer.Argument(metavar="EXECUTION", show_default=False)],
    organization: Annotated[
        str, typer.Option(metavar="ID", help="The tenant.", show_default=False)
    ],
    figure: Annotated[
        str | None,
        typer.Argument(metavar="FIGURE", help="Its path in the report; without it all are listed."),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=_LIMIT_MAX, help="Attempts or contacts shown of each sum.")
    ] = _LIMIT_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Which attempts make a figure of a report, and which of their events decide.

    The sum is of all of them, from their own contributions, and must equal what the report
    serves at the same moment: else exit code 3, with both numbers. A rate or an average is
    explained by its parts. Needs CALLFOLD_DATABASE_URL.

    Example: `callfold explain spring callMetrics.noAnswer --organization acme`
    """
    database_url = Settings.from_environment().require_database_url()
    with explainer(database_url, organization, execution) as asked:
        rows = asked.reports()
        if rows is None:
            raise typer.BadParameter(_no_execution(asked, organization, execution))
        figures = all_figures(organization, execution, rows)
        if figure is None:
            _list(figures, as_json=as_json)
            return
        chosen = figures.get(figure) or figures.get(other_name(figure))
        if chosen is None:
            raise typer.BadParameter(_no_figure(figures, figure))
        explanation = explain_figure(asked, organization, execution, chosen, limit)
    _print(explanation, as_json=as_json)
    if not explanation.equal:
        raise typer.Exit(DIFFERENT)


def _no_execution(asked: Explainer, organization: str, execution: str) -> str:
    known = asked.execution_ids(_NEAR_AMONG)
    near = get_close_matches(execution, known, cutoff=0.5) or known[:3]
    hint = f"near: {', '.join(near)}" if near else "it has none at all"
    return one_line(f"organization {organization!r} has no execution {execution!r}; {hint}")


def _no_figure(figures: dict[str, Figure], name: str) -> str:
    lower = {known.lower(): known for known in figures}
    last = name.lower().rpartition(".")[2]
    near = [lower[found] for found in get_close_matches(name.lower(), lower, n=5, cutoff=0.5)]
    near += [known for known in figures if known.lower().endswith(f".{last}") and last]
    hint = f"near: {', '.join(dict.fromkeys(near[:8]))}; " if near else ""
    return one_line(f"no figure {name!r} here; {hint}without FIGURE all are listed")


def _list(figures: dict[str, Figure], *, as_json: bool) -> None:
    if as_json:
        listed = [{"figure": figure.name, "value": figure.value} for figure in figures.values()]
        typer.echo(_encode(listed))
        return
    for figure in figures.values():
        typer.echo(one_line(f"{figure.name} = {_number(figure.value)}"))


def _print(explanation: Explanation, *, as_json: bool) -> None:
    if as_json:
        typer.echo(_encode(explanation))
    else:
        typer.echo(one_line(f"{explanation.figure} = {_number(explanation.value)}"))
        for part in explanation.parts:
            _print_part(part)
    if not explanation.equal:
        sys.stderr.write(
            f"DIFFERENT: the report serves {_number(explanation.value)}, its parts make"
            f" {_number(explanation.explained)}\n"
        )
    elif not as_json:
        typer.echo("equal: the parts make the figure")


def _print_part(part: ExplainedPart) -> None:
    subjects = f"{part.subjects:,} {part.kind}{'' if part.subjects == 1 else 's'}"
    typer.echo(one_line(f"{_number(part.sum)} {part.name}, of {subjects}:"))
    for subject in part.first:
        typer.echo(one_line(f"  {part.kind} {subject.id} adds {_number(subject.number)}"))
        for event in subject.events:
            said = f"{event.type} {event.id} of {event.source} at {event.time}, {event.entry}"
            typer.echo(one_line(f"    {said}"))
    if part.subjects > len(part.first):
        typer.echo(f"  … and {part.subjects - len(part.first):,} more; see --limit")


def _number(value: Number | None) -> str:
    return "null" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:f}"
