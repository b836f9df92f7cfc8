"""`callfold migrate`: brings the database to this release; tells publishers the partitions."""

import typer

from shared.delivery.connection import redis_client
from shared.delivery.publisher import read_partitions
from shared.delivery.stream_keeping import announce_partitions
from shared.settings import Settings
from shared.storage.schema import migrate


def migrate_command() -> None:
    """Apply migrations; projectors do the same when they start.

    Needs CALLFOLD_REDIS_URL and CALLFOLD_DATABASE_URL. A new installation takes its number of
    partitions from the key callfold:partitions, or 16.
    """
    settings = Settings.from_environment()
    client = redis_client(settings.require_redis_url())
    partitions = migrate(settings.require_database_url(), read_partitions(client))
    announce_partitions(client, partitions)
    typer.echo(f"migrated; {partitions} partitions")
