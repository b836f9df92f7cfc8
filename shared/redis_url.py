"""Which kind of Redis a URL names: one server, a cluster, or a service behind Sentinel.

redis-py reads URLs of single servers alone. The forms of the two others are those that other
programs took for them; `shared/delivery/connection.py` makes clients of what is found here.
"""

import re
from enum import StrEnum
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode

_URL: Final = re.compile(
    r"(?P<scheme>rediss?)\+(?P<topology>cluster|sentinel)://"
    r"(?P<authority>[^/?#]*)(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?"
)
_ADDRESS: Final = re.compile(r"(?P<host>\[[^\]]+\]|[^:\[\]]+)(?::(?P<port>\d{1,5}))?")
_SINGLE_SCHEMES: Final = ("redis://", "rediss://", "unix://")
_PORT: Final = 6379
_SENTINEL_PORT: Final = 26379
_PORT_MOST: Final = 65535
_FORMS: Final = (
    "redis://HOST:PORT/DB, redis+cluster://HOST:PORT,HOST:PORT or"
    " redis+sentinel://HOST:PORT,HOST:PORT/SERVICE (rediss… for TLS; USER:PASSWORD@ before HOST)"
)

Address = tuple[str, int]


class Topology(StrEnum):
    """What stands behind a URL."""

    SINGLE = "single"
    CLUSTER = "cluster"
    SENTINEL = "sentinel"


class RedisUrl(NamedTuple):
    """A URL taken apart."""

    topology: Topology
    #: The same for one server, as redis-py reads it: user, password, database, options.
    single: str
    #: Nodes of the cluster to ask first, or the Sentinels; none of a single server.
    addresses: tuple[Address, ...] = ()
    #: What Sentinel calls the primary and its replicas.
    service: str = ""
    #: `username` and `password` of the Sentinels themselves, where they want any.
    sentinel_login: tuple[tuple[str, str], ...] = ()


def parse_redis_url(url: str) -> RedisUrl:
    """Take a URL apart.

    Raises:
        ValueError: it has none of the known forms; the message never quotes it.
    """
    if url.startswith(_SINGLE_SCHEMES):
        return RedisUrl(Topology.SINGLE, url)
    match = _URL.fullmatch(url)
    if match is None:
        raise ValueError(f"not a URL of Redis; give {_FORMS}")
    topology = Topology(match["topology"])
    login, at, hosts = match["authority"].rpartition("@")
    port = _SENTINEL_PORT if topology is Topology.SENTINEL else _PORT
    addresses = tuple(_address(text, port) for text in hosts.split(","))
    service, database = _path(topology, (match["path"] or "").strip("/"))
    options = parse_qsl(match["query"] or "", keep_blank_values=True)
    own = [option for option in options if not option[0].startswith("sentinel_")]
    sentinels = {name.removeprefix("sentinel_"): v for name, v in options if (name, v) not in own}
    if sentinels.keys() - {"username", "password"}:
        raise ValueError("of Sentinels only sentinel_username and sentinel_password can be set")
    host, first_port = addresses[0]
    first = f"[{host}]" if ":" in host else host
    query = f"?{urlencode(own)}" if own else ""
    single = f"{match['scheme']}://{login}{at}{first}:{first_port}/{database}{query}"
    return RedisUrl(topology, single, addresses, service, tuple(sentinels.items()))


def _address(text: str, port: int) -> Address:
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match["port"] or port) > _PORT_MOST:
        raise ValueError(f"hosts are written HOST:PORT,HOST:PORT; give {_FORMS}")
    return match["host"].strip("[]"), int(match["port"] or port)


def _path(topology: Topology, path: str) -> tuple[str, str]:
    """The service and the database of a path without its outer slashes."""
    if topology is Topology.CLUSTER:
        if path not in {"", "0"}:
            raise ValueError("a cluster has database 0 alone; leave the path out")
        return "", "0"
    service, _, database = path.partition("/")
    if not service or not (database or "0").isdigit():
        raise ValueError("behind Sentinel the path is /SERVICE or /SERVICE/DB, as in /mymaster")
    return unquote(service), database or "0"
