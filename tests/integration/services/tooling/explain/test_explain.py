"""`callfold explain` on messy campaigns: each figure is the sum of what is said to make it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from services.tooling.__main__ import app
from services.tooling.explain.answer import Explanation, explain_figure
from services.tooling.explain.figures import all_figures
from shared.storage.explaining import explainer
from tests.installation import Installation, installation
from tests.reference_model import ReferenceModel
from tests.servers import ServersForTests, fresh_database, fresh_redis
from tests.whole_system import ORGANIZATIONS, messy_events, publish, reference

ORGANIZATION = ORGANIZATIONS[0]
EXECUTION = "execution 0"
_EVERYTHING = 10_000
_DIFFERENT = 3


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    """Small campaigns of two organizations, duplicated and out of order."""
    return messy_events(seed=11, contacts=40)


@pytest.fixture(scope="module")
def running(servers: ServersForTests, events: list[dict[str, Any]]) -> Iterator[Installation]:
    """An installation that has folded them all."""
    with (
        fresh_database(servers) as database_url,
        installation(fresh_redis(servers), database_url) as started,
    ):
        started.start_projector()
        publish(started.redis_url, events, seed=11)
        started.start_read_api()
        started.wait_until_folded()
        yield started


@pytest.fixture(scope="module")
def model(events: list[dict[str, Any]]) -> ReferenceModel:
    """The second implementation of the contract."""
    return reference(events)


@pytest.fixture(scope="module")
def explained(running: Installation, model: ReferenceModel) -> dict[tuple[str, str, str], Any]:
    """Every figure of every execution, explained by everything that adds to it."""
    found: dict[tuple[str, str, str], Explanation] = {}
    for organization_id in ORGANIZATIONS:
        for execution_id in model.execution_ids(organization_id):
            with explainer(running.database_url, organization_id, execution_id) as asked:
                rows = asked.reports()
                assert rows is not None
                for name, figure in all_figures(organization_id, execution_id, rows).items():
                    found[organization_id, execution_id, name] = explain_figure(
                        asked, organization_id, execution_id, figure, _EVERYTHING
                    )
    return found


@pytest.fixture(autouse=True)
def _environment(running: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLFOLD_DATABASE_URL", running.database_url)
    monkeypatch.setenv("COLUMNS", "200")


def explain(*arguments: str, code: int = 0) -> Result:
    """Run the command on the first organization."""
    result = CliRunner().invoke(app, ["explain", *arguments, "--organization", ORGANIZATION])
    assert code == result.exit_code, result.output
    return result


def of_execution(
    model: ReferenceModel, organization_id: str, execution_id: str, report: str
) -> Any:
    """A report by the reference model."""
    return getattr(model, report)(organization_id, execution_id)


def test_every_figure_is_the_sum_of_what_makes_it(
    explained: dict[tuple[str, str, str], Explanation],
) -> None:
    """Sums, rates and averages of all reports; and what is listed is all that is summed."""
    assert len(explained) > 300
    for key, explanation in explained.items():
        assert explanation.equal, (key, explanation.value, explanation.explained)
        for part in explanation.parts:
            assert part.subjects == len(part.first), key
            assert part.sum == sum(subject.number for subject in part.first), key


def test_figures_equal_the_reference_model(
    running: Installation,
    model: ReferenceModel,
    explained: dict[tuple[str, str, str], Explanation],
) -> None:
    """What parts make is what the second implementation counts, figure by figure."""
    checked = 0
    for organization_id in ORGANIZATIONS:
        for execution_id in model.execution_ids(organization_id):
            for name, value in _model_figures(model, organization_id, execution_id):
                made = explained[organization_id, execution_id, name].explained
                assert (name, Decimal(value or 0)) == (name, Decimal(made))
                checked += 1
    assert checked > 300


def _model_figures(
    model: ReferenceModel, organization_id: str, execution_id: str
) -> Iterator[tuple[str, Any]]:
    """Figures by our names, from the model's reports."""
    report: Any = model.report(organization_id, execution_id, datetime.now(UTC))
    for section in ("contactMetrics", "callMetrics", "billingMetrics"):
        for key, value in report[section].items():
            yield f"{section}.{key}", value
    breakdown = of_execution(model, organization_id, execution_id, "breakdown")
    for row in breakdown["perAttempt"]:
        yield from _named(f"breakdown.perAttempt.{row['attemptNumber']}", row)
    yield from _named("breakdown.total", breakdown["total"])
    nodes = of_execution(model, organization_id, execution_id, "node_stats")
    for key in ("totalCalls", "completedCalls", "completionRate"):
        yield f"nodeStats.{key}", nodes[key]
    for node in nodes["nodes"]:
        for key in ("uniqueCalls", "totalExecutions", "percentage"):
            yield f"nodes.{node['nodeId']}.{key}", node[key]
        for digits, steps in node.get("dtmfBreakdown", {}).items():
            yield f"dtmf.{node['nodeId']}.{digits}", steps
    billing = of_execution(model, organization_id, execution_id, "billing")
    for row in billing["byNodeType"]:
        base = f"billing.byNodeType.{row['nodeType']}"
        yield from _named(base, {k: v for k, v in row.items() if k != "nodeType"})
    for call in billing["topCostlyCalls"]:
        yield f"billing.topCostlyCalls.{call['callId']}.totalCost", call["totalCost"]


