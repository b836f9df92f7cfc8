"""Tenancy: are there the roles that see one organization alone, and is every table closed."""

from collections.abc import Iterator

import psycopg

from services.tooling.doctor.check import Check, judged
from shared.storage.installation_facts import installation_facts
from shared.storage.tenancy import RAW_ROLE, READ_ROLE
from shared.storage.tenancy_facts import is_limited, open_tables, reading_roles


def tenancy_checks(connection: psycopg.Connection) -> Iterator[Check]:
    """What keeps organizations apart beneath the read API; migrations must have been applied."""
    roles = {role.name: role for role in reading_roles(connection)}
    missing = [name for name in (READ_ROLE, RAW_ROLE) if name not in roles]
    yield judged(
        "tenancy roles",
        f"missing: {', '.join(missing)}" if missing else f"{READ_ROLE} and {RAW_ROLE} are there",
        "create them as an administrator, NOLOGIN, and restore the database again: its rights"
        " name them",
        good=not missing,
    )
    mighty = [role.name for role in roles.values() if role.sees_all]
    yield judged(
        "tenancy limits",
        f"{', '.join(mighty)}: every organization's rows" if mighty else "each sees one at a time",
        "ALTER ROLE … NOSUPERUSER NOBYPASSRLS",
        good=not mighty,
    )
    foreign = [role.name for role in roles.values() if not role.is_ours]
    yield judged(
        "tenancy membership",
        f"not of {', '.join(foreign)}" if foreign else "this user may become both",
        "GRANT them to the user of CALLFOLD_DATABASE_URL, or CALLFOLD_READ_DATABASE_URL of one"
        " who has them",
        good=not foreign,
        fatal=False,
    )
    generation = installation_facts(connection).live_generation
    tables = open_tables(connection, generation)
    yield judged(
        "tenancy policies",
        f"generation {generation} lacks them: {', '.join(tables)}"
        if tables
        else f"on every table of generation {generation}",
        "`callfold rebuild`: each generation is created with its own",
        good=not tables,
    )
    limited = is_limited(connection, generation)
    yield judged(
        "tenancy owner",
        "rows are hidden from this user too" if limited else "nothing is hidden from this user",
        "let the user of CALLFOLD_DATABASE_URL own the tables, or be a member of who does",
        good=not limited,
    )
