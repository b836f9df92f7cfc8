"""Which pages of other origins may ask the read API: none, unless the settings name them."""

from typing import Final

from litestar.config.cors import CORSConfig

from services.read_api.reading.answers import AS_OF_HEADER, INCIDENTS_HEADER
from shared.errors import SettingsError
from shared.web_edge.authentication import ORGANIZATION_HEADER
from shared.web_edge.rate_limits import RATE_LIMIT_HEADERS

_EXPOSED: Final = [
    *("ETag", "Link", "Content-Disposition", "Retry-After", "Location"),
    *(AS_OF_HEADER, INCIDENTS_HEADER),
    *RATE_LIMIT_HEADERS,
]
_SENT: Final = [
    *("Authorization", "X-Api-Key", "Content-Type", "If-None-Match", "Last-Event-ID"),
    ORGANIZATION_HEADER,
]


def cross_origin(origins: str) -> CORSConfig | None:
    """What answers say to pages of these origins (with commas between them, or `*`).

    Credentials are headers that a page sets itself, so cookies are never asked for.

    Raises:
        SettingsError: something is no origin.
    """
    named = [origin.strip() for origin in origins.split(",") if origin.strip()]
    if not named:
        return None
    for origin in named:
        scheme, _, host = origin.partition("://")
        if origin != "*" and (scheme not in {"http", "https"} or not host or set("/*") & set(host)):
            raise SettingsError(
                f"CALLFOLD_CORS_ORIGINS: {origin!r} is no origin; give https://host[:port], or *"
            )
    return CORSConfig(
        allow_origins=named,
        allow_methods=["GET", "HEAD", "POST", "DELETE"],
        allow_headers=list(_SENT),
        expose_headers=list(_EXPOSED),
    )
