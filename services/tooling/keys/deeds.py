"""What the commands on API keys share: the audit, the key that is meant, JSON."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import msgspec
import typer

from services.tooling.audit import who
from shared.storage.api_keys import ApiKey, list_api_keys
from shared.storage.audit import audited
from shared.storage.connection import connect

#: The argument of the commands about one key.
KeyId = Annotated[
    str, typer.Argument(help="The id of the key, as `keys list` shows it; not the key itself.")
]


def the_key(database_url: str, key_id: str) -> ApiKey:
    """The key of an id; raise typer.BadParameter where there is none."""
    key = next((key for key in list_api_keys(database_url) if key.id == key_id), None)
    if key is None:
        raise typer.BadParameter("there is no key with this id; see `callfold keys list`")
    return key


def print_key(key: str) -> None:
    """Print a new key, for the only time."""
    typer.echo(key)
    typer.echo(
        "Keep it: it cannot be shown again. Send it as x-api-key or as a bearer token.", err=True
    )


@contextmanager
def audited_deed(
    database_url: str, as_: str | None, command: str, said: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Note a deed in the audit; what the block puts into the dictionary is kept with it."""
    with (
        connect(database_url, "keys") as connection,
        audited(connection, who(as_), command, said) as details,
    ):
        yield details


def id_of(key: str) -> str:
    """The id in a key, which is no secret."""
    return key.split("_")[1]


def print_json(value: object) -> None:
    """Print for scripts."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
