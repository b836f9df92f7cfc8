"""`callfold migrate`: brings the database to this release; tells publishers the partitions."""

from functools import partial
from typing import Annotated

import msgspec
import typer

from services.tooling.audit import As, AsJson, who
from shared.delivery.connection import redis_client
from shared.delivery.publisher import read_partitions
from shared.delivery.stream_keeping import announce_partitions
from shared.settings import Settings
from shared.storage.audit import audited
from shared.storage.connection import connect
from shared.storage.schema import migrate, pending_migrations


def migrate_command(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say which migrations would run; run none.")
    ] = False,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Apply migrations; projectors do the same when they start.

    All of them or none. A new installation takes its number of partitions from the key
    callfold:partitions, or 16. Needs CALLFOLD_DATABASE_URL and, but for a dry run,
    CALLFOLD_REDIS_URL.
    """
    settings = Settings.from_environment()
    database_url = settings.require_database_url()
    client = None if dry_run else redis_client(settings.require_redis_url())
    migrations = pending_migrations(database_url)
    partitions = None
    if client is not None:
        partitions = migrate(database_url, partial(read_partitions, client))
        announce_partitions(client, partitions)
        if migrations:  # noted behind the deed, which may be what makes the table
            with (
                connect(database_url, "migrate") as connection,
                audited(connection, who(as_), "migrate", {"migrations": migrations}),
            ):
                pass
    if as_json:
        said = {"dryRun": dry_run, "migrations": migrations, "partitions": partitions}
        typer.echo(msgspec.json.encode(said))
        return
    for migration in migrations:
        typer.echo(f"{'would apply' if dry_run else 'applied'} {migration}")
    if partitions is not None:
        typer.echo(f"migrated; {partitions} partitions")
    elif not migrations:
        typer.echo("nothing to apply: the database is as this release needs it")
