"""`callfold keys list`: which API keys there are."""

from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from services.tooling.audit import AsJson
from services.tooling.keys.deeds import print_json
from shared.clock import utc_now
from shared.settings import Settings
from shared.storage.api_keys import ApiKey, list_api_keys


def list_(
    organization: Annotated[str | None, typer.Option(help="Only its keys.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the keys, oldest first; revoked and expired ones too."""
    database_url = Settings.from_environment().require_database_url()
    keys = list_api_keys(database_url, organization)
    if as_json:
        print_json(keys)
        return
    table = Table("Id", "Organization", "Name", "Scopes", "State", "Last used")
    now = utc_now()
    for key in keys:
        table.add_row(
            key.id,
            key.organization_id,
            key.name,
            ", ".join(key.scopes),
            _state(key, now),
            _minute(key.last_used_at) if key.last_used_at else "never",
        )
    Console(markup=False).print(table)


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return f"revoked {_minute(key.revoked_at)}"
    if key.expires_at is None:
        return "valid"
    return f"{'expired' if key.expires_at <= now else 'valid until'} {_minute(key.expires_at)}"


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
