"""`GET /v1/whoami`: what the credentials of a request are good for."""

from datetime import datetime
from typing import Final

import msgspec
from litestar import Router, route
from litestar.response.base import ASGIResponse

from services.read_api.error_shape import PROBLEM_DETAILS
from services.read_api.identity.admission import Admission
from services.read_api.reading.answers import JSON_MEDIA_TYPE
from services.read_api.requests import METHODS, READ_SCOPE, AnyRequest

PATH: Final = "/v1/whoami"

_encode = msgspec.json.Encoder().encode


class WhoAmI(msgspec.Struct, frozen=True, rename="camel"):
    """The body of a 200."""

    organization_id: str
    scopes: list[str]
    #: `key:` and the id of the API key, also where a token stands for it, or `sub:` and the
    #: subject of an issuer's token; what requests are counted by.
    subject: str
    #: When the key or token ends; null where it does not.
    expires_at: datetime | None


def whoami_routes(admission: Admission) -> Router:
    """The route, with errors as problem+json."""

    @route(PATH, http_method=METHODS)
    async def whoami(request: AnyRequest) -> ASGIResponse:
        found = await admission.identity(request, READ_SCOPE)
        body = WhoAmI(found.organization_id, sorted(found.scopes), found.subject, found.expires_at)
        return ASGIResponse(
            body=_encode(body),
            headers={"cache-control": "no-store"},
            media_type=JSON_MEDIA_TYPE,
        )

    return Router("/", route_handlers=[whoami], exception_handlers=PROBLEM_DETAILS.handlers)
