"""Which account the servers run as, since PostgreSQL refuses to run as root.

Used by the data directory and the launcher. An ordinary user runs the servers itself; root gives
them to whoever owns the data directory, and to `nobody` where that is root.
"""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from services.tooling.embedded.errors import EmbeddedServerError


@dataclass(frozen=True, slots=True)
class Account:
    """A user other than root, with its primary group."""

    name: str
    uid: int
    gid: int


def server_account(data_directory: Path) -> Account | None:
    """The account to change to before a server starts; None to stay who we are.

    Raises:
        EmbeddedServerError: we are root and this system has no user `nobody`.
    """
    if os.geteuid() != 0:
        return None
    owner = data_directory.stat()
    if owner.st_uid != 0:
        return Account(f"user {owner.st_uid}", owner.st_uid, owner.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedServerError(
            "embedded servers do not run as root and there is no user 'nobody': "
            "run as an ordinary user, or set CALLFOLD_REDIS_URL and CALLFOLD_DATABASE_URL"
        ) from None
    return Account(nobody.pw_name, nobody.pw_uid, nobody.pw_gid)
