"""What to do about a server that cannot be reached, by what it or a library said."""

import re
from typing import Final

import redis

_CERTIFICATES: Final = (
    "name the host as its certificate does, and in ssl_ca_certs= of CALLFOLD_REDIS_URL or"
    " sslrootcert= of CALLFOLD_DATABASE_URL the file with the certificate of who signed it"
)
_LOOK: Final = "look at that server, its address and password, and the way to it"
_ADVICE: Final = (
    (re.compile(r"certificate|No such file", re.IGNORECASE), _CERTIFICATES),
    (
        re.compile(r"no encryption|Connection reset|Connection closed by server"),
        "where the server takes TLS alone: rediss:// for Redis, sslmode=verify-full for PostgreSQL",
    ),
    (
        re.compile(r"SSL"),
        "where the server has no TLS: redis:// for Redis, no sslmode for PostgreSQL",
    ),
    (
        re.compile(r"password|[Aa]uthentication"),
        "give the server's user and password in the URL; in them / is written %2F, @ %40, : %3A",
    ),
)


def advice(error: Exception) -> str:
    """What an operator does next."""
    if isinstance(error, redis.exceptions.NoPermissionError):
        return "ACL SETUSER, as deploy/README.md lists them"
    words = str(error)
    return next((to_do for said, to_do in _ADVICE if said.search(words)), _LOOK)
