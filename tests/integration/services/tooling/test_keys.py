"""`callfold keys` against a real PostgreSQL."""

import json

import pytest
from typer.testing import CliRunner, Result

from services.tooling.keys import keys_app
from shared.storage.audit import AuditRow, latest_audit
from shared.storage.connection import connect
from shared.storage.schema import migrate


@pytest.fixture(autouse=True)
def _installed(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(database_url, 1)
    monkeypatch.setenv("CALLFOLD_DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "200")


def _keys(*arguments: str) -> Result:
    return CliRunner().invoke(keys_app, arguments)


def _audit(database_url: str) -> list[AuditRow]:
    with connect(database_url, "test") as connection:
        return latest_audit(connection, 10)


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


def test_audit_says_who_made_and_revoked_which_key(database_url: str) -> None:
    """By its id; the secret, which would let anybody in, is nowhere in it."""
    made = ("create", "--organization", "acme", "--scope", "read", "--name", "dashboard")
    created = json.loads(_keys(*made, "--as", "ann", "--json").stdout)
    key, key_id = created["key"], created["id"]

    revoked = json.loads(_keys("revoke", key_id, "--as", "bob", "--json").stdout)

    assert (False, key_id, "acme") == tuple(revoked[k] for k in ("dryRun", "id", "organizationId"))
    last, first = _audit(database_url)
    assert ("ann", "keys create", "done", {"id": key_id}) == (
        first.who, first.command, first.outcome, first.details,
    )  # fmt: skip
    assert {"organization": "acme", "scopes": ["read"], "name": "dashboard"} == first.arguments
    assert ("bob", "keys revoke", "done") == (last.who, last.command, last.outcome)
    assert {"id": key_id, "organization": "acme", "name": "dashboard"} == last.arguments
    secret = key.removeprefix(f"cf_{key_id}_")
    assert secret not in repr(_audit(database_url))


def test_dry_run_changes_nothing(database_url: str) -> None:
    """It checks what it was given and says what would be; there is nothing to audit."""
    key_id = json.loads(
        _keys("create", "--organization", "a", "--scope", "read", "--json").stdout
    )["id"]  # fmt: skip
    before = (_keys("list", "--json").stdout, _audit(database_url))

    would = _keys("create", "--organization", "b", "--scope", "read", "--dry-run", "--json").stdout
    assert (True, None, None) == tuple(json.loads(would)[k] for k in ("dryRun", "key", "id"))
    assert f"would revoke {key_id} (no name) of a" in _keys("revoke", key_id, "--dry-run").stdout

    assert before == (_keys("list", "--json").stdout, _audit(database_url))


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
def test_impossible_option_is_refused(arguments: tuple[str, ...], database_url: str) -> None:
    """Exit code 2, as for any wrong option; nothing is made, so nothing is audited."""
    assert 2 == _keys(*arguments).exit_code
    assert [] == json.loads(_keys("list", "--json").stdout)
    assert [] == _audit(database_url)
