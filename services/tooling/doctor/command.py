"""`callfold doctor`: asks both servers and the installation, and says what is not as it must be."""

import sys
from collections.abc import Iterator
from typing import Final

import msgspec
import psycopg
import redis
import sqlalchemy.exc
import typer
from rich.console import Console

from services.tooling.audit import AsJson
from services.tooling.doctor.check import Check, judged, well, wrong
from services.tooling.doctor.installation_state import installation_checks, migration_check
from services.tooling.doctor.machine import machine_checks
from services.tooling.doctor.postgres_server import postgres_checks
from services.tooling.doctor.redis_server import redis_checks
from services.tooling.doctor.tenancy import tenancy_checks
from services.tooling.doctor.way_to_server import advice
from services.tooling.exit_codes import FAILED
from services.tooling.safe_text import one_line
from shared.delivery.cluster_client import primaries
from shared.delivery.connection import redis_client
from shared.delivery.server_facts import redis_facts
from shared.errors import CallfoldError, SettingsError
from shared.settings import Settings
from shared.storage.connection import connect
from shared.storage.server_facts import postgres_facts, tables_out_of_reach

_CLOCK_MS_MOST: Final = 1_000.0
_STYLES: Final = {"ok": "green", "warning": "yellow", "error": "bold red"}


def doctor(as_json: AsJson = False) -> None:
    """Look whether the installation is as it must be: servers, settings, data, what is open.

    Each line is *ok*, a *warning* (it works, and may not for long) or an *error* (events are not
    folded, or may be lost), with what to do. It changes nothing. Where a server is away that is
    the error, and all else is looked at. Exit code 1 where there is any error.

    Reads CALLFOLD_REDIS_URL and CALLFOLD_DATABASE_URL. Example: `callfold doctor --json`
    """
    checks = []
    for check in _checks():
        checks.append(check)
        if not as_json:
            _print(check)
    standings = [check.standing for check in checks]
    errors, warnings = standings.count("error"), standings.count("warning")
    if as_json:
        answer = {"errors": errors, "warnings": warnings, "checks": checks}
        sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
    else:
        typer.echo(f"{len(checks)} checks; errors: {errors}, warnings: {warnings}")
    if errors:
        raise typer.Exit(FAILED)


def _checks() -> Iterator[Check]:
    yield from machine_checks()
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        yield wrong("settings", str(error), "see the table of settings in deploy/README.md")
        return
    yield well("settings", "each CALLFOLD_… variable can be read")
    #: Server → how far its clock is ahead of ours; only of those that answer.
    aheads_ms: dict[str, float] = {}
    clients: list[redis.Redis] = []
    try:
        yield from _of_redis(settings, clients, aheads_ms)
        yield from _of_postgres(settings, clients[0] if aheads_ms else None, aheads_ms)
    finally:
        for client in clients:
            client.close()
    yield from _clocks(aheads_ms)


def _of_redis(
    settings: Settings, clients: list[redis.Redis], aheads_ms: dict[str, float]
) -> Iterator[Check]:
    try:
        url = settings.require_redis_url()
        client = redis_client(url)
        clients.append(client)
        for node in primaries(client):
            facts = redis_facts(node)
            aheads_ms["Redis"] = max(facts.ahead_ms, aheads_ms.get("Redis", 0.0), key=abs)
            address = "{host}:{port}".format_map(node.connection_pool.connection_kwargs)
            for check in redis_checks(node, url, facts, settings.stream_keep_memory_share):
                found = check.found if node is client else f"{address}: {check.found}"
                yield msgspec.structs.replace(check, found=found)
    except (CallfoldError, redis.RedisError, ValueError) as error:
        yield _away("redis connection", error)


def _of_postgres(
    settings: Settings, client: redis.Redis | None, aheads_ms: dict[str, float]
) -> Iterator[Check]:
    try:
        url = settings.require_database_url()
        with connect(url, "doctor") as connection:
            facts = postgres_facts(connection)
            aheads_ms["PostgreSQL"] = facts.ahead_ms
            yield from postgres_checks(connection, url, facts)
            if tables_out_of_reach(connection):
                return  # told among the rights
            migrations = migration_check(url)
            yield migrations
            if migrations.standing == "ok":
                yield from installation_checks(connection, client)
                yield from tenancy_checks(connection)
    except (CallfoldError, psycopg.Error, sqlalchemy.exc.SQLAlchemyError) as error:
        yield _away("postgres connection", error)
    except redis.RedisError as error:
        yield _away("redis connection", error)


def _away(name: str, error: Exception) -> Check:
    if isinstance(error, SettingsError):
        return wrong(name, str(error), "set it for this command as for the processes")
    words = (str(error).strip() or type(error).__name__).splitlines()[0]
    return wrong(name, words, advice(error))


def _clocks(aheads_ms: dict[str, float]) -> Iterator[Check]:
    """Leases go by PostgreSQL's clock, entries by Redis', what is received by a projector's."""
    if not aheads_ms:
        return
    clocks = {"this machine": 0.0, **aheads_ms}
    apart_ms = max(clocks.values()) - min(clocks.values())
    said = ", ".join(f"{name} {ahead:+.0f} ms" for name, ahead in aheads_ms.items())
    yield judged(
        "clocks",
        f"against this machine's: {said}",
        "let all machines follow one time server",
        good=apart_ms <= _CLOCK_MS_MOST,
        fatal=False,
    )


def _print(check: Check) -> None:
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(f"{check.standing:<8}", style=_STYLES[check.standing], end="")
    console.print(one_line(f"{check.name:<28} {check.found}"))
    if check.to_do is not None:
        console.print(one_line(f"         to do: {check.to_do}"))
