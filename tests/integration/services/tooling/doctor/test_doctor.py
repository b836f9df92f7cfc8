"""`callfold doctor` against real servers: silent on a healthy installation, right on a sick one."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from services.tooling.__main__ import app
from services.tooling.doctor import tenancy
from shared.contracts.incident_kinds import IncidentKind
from shared.delivery.connection import redis_client
from shared.delivery.stream_keeping import announce_partitions
from shared.storage import tenancy_facts
from shared.storage.incidents import LaneCount, declare
from shared.storage.schema import migrate
from shared.storage.tenancy import OWN_ROWS
from tests.integration.shared.storage.lane_owner import PARTITIONS, LaneOwner, lane_owner
from tests.servers import ServersForTests, fresh_database, fresh_redis

_NOWHERE = "127.0.0.1:1"
#: Whose data may be lost.
_OF_TEST_SERVERS = "postgres durability"
#: As deploy/README.md asks for it.
_REDIS_SETTINGS = {"appendonly": "yes", "maxmemory-policy": "noeviction", "maxmemory": "4gb"}


class Patient:
    """A healthy installation, and what the doctor says of it."""

    def __init__(self, owner: LaneOwner, redis_url: str) -> None:
        """`owner` holds all lanes, as a projector does."""
        self.owner = owner
        self.redis_url = redis_url
        self.client: Any = redis_client(redis_url)

    def sql(self, statement: str, *values: object) -> None:
        """Change something in the database."""
        self.owner.connection.execute(statement.encode(), values)

    def errors(self, **urls: str) -> dict[str, str]:
        """Name and finding of each error, but that servers for tests may do without fsync."""
        checks = self.all(**urls).items()
        return {
            name: found
            for name, (standing, found) in checks
            if standing == "error" and name != _OF_TEST_SERVERS
        }

    def all(self, **urls: str) -> dict[str, tuple[str, str]]:
        """Each check by name: how it stands, what was found; with other URLs where given."""
        environment = {
            "CALLFOLD_REDIS_URL": urls.get("redis_url", self.redis_url),
            "CALLFOLD_DATABASE_URL": urls.get("database_url", self.owner.database_url),
        }
        result = CliRunner().invoke(app, ["doctor", "--json"], env=environment)
        answer = json.loads(result.stdout)
        assert (1 if answer["errors"] else 0) == result.exit_code, result.output
        for check in answer["checks"]:
            assert (check["standing"] == "ok") == (check["toDo"] is None)
        return {check["name"]: (check["standing"], check["found"]) for check in answer["checks"]}


@pytest.fixture(scope="module")
def patient(servers: ServersForTests) -> Iterator[Patient]:
    """One installation for all tests here; each puts right what it changed."""
    redis_url = fresh_redis(servers)
    with fresh_database(servers) as database_url:
        migrate(database_url, PARTITIONS)
        with lane_owner(database_url, "owner", lease_ms=600_000) as owner:
            owner.lanes.beat()
            owner.take()
            found = Patient(owner, redis_url)
            announce_partitions(found.client, PARTITIONS)
            with redis_set(found, **_REDIS_SETTINGS):
                yield found
            found.client.close()


@contextmanager
def redis_set(patient: Patient, **settings: str) -> Iterator[None]:
    """Redis with other settings for a while."""
    before = {name: patient.client.config_get(name)[name] for name in settings}
    try:
        for name, value in settings.items():
            patient.client.config_set(name, value)
        yield
    finally:
        for name, value in before.items():
            patient.client.config_set(name, value)


def test_healthy_installation_has_no_error(patient: Patient) -> None:
    """Every family of checks says that it looked."""
    assert {} == patient.errors()
    found = patient.all()
    fsync = patient.owner.connection.execute("SHOW fsync").fetchone()
    assert found[_OF_TEST_SERVERS][0] == ("ok" if fsync == ("on",) else "error")
    well = {name for name, (standing, _) in found.items() if standing == "ok"}
    assert {
        "settings", "redis persistence", "redis maxmemory-policy", "redis permissions",
        "postgres encoding", "postgres privileges", "installation migrations",
        "installation generation", "installation partitions", "installation projectors",
        "installation breakers", "installation incidents", "installation log", "clocks",
    } <= well  # fmt: skip


def test_server_that_is_away_is_an_error_and_the_other_is_looked_at(patient: Patient) -> None:
    """The password of its URL is in no answer."""
    found = patient.all(redis_url=f"redis://:secret@{_NOWHERE}/0")
    assert "error" == found["redis connection"][0]
    assert "ok" == found["installation projectors"][0]
    assert "secret" not in str(found)

    found = patient.all(database_url=f"postgresql://user:secret@{_NOWHERE}/db")
    assert "error" == found["postgres connection"][0]
    assert "ok" == found["redis persistence"][0]
    assert "installation projectors" not in found
    assert "secret" not in str(found)
    assert {"redis connection", "postgres connection"} == set(
        patient.errors(redis_url="", database_url="")
    )


def test_redis_that_forgets_is_an_error(patient: Patient) -> None:
    """Entries that may be evicted, or are in memory alone."""
    with redis_set(patient, **{"maxmemory-policy": "allkeys-lru"}):
        assert {"redis maxmemory-policy": "allkeys-lru"} == patient.errors()
    with redis_set(patient, appendonly="no"):
        assert {"redis persistence"} == set(patient.errors())
    with redis_set(patient, appendfsync="no", timeout="30", maxmemory="0"):
        found = patient.all()
        doubtful = ("redis persistence", "redis timeout", "redis memory")
        assert ["warning"] * 3 == [found[name][0] for name in doubtful]


def test_redis_user_that_may_not_do_all_is_an_error(patient: Patient) -> None:
    """Found out without doing it; a user that may not even ask is told so."""
    may = ("+get", "+ping", "+time", "+info", "+config|get", "+xadd")
    ask = ("+acl|whoami", "+acl|dryrun")
    address = urlsplit(patient.redis_url)
    url = address._replace(netloc=f"small:pw@{address.hostname}:{address.port}").geturl()
    try:
        setting = ("small", "on", ">pw", "~callfold:*", "&callfold:control", *may)
        patient.client.execute_command("ACL", "SETUSER", *setting)
        found = patient.all(redis_url=url)
        assert "warning" == found["redis permissions"][0]
        patient.client.execute_command("ACL", "SETUSER", *setting, *ask)
        (refused,) = patient.errors(redis_url=url).values()
        assert "XTRIM" in refused
        assert "XADD" not in refused
    finally:
        patient.client.execute_command("ACL", "DELUSER", "small")


def test_database_user_that_may_not_do_all_is_an_error(patient: Patient) -> None:
    """Then the installation's tables are not looked into."""
    address = urlsplit(patient.owner.database_url)
    url = address._replace(netloc=f"small:pw@{address.hostname}:{address.port}").geturl()
    patient.sql("CREATE ROLE small LOGIN PASSWORD 'pw'")
    try:
        found = patient.all(database_url=url)
        words = found["postgres privileges"][1]
        assert words.startswith("small lacks CREATE on the database, rights on callfold.")
        assert "installation projectors" not in found
        assert "error" == found["postgres privileges"][0]
    finally:
        patient.sql("DROP ROLE small")


