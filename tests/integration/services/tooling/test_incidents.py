"""`callfold incidents` against a real PostgreSQL."""

import json

import pytest
from typer.testing import CliRunner, Result

from services.tooling.__main__ import app
from shared.contracts.incident_kinds import IncidentKind
from shared.storage.connection import connect
from shared.storage.incidents import LaneCount, declare
from shared.storage.schema import migrate

_AT = LaneCount((1_773_000_000_000, 2), 0, 0)


@pytest.fixture(autouse=True)
def _installed(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(database_url, 1)
    monkeypatch.setenv("CALLFOLD_DATABASE_URL", database_url)


def _incidents(*arguments: str) -> Result:
    result = CliRunner().invoke(app, ["incidents", *arguments])
    assert 0 == result.exit_code, result.output
    return result


def test_nothing_lost_is_said_so() -> None:
    """Silence could also mean that nobody looked."""
    assert "no incident" in _incidents().stdout
    assert [] == json.loads(_incidents("--json").stdout)


def test_incidents_say_what_was_lost_and_what_to_do(database_url: str) -> None:
    """As lines for people and as JSON for scripts, the latest first."""
    with connect(database_url, "test") as connection:
        lost = {"what": "entries were removed"}
        declare(connection, 0, 0, _AT, IncidentKind.TRIMMED, 1234, 1234, lost)
        anew = {"what": "the stream is older", "todo": "XSETID"}
        declare(connection, -1, 0, _AT, IncidentKind.RECREATED, None, 0, anew)

    lines = _incidents().stdout.splitlines()
    assert "callfold:inbox recreated at 1773000000000-2: the stream is older" in lines[0]
    assert lines[0].endswith("entries lost: unknown")
    assert "  to do: XSETID" == lines[1]
    assert "callfold:{0}:events trimmed" in lines[2]
    assert lines[2].endswith("entries lost: 1,234")
    recreated, trimmed = json.loads(_incidents("--json").stdout)
    assert ("recreated", None, 1, anew) == tuple(
        recreated[key] for key in ("kind", "entriesLost", "times", "detail")
    )
    assert ("trimmed", 1234, "1773000000000-2") == tuple(
        trimmed[key] for key in ("kind", "entriesLost", "cursor")
    )
