"""What every operation of the document shares: keys, headers, refusals."""

from typing import Any, Final

from services.read_api.documents.operations import Schema
from services.read_api.identity.tokens import TOKEN_PATH
from shared.web_edge.rate_limits import RATE_LIMIT_HEADERS

_INFO: Final = """\
Reports of telephony campaigns, exact at every moment, folded from events. Four vendors' \
interfaces over one log: point the client that you have at Callfold.

A thing of another organization does not exist: 404, with the body that an unknown id gets. Ids \
are percent-encoded in a path, a slash in them too. Amounts are exact JSON numbers; times are \
UTC. Unknown query parameters are ignored; a known one said twice, or out of its bounds, is an \
error.\
"""
INFO: Final[Schema] = {"title": "Callfold", "version": "1.0.0", "description": _INFO}
SERVERS: Final = [{"url": "http://localhost:8080", "description": "The read API of `callfold up`"}]

SECURITY_SCHEMES: Final[Schema] = {
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "x-api-key",
        "description": "From `callfold keys create`.",
    },
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, or a token of the configured issuer.",
    },
    "oauth2": {
        "type": "oauth2",
        "flows": {
            "clientCredentials": {
                "tokenUrl": TOKEN_PATH,
                "scopes": {
                    "read": "Read reports.",
                    "publish": "Publish events.",
                    "operate": "Operate the installation.",
                },
            }
        },
    },
}
SECURITY: Final[list[Schema]] = [{"apiKey": []}, {"bearer": []}, {"oauth2": ["read"]}]
#: Of what needs no key.
OPEN: Final[list[Schema]] = []

HEADERS: Final[dict[str, Any]] = {
    "ETag": {
        "description": "Of these very bytes; send it as `If-None-Match`.",
        "schema": {"type": "string"},
    },
    "X-Callfold-As-Of": {
        "description": "Every entry received up to this instant is folded; absent while unknown.",
        "schema": {"type": "string", "format": "date-time"},
    },
    "X-Callfold-Incidents": {
        "description": "Losses that no operator has acknowledged; absent where there is none.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "Link": {
        "description": 'To the next page (`rel="next"`); absent on the last.',
        "schema": {"type": "string"},
    },
    "Content-Disposition": {
        "description": "The name of the file.",
        "schema": {"type": "string"},
    },
    "Repr-Digest": {
        "description": "SHA-256 of the file (RFC 9530); absent where none was computed.",
        "schema": {"type": "string"},
    },
    "Location": {
        "description": "Of what was made, relative to the request.",
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds to wait.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "RateLimit-Policy": {
        "description": "Requests that one key may make in a window of seconds; absent without one.",
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": "What is left of it, and the seconds until the window ends.",
        "schema": {"type": "string"},
    },
    "WWW-Authenticate": {
        "description": "How to send a key.",
        "schema": {"type": "string"},
    },
}
REPORT_HEADERS: Final = ("ETag", "X-Callfold-As-Of", "X-Callfold-Incidents")

#: Those that a request without a key cannot meet.
REFUSED_KEYS: Final[frozenset[int]] = frozenset({401, 403})
#: Status → an example of its message, of every operation.
REFUSALS: Final[dict[int, str]] = {
    401: "API key is missing: send it as x-api-key or as a bearer token",
    403: "API key lacks the scope read",
    429: "more than 60000 requests a minute; go on in 12 s",
    503: "No report at the moment: the database does not answer",
}
REFUSAL_HEADERS: Final[dict[int, tuple[str, ...]]] = {
    401: ("WWW-Authenticate",),
    429: ("Retry-After", *RATE_LIMIT_HEADERS),
    503: ("Retry-After",),
}
