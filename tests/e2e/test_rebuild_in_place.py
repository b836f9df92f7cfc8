"""`callfold rebuild --organization …` repairs rows where they are served, beside live traffic."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from json import loads
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
from psycopg import sql

from services.tooling.exit_codes import DIFFERENT, INTERRUPTED, OK
from shared.errors import GenerationError
from shared.limits import PARTITIONS_DEFAULT
from shared.storage.connection import connect
from shared.storage.generations import operating_alone
from shared.storage.repairing import Repairer
from shared.storage.schema import migrate
from shared.storage.subject_refold import RepairScope
from shared.storage.tables import generation_metadata
from tests.command_line import run_callfold
from tests.installation import Installation, installation, until
from tests.whole_system import (
    assert_conserved,
    assert_equals_model,
    messy_events,
    publish,
    reference,
)

MINE, OTHER = "org-a", "org-b"
EXECUTION = "execution 0"
_SHOWN = 60
#: The command with transactions so small that a kill lands between them, and within.
_SLOW_REPAIR = """
import sys
from services.tooling.rebuild.in_place import rebuild_in_place
from shared.storage import repairing
from shared.storage.subject_refold import RepairScope
repairing.REPAIR_SUBJECTS_MAX = 2
print("begins", flush=True)
sys.exit(rebuild_in_place(sys.argv[1], RepairScope(sys.argv[2]), "a test"))
"""


def repair(running: Installation, *options: str) -> tuple[int, dict[str, Any]]:
    """Run the command; its exit code and what it prints."""
    ended = run_callfold(
        "rebuild", "--organization", MINE, "--json", *options, database_url=running.database_url
    )
    assert ended.stdout, ended.stderr
    return ended.returncode, loads(ended.stdout)


def cut_repairs_short(running: Installation, chance: random.Random) -> None:
    """Start repairs one after the other, and end each at a random moment, hard or by Ctrl-C."""
    for end in (signal.SIGKILL, signal.SIGINT, signal.SIGKILL):
        with subprocess.Popen(
            [sys.executable, "-c", _SLOW_REPAIR, running.database_url, MINE],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            assert process.stdout.readline() == b"begins\n"
            time.sleep(chance.uniform(0.1, 1.0))
            process.send_signal(end)
            process.stdout.read()
        assert process.returncode in ({INTERRUPTED, OK} if end == signal.SIGINT else {-end, OK})
        until(lambda: may_repair(running), "PostgreSQL knows that the command is gone")


def may_repair(running: Installation) -> bool:
    """Whether no other command is under way."""
    with connect(running.database_url, "test") as connection:
        try:
            with operating_alone(connection):
                return True
        except GenerationError:
            return False


def rows_of(running: Installation, organization_id: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of an organization, revisions and all."""
    with psycopg.connect(running.database_url) as connection:
        return {
            table.name: sorted(
                connection.execute(
                    sql.SQL("SELECT * FROM gen_1.{} WHERE organization_id = %s").format(
                        sql.Identifier(table.name)
                    ),
                    (organization_id,),
                ).fetchall(),
                key=repr,
            )
            for table in generation_metadata.sorted_tables
            if "organization_id" in table.columns
        }


