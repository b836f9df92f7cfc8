"""`POST /oauth2/token`: an API key for a token of 15 minutes; and the keys that verify it."""

from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar import Request, Response, Router, get, post

from services.read_api.error_shape import PROBLEM_DETAILS, ErrorShape
from services.read_api.identity.admission import Admission
from services.read_api.identity.token_request import (
    InvalidClient,
    TokenRefused,
    read_token_request,
)
from services.read_api.reading.answers import JSON_MEDIA_TYPE

TOKEN_PATH: Final = "/oauth2/token"  # noqa: S105 -- a path
KEYS_PATH: Final = "/.well-known/jwks.json"
_BODY_BYTES_MAX: Final = 8_192
_KEYS_KEPT_S: Final = 300

_AnyRequest = Request[Any, Any, Any]
_encode = msgspec.json.Encoder().encode


class TokenAnswer(msgspec.Struct, frozen=True):
    """The body of a 200 (RFC 6749, section 5.1)."""

    access_token: str
    #: In seconds.
    expires_in: int
    scope: str
    token_type: str = "Bearer"  # noqa: S105 -- as the standard spells it


class TokenError(msgspec.Struct, frozen=True):
    """The body of every error (RFC 6749, section 5.2)."""

    error: str
    error_description: str


def token_routes(admission: Admission) -> Router:
    """The two routes; nobody needs to be let in for them."""
    authentication = admission.authentication

    @post(TOKEN_PATH, status_code=HTTPStatus.OK, request_max_body_size=_BODY_BYTES_MAX)
    async def token(request: _AnyRequest) -> Response[bytes]:
        asked = read_token_request(request.scope["headers"], await request.body())
        grant = await authentication.keys.grant(asked.key.encode())
        if grant is None:
            raise InvalidClient
        admission.limits.count(request.scope, grant.subject)
        scopes = grant.scopes if asked.scopes is None else asked.scopes
        if not scopes <= grant.scopes:
            raise TokenRefused("invalid_scope", f"this key allows {' '.join(sorted(grant.scopes))}")
        made = await authentication.tokens.issue(grant, scopes)
        answer = TokenAnswer(made.token, made.lifetime_s, " ".join(made.scopes))
        return _answer(answer, "no-store")

    @get(KEYS_PATH, exception_handlers=PROBLEM_DETAILS.handlers)
    async def public_keys() -> Response[bytes]:
        found = await authentication.tokens.public_keys()
        return _answer(found, f"public, max-age={_KEYS_KEPT_S}")

    return Router(
        "/",
        route_handlers=[token, public_keys],
        exception_handlers={**ERRORS.handlers, TokenRefused: _refused},
    )


def _answer(body: object, cache_control: str) -> Response[bytes]:
    return Response(
        _encode(body), headers={"cache-control": cache_control}, media_type=JSON_MEDIA_TYPE
    )


def _refused(_request: _AnyRequest, refused: TokenRefused) -> Response[bytes]:
    return Response(
        _encode(TokenError(refused.error, str(refused))),
        status_code=refused.status,
        headers={"cache-control": "no-store", **refused.headers},
        media_type=JSON_MEDIA_TYPE,
    )


def _error(status: int, message: str) -> TokenError:
    """What has no name in the standard, by the nearest that has."""
    match status:
        case HTTPStatus.SERVICE_UNAVAILABLE | HTTPStatus.TOO_MANY_REQUESTS:
            return TokenError("temporarily_unavailable", message)
        case HTTPStatus.INTERNAL_SERVER_ERROR:
            return TokenError("server_error", message)
        case _:
            return TokenError("invalid_request", message)


ERRORS: Final = ErrorShape(_error)