def test_database_of_another_release_is_an_error(patient: Patient) -> None:
    """Behind, ahead, or folded otherwise; then the tables are not looked into."""
    version = patient.owner.connection.execute(
        "SELECT version_num FROM callfold.alembic_version"
    ).fetchone()
    assert version is not None
    for other, word in (("0001", "not applied"), ("9999", "newer release")):
        patient.sql("UPDATE callfold.alembic_version SET version_num = %s", other)
        found = patient.all()
        assert "error" == found["installation migrations"][0]
        assert word in found["installation migrations"][1]
        assert "installation log" not in found
    patient.sql("UPDATE callfold.alembic_version SET version_num = %s", version[0])
    patient.sql("UPDATE callfold.generations SET fold_version = fold_version + 1")
    assert {"installation generation"} == set(patient.errors())
    patient.sql("UPDATE callfold.generations SET fold_version = fold_version - 1")
    assert {} == patient.errors()


def test_installation_that_does_not_fold_is_an_error(patient: Patient) -> None:
    """Partitions that differ, an open breaker, nobody who runs it."""
    announce_partitions(patient.client, PARTITIONS + 1)
    (words,) = patient.errors().values()
    assert f"{PARTITIONS} in the database, {PARTITIONS + 1} in Redis" == words
    announce_partitions(patient.client, PARTITIONS)

    patient.owner.lanes.open_breaker([1, 2], "release 9 fails")
    (words,) = patient.errors().values()
    assert "open for lanes 1, 2, which only archive: release 9 fails" == words
    patient.sql("UPDATE callfold.leases SET archive_only = NULL")

    patient.owner.lanes.leave()
    assert {"installation projectors"} == set(patient.errors())
    patient.owner.lanes.beat()


def test_what_is_open_is_a_warning(patient: Patient) -> None:
    """Incidents are for an operator to look at; the installation works all the same."""
    at = LaneCount((1, 1), 0, 0)
    assert declare(patient.owner.connection, 0, 1, at, IncidentKind.TRIMMED, 0, 0, {"what": "x"})
    found = patient.all()
    assert ("warning", "open: 1 trimmed") == found["installation incidents"]
    patient.sql("DELETE FROM callfold.incidents")


def test_table_that_is_open_to_all_organizations_is_an_error(patient: Patient) -> None:
    """Without row-level security, without a policy, or with one that lets everybody in."""
    for spoil, mend in (
        ("ALTER TABLE gen_1.attempts DISABLE", "ALTER TABLE gen_1.attempts ENABLE"),
        ("ALTER TABLE gen_1.positions DISABLE", "ALTER TABLE gen_1.positions ENABLE"),
    ):
        patient.sql(f"{spoil} ROW LEVEL SECURITY")
        assert {"tenancy policies"} == set(patient.errors())
        patient.sql(f"{mend} ROW LEVEL SECURITY")
    patient.sql("CREATE POLICY wide ON gen_1.flows FOR SELECT TO callfold_read USING (true)")
    assert {"tenancy policies": "generation 1 lacks them: flows"} == patient.errors()
    patient.sql("DROP POLICY wide ON gen_1.flows")
    patient.sql("ALTER POLICY own_rows ON gen_1.flows RENAME TO other")
    assert {} == patient.errors()
    patient.sql("DROP POLICY other ON gen_1.flows")
    assert {"tenancy policies": "generation 1 lacks them: flows"} == patient.errors()
    patient.sql(
        "CREATE POLICY own_rows ON gen_1.flows FOR SELECT TO callfold_read, callfold_raw"
        f" USING ({OWN_ROWS})"
    )


def test_roles_that_are_missing_or_others_are_told(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a database that was restored into another cluster."""
    found = patient.all()
    assert all(found[f"tenancy {name}"][0] == "ok" for name in ("roles", "limits", "membership"))
    for module in (tenancy, tenancy_facts):
        monkeypatch.setattr(module, "RAW_ROLE", "pg_write_server_files")
    assert ("warning", "not of pg_write_server_files") == patient.all()["tenancy membership"]
    for module in (tenancy, tenancy_facts):
        monkeypatch.setattr(module, "RAW_ROLE", "nobody_at_all")
    assert {"tenancy roles": "missing: nobody_at_all"} == patient.errors()
