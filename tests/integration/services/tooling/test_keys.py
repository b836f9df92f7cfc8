"""`callfold keys` against a real PostgreSQL."""

import json

import pytest
from typer.testing import CliRunner, Result

from services.tooling.keys import keys_app
from shared.storage.schema import migrate


@pytest.fixture(autouse=True)
def _installed(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(database_url, 1)
    monkeypatch.setenv("CALLFOLD_DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "200")


def _keys(*arguments: str) -> Result:
    return CliRunner().invoke(keys_app, arguments)


def test_created_key_is_printed_once_and_listed() -> None:
    """JSON for scripts: the key, and all that is known of it."""
    result = _keys(
        "create", "--organization", "acme", "--scope", "read", "--scope", "publish",
        "--name", "dashboard", "--expires-in", "30", "--json",
    )  # fmt: skip
    assert 0 == result.exit_code, result.output
    created = json.loads(result.stdout)
    assert created["key"].startswith(f"cf_{created['id']}_")
    assert ("acme", ["publish", "read"], "dashboard") == (
        created["organizationId"],
        created["scopes"],
        created["name"],
    )
    (listed,) = json.loads(_keys("list", "--json").stdout)
    assert (created["id"], created["expiresAt"], None) == (
        listed["id"],
        listed["expiresAt"],
        listed["lastUsedAt"],
    )
    assert created["key"] not in _keys("list", "--json").stdout


def test_plain_output_is_the_key_alone() -> None:
    """So that a shell can take it; the advice goes to standard error."""
    result = _keys("create", "--organization", "acme", "--scope", "read")
    assert 1 == len(result.stdout.splitlines())
    assert result.stdout.startswith("cf_")
    assert "cannot be shown again" in result.stderr


def test_revoked_key_is_listed_as_such() -> None:
    """The table tells valid and revoked keys apart."""
    created = json.loads(_keys("create", "--organization", "a", "--scope", "read", "--json").stdout)
    assert "valid" in _keys("list").stdout
    assert 0 == _keys("revoke", created["id"]).exit_code
    assert "revoked" in _keys("list", "--organization", "a").stdout
    assert created["id"] not in _keys("list", "--organization", "b").stdout


@pytest.mark.parametrize(
    "arguments",
    (
        ("create", "--organization", "acme"),
        ("create", "--organization", "acme", "--scope", "write"),
        ("create", "--organization", "", "--scope", "read"),
        ("create", "--organization", "acme", "--scope", "read", "--expires-in", "0"),
        ("revoke", "0000"),
    ),
)
def test_impossible_option_is_refused(arguments: tuple[str, ...]) -> None:
    """Exit code 2, as for any wrong option; nothing is made."""
    assert 2 == _keys(*arguments).exit_code
    assert [] == json.loads(_keys("list", "--json").stdout)
