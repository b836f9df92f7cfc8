"""`callfold keys` against a real PostgreSQL."""

import json
from datetime import timedelta

import pytest
from typer.testing import CliRunner, Result

from services.tooling.keys import keys_app
from shared.clock import utc_now
from shared.storage.api_keys import create_api_key, list_api_keys
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
    assert f"would rotate {key_id} (no name) of a" in _keys("rotate", key_id, "--dry-run").stdout
    would = json.loads(_keys("rotate", key_id, "--dry-run", "--json").stdout)
    assert (True, None, None) == tuple(would[k] for k in ("dryRun", "key", "id"))

    assert before == (_keys("list", "--json").stdout, _audit(database_url))


def test_rotated_key_is_followed_by_one_that_allows_the_same(database_url: str) -> None:
    """The old one ends after the grace; the new one lives as long as the old one was made to."""
    made = ("create", "--organization", "acme", "--scope", "read", "--scope", "publish")
    old = json.loads(
        _keys(*made, "--name", "crm", "--expires-in", "30", "--json").stdout
    )  # fmt: skip

    rotated = json.loads(_keys("rotate", old["id"], "--grace", "2", "--as", "ann", "--json").stdout)

    assert (False, old["id"], 2) == tuple(rotated[k] for k in ("dryRun", "rotatedId", "graceHours"))
    assert rotated["key"].startswith(f"cf_{rotated['id']}_")
    before, after = list_api_keys(database_url)
    same = ("organization_id", "scopes", "name")
    assert [getattr(before, name) for name in same] == [getattr(after, name) for name in same]
    assert before.expires_at is not None
    assert after.expires_at is not None
    assert before.revoked_at is None
    assert timedelta(hours=2) == _rounded(before.expires_at - after.created_at)
    assert timedelta(days=30) == _rounded(after.expires_at - after.created_at)
    (last, _) = _audit(database_url)
    assert ("ann", "keys rotate", {"id": rotated["id"]}) == (last.who, last.command, last.details)


def test_rotation_without_grace_ends_the_old_key_at_once(database_url: str) -> None:
    """It is revoked in the same transaction; a key that has ended cannot be rotated again."""
    create_api_key(database_url, "acme", ["read"], "leaked")
    (leaked,) = list_api_keys(database_url)

    assert 0 == _keys("rotate", leaked.id, "--grace", "0").exit_code

    before, after = list_api_keys(database_url)
    assert before.revoked_at is not None
    assert (None, None) == (after.revoked_at, after.expires_at)
    assert 2 == _keys("rotate", leaked.id).exit_code


def test_grace_never_prolongs_a_key(database_url: str) -> None:
    """A key that ends before the grace does ends as it was made to."""
    expires_at = utc_now() + timedelta(hours=1)
    create_api_key(database_url, "acme", ["read"], "guest", expires_at)
    (guest,) = list_api_keys(database_url)

    assert 0 == _keys("rotate", guest.id).exit_code

    assert expires_at == list_api_keys(database_url)[0].expires_at


@pytest.mark.parametrize(
    "arguments",
    (
        ("create", "--organization", "acme"),
        ("create", "--organization", "acme", "--scope", "write"),
        ("create", "--organization", "", "--scope", "read"),
        ("create", "--organization", "acme", "--scope", "read", "--expires-in", "0"),
        ("revoke", "0000"),
        ("rotate", "0000"),
        ("rotate", "0000", "--grace", "-1"),
    ),
)
def test_impossible_option_is_refused(arguments: tuple[str, ...], database_url: str) -> None:
    """Exit code 2, as for any wrong option; nothing is made, so nothing is audited."""
    assert 2 == _keys(*arguments).exit_code
    assert [] == json.loads(_keys("list", "--json").stdout)
    assert [] == _audit(database_url)


def _rounded(time: timedelta) -> timedelta:
    """To seconds: the statements of one command take a moment."""
    return timedelta(seconds=round(time.total_seconds()))
