"""`callfold keys revoke`: ends an API key."""

from typing import Annotated

import msgspec
import typer

from services.tooling.audit import As, AsJson
from services.tooling.keys.deeds import KeyId, audited_deed, print_json, the_key
from services.tooling.safe_text import one_line
from shared.settings import Settings
from shared.storage.api_keys import revoke_api_key


class _Revoked(msgspec.Struct, frozen=True, rename="camel"):
    """What `keys revoke --json` prints."""

    dry_run: bool
    id: str
    organization_id: str
    name: str


def revoke(
    key_id: KeyId,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say which key it is; revoke nothing.")
    ] = False,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Revoke a key for ever; it stops within seconds."""
    database_url = Settings.from_environment().require_database_url()
    key = the_key(database_url, key_id)
    if not dry_run:
        said = {"id": key.id, "organization": key.organization_id, "name": key.name}
        with audited_deed(database_url, as_, "keys revoke", said):
            revoke_api_key(database_url, key.id)
    if as_json:
        print_json(_Revoked(dry_run, key.id, key.organization_id, key.name))
    else:
        verb = "would revoke" if dry_run else "revoked"
        typer.echo(one_line(f"{verb} {key.id} ({key.name or 'no name'}) of {key.organization_id}"))