def _named(base: str, row: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in row.items():
        if key != "attemptNumber":
            yield f"{base}.{key}", value


def test_attempts_of_a_status_are_those_of_the_call_history(
    running: Installation,
    model: ReferenceModel,
    explained: dict[tuple[str, str, str], Explanation],
) -> None:
    """Not only as many: the same ones."""
    for status, name in (("no_answer", "noAnswer"), ("busy", "busy"), ("voicemail", "voicemail")):
        history: Any = model.calls(ORGANIZATION, EXECUTION, limit=100_000, status=status)
        (part,) = explained[ORGANIZATION, EXECUTION, f"callMetrics.{name}"].parts
        assert {c["callId"] for c in history["data"]} == {s.id for s in part.first}
        assert part.first


def test_each_statement_says_first_what_it_answers() -> None:
    """An operator who pastes it into psql reads that, as in every file of statements."""
    folder = files("shared.storage") / "sql" / "explain"
    firsts = [file.read_text("utf-8").splitlines()[0] for file in folder.iterdir()]
    assert 6 == len(firsts)
    assert all(first.startswith("-- ") and first.endswith(("?", ".")) for first in firsts)


def test_each_attempt_names_published_events_that_decide(
    events: list[dict[str, Any]], explained: dict[tuple[str, str, str], Explanation]
) -> None:
    """At least one for each, of the subject itself, and of the types that the figure is about."""
    published = {
        (e["organizationid"], e["subject"], e["source"], e["id"], e["type"]) for e in events
    }
    families = {
        "contactMetrics.": ("contact.",),
        "callMetrics.noAnswer": ("call.",),
        "dtmf.": ("dtmf.received",),
        "billing.byNodeType.": ("call.charged", "node.", "dtmf."),
        "billingMetrics.": ("call.charged",),
        "nodes.": ("node.", "dtmf."),
    }
    seen = set()
    for (organization_id, _, name), explanation in explained.items():
        # What stands under a rate may be any attempt, whatever its first event.
        for part in explanation.parts[:1]:
            for subject in part.first:
                assert subject.events, (name, subject.id)
                assert len(subject.events) <= subject.events_in_all
                for event in subject.events:
                    identity = (organization_id, subject.id, event.source, event.id, event.type)
                    assert identity in published
                    for prefix, types in families.items():
                        if name.startswith(prefix):
                            assert event.type.startswith(types), (name, event)
                            seen.add(prefix)
    assert families.keys() == seen


def test_outcome_is_decided_by_the_winning_end(
    explained: dict[tuple[str, str, str], Explanation], events: list[dict[str, Any]]
) -> None:
    """Of several `call.ended` the later one is named, alone where it says the outcome itself."""
    ends: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        if event["type"] == "call.ended" and event["organizationid"] == ORGANIZATION:
            ends.setdefault(event["subject"], []).append(event)
    (part,) = explained[ORGANIZATION, EXECUTION, "callMetrics.noAnswer"].parts
    for call in part.first:
        last = max(ends[call.id], key=lambda e: (e["time"], e["source"], e["id"]))
        assert [("call.ended", last["id"])] == [(e.type, e.id) for e in call.events]


def test_command_lists_the_figures_with_their_values(
    running: Installation, explained: dict[tuple[str, str, str], Explanation]
) -> None:
    """Without a figure; as the read API serves them at the moment."""
    _, report = running.get(running.key(ORGANIZATION), EXECUTION, "report")

    listed = json.loads(explain(EXECUTION, "--json").stdout, parse_float=Decimal)

    values = {figure["figure"]: figure["value"] for figure in listed}
    assert {n for o, e, n in explained if (o, e) == (ORGANIZATION, EXECUTION)} == values.keys()
    for key, value in report["callMetrics"].items():
        assert value == values[f"callMetrics.{key}"]
    lines = explain(EXECUTION).stdout.splitlines()
    assert f"callMetrics.noAnswer = {report['callMetrics']['noAnswer']}" in lines


def test_command_explains_a_figure_down_to_the_entry_of_the_log(running: Installation) -> None:
    """The list is cut at the limit, the sum is of all."""
    answer = json.loads(explain(EXECUTION, "callMetrics.noAnswer", "--limit", "2", "--json").stdout)
    (part,) = answer["parts"]
    assert (True, answer["value"], 2) == (answer["equal"], part["sum"], len(part["first"]))
    event = part["first"][0]["events"][0]
    assert {"type", "id", "source", "time", "entry"} == event.keys()
    partition, _, position = event["entry"].partition("/")
    assert partition.isdigit()
    assert len(position.split("-")) == 2

    lines = explain(EXECUTION, "callMetrics.noAnswer", "--limit", "2").stdout.splitlines()
    assert f"callMetrics.noAnswer = {answer['value']}" == lines[0]
    assert f"  … and {answer['value'] - 2} more; see --limit" in lines
    assert "equal: the parts make the figure" == lines[-1]


def test_name_of_the_report_is_understood_too(
    explained: dict[tuple[str, str, str], Explanation],
) -> None:
    """Digits are called `dtmf.NODE.DIGITS` for short."""
    name = next(n for o, e, n in explained if (o, e) == (ORGANIZATION, EXECUTION) and "dtmf." in n)
    node_id, _, digits = name.removeprefix("dtmf.").rpartition(".")
    long_name = f"nodes.{node_id}.dtmfBreakdown.{digits}"
    assert name == json.loads(explain(EXECUTION, long_name, "--json").stdout)["figure"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    (
        (("execution 00", "callMetrics.busy"), "near: execution 0"),
        ((EXECUTION, "callMetrics.total"), "callMetrics.totalCalls"),
        ((EXECUTION, "noanswer"), "callMetrics.noAnswer"),
        ((EXECUTION, "zzz"), "without FIGURE all are listed"),
    ),
)
def test_unknown_name_is_answered_by_near_ones(arguments: tuple[str, ...], expected: str) -> None:
    """A usage error that shows what was meant."""
    output = explain(*arguments, code=2).output
    assert expected in " ".join(output.replace("│", " ").split())


def test_organization_must_be_said_and_exist() -> None:
    """Ids belong to their organization."""
    assert 2 == CliRunner().invoke(app, ["explain", EXECUTION]).exit_code
    result = CliRunner().invoke(app, ["explain", EXECUTION, "--organization", "nobody"])
    assert 2 == result.exit_code
    assert "it has none at all" in " ".join(result.output.replace("│", " ").split())


def test_help_teaches_with_an_example() -> None:
    """Nobody has to open the manual to begin."""
    output = CliRunner().invoke(app, ["explain", "--help"]).stdout
    assert "callfold explain spring callMetrics.noAnswer --organization acme" in " ".join(
        output.replace("│", " ").split()
    )


def test_tally_changed_by_hand_is_found_with_both_numbers(running: Installation) -> None:
    """The report serves the tally, the contributions say otherwise: exit code 3."""
    change = (
        "UPDATE gen_1.attempt_tallies SET attempts = attempts + %s WHERE (organization_id,"
        " execution_id, kind, attempt, status) = (%s, %s, 'call', 1, 'busy')"
    )
    busy = json.loads(explain(EXECUTION, "callMetrics.busy", "--json").stdout)["value"]
    with psycopg.connect(running.database_url, autocommit=True) as connection:
        connection.execute(change, (7, ORGANIZATION, EXECUTION))
        try:
            result = explain(EXECUTION, "callMetrics.busy", "--json", code=_DIFFERENT)
            rated = explain(EXECUTION, "callMetrics.connectionRate", code=_DIFFERENT)
        finally:
            connection.execute(change, (-7, ORGANIZATION, EXECUTION))
    answer = json.loads(result.stdout)
    assert (busy + 7, busy, False) == (answer["value"], answer["explained"], answer["equal"])
    assert f"serves {busy + 7}, its parts make {busy}" in result.stderr
    assert "DIFFERENT" in rated.stderr