def damage(running: Installation, quiet: set[str]) -> set[str]:
    """All that may be wrong with an organization's rows; ids of those that live cannot mend."""
    with psycopg.connect(running.database_url, autocommit=True) as connection:

        def ids(table: str, column: str, more: str = "true") -> list[str]:
            rows = connection.execute(
                f"SELECT {column} FROM gen_1.{table} WHERE organization_id = %s AND {more}"
                " ORDER BY 1".encode(),
                (MINE,),
            ).fetchall()
            return [id_ for (id_,) in rows if id_ in quiet]

        def change(statement: str, *values: str) -> None:
            assert connection.execute(statement.encode(), (MINE, *values)).rowcount

        lost, contributing, *shown = ids("attempts", "attempt_id", "status = 'completed'")
        contact = ids("contacts", "contact_id")[0]
        change("DELETE FROM gen_1.attempts WHERE organization_id = %s AND attempt_id = %s", lost)
        change(
            "UPDATE gen_1.attempts SET contribution = replace(contribution, '\"completed\"',"
            " '\"busy\"') WHERE organization_id = %s AND attempt_id = %s",
            contributing,
        )
        sum_up(running)  # tallies and contributions agree, and both are wrong
        for call_id in shown[:_SHOWN]:
            change(
                "UPDATE gen_1.attempts SET status = 'busy', duration_ms = 1"
                " WHERE organization_id = %s AND attempt_id = %s",
                call_id,
            )
        change("DELETE FROM gen_1.contacts WHERE organization_id = %s AND contact_id = %s", contact)
        change(
            "DELETE FROM gen_1.executions WHERE organization_id = %s AND execution_id = %s",
            EXECUTION,
        )
        change("DELETE FROM gen_1.flows WHERE organization_id = %s")
        change("DELETE FROM gen_1.flow_versions WHERE organization_id = %s")
        change("UPDATE gen_1.node_tallies SET steps = steps + 7 WHERE organization_id = %s")
        change("DELETE FROM gen_1.digit_tallies WHERE organization_id = %s")
    return {lost, contributing, *shown[:_SHOWN], contact}


def sum_up(running: Installation) -> None:
    """Make every tally the sum of the contributions that are there."""
    with (
        connect(running.database_url, "test") as reading,
        connect(running.database_url, "test") as writing,
    ):
        repairer = Repairer(reading, writing, PARTITIONS_DEFAULT, 1, RepairScope(MINE))
        assert list(repairer.correct_tallies())


@contextmanager
def live_traffic(running: Installation, events: list[dict[str, Any]]) -> Iterator[None]:
    """Publish events little by little until the block ends, then the rest."""
    ended = Event()

    def flow() -> None:
        for begin in range(0, len(events), 10):
            ended.wait(0.1)
            publish(running.redis_url, events[begin : begin + 10], seed=begin)

    publishing = Thread(target=flow)
    publishing.start()
    try:
        yield
    finally:
        ended.set()
        publishing.join()


def epochs(running: Installation) -> list[tuple[Any, ...]]:
    """Lane, epoch, and deaths of owners."""
    with psycopg.connect(running.database_url) as connection:
        return connection.execute(
            "SELECT lane, epoch, unclean_deaths FROM callfold.leases ORDER BY 1"
        ).fetchall()


@pytest.mark.timeout(150)
@pytest.mark.faults
def test_damaged_rows_are_repaired_beside_live_traffic(redis_url: str, database_url: str) -> None:
    """Whatever is wrong, and though the command is killed; the other organization is untouched."""
    events = messy_events(seed=6, contacts=60)
    mine = [event for event in events if event["organizationid"] == MINE]
    before = [event for event in events if event["organizationid"] == OTHER]
    before += mine[: len(mine) // 2]
    after = mine[len(mine) // 2 :]
    quiet = {event["subject"] for event in mine} - {event["subject"] for event in after}
    migrate(database_url, PARTITIONS_DEFAULT)
    with installation(redis_url, database_url) as running:
        for _ in range(2):
            running.start_projector()
        running.start_read_api()
        publish(redis_url, before, seed=6)
        running.wait_until_folded()
        other = rows_of(running, OTHER)
        wrong = damage(running, quiet)

        with live_traffic(running, after):
            code, outcome = repair(running, "--dry-run")
            assert code == DIFFERENT
            assert wrong <= {damage["subject"] for damage in outcome["damages"]}
            cut_repairs_short(running, random.Random(6))
            code, outcome = repair(running)
            assert (code, outcome["leftAlone"]) == (OK, 0)
        running.wait_until_folded()

        assert all(deaths == 0 for _, _, deaths in epochs(running))
        stood = epochs(running)
        code, outcome = repair(running)
        assert (code, outcome["repaired"], outcome["transactions"]) == (OK, {}, 0)
        assert epochs(running) == stood
        assert other == rows_of(running, OTHER)
        published = before + after
        assert_equals_model(running, reference(published))
        assert_conserved(running, published)
