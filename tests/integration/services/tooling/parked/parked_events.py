"""A lane owner that parks what a test gives it, and the command line that looks at it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from typer.testing import CliRunner, Result

from services.tooling.__main__ import app
from shared.contracts.entries import Entry
from shared.contracts.stream_names import partition_of
from shared.storage.schema import migrate
from tests.integration.shared.storage.lane_owner import NOW_MS, PARTITIONS, LaneOwner, lane_owner


@contextmanager
def parking(database_url: str) -> Iterator[LaneOwner]:
    """The owner of all lanes of a database that was just laid out."""
    migrate(database_url, PARTITIONS)
    with lane_owner(database_url, "tests") as owner:
        owner.take()
        yield owner


def park(owner: LaneOwner, number: int, fields: list[bytes], subject: str = "call-1") -> None:
    """Archive one entry where its subject lives, `number` milliseconds after the first."""
    owner.archive(partition_of(subject, PARTITIONS), [Entry(NOW_MS + number, 0, fields)])


def callfold(*arguments: str, code: int = 0) -> Result:
    """Run a command; it must end with this exit code."""
    result = CliRunner().invoke(app, arguments)
    assert code == result.exit_code, result.output
    return result


def listed(*arguments: str) -> list[dict[str, Any]]:
    """Each parked event as JSON."""
    found: list[dict[str, Any]] = json.loads(
        callfold("parked", "list", "--each", "--json", *arguments).stdout
    )
    return found
