"""What the document says of credentials: `/v1/whoami`, and tokens for API keys."""

from typing import Final

from services.read_api.documents.operations import Interface, Operation
from services.read_api.error_shape import PROBLEM_DETAILS, ProblemDetails
from services.read_api.identity.tokens import (
    ERRORS,
    KEYS_PATH,
    TOKEN_PATH,
    TokenAnswer,
    TokenError,
)
from services.read_api.identity.whoami import PATH, WhoAmI

_TOKEN_REQUEST: Final = {
    "type": "object",
    "required": ["grant_type"],
    "properties": {
        "grant_type": {"const": "client_credentials"},
        "client_id": {"type": "string", "description": "The id of an API key."},
        "client_secret": {"type": "string", "description": "The secret of it, or the whole key."},
        "scope": {"type": "string", "description": "Scopes with spaces between; else all."},
    },
}
_CLIENT: Final = {
    "grant_type": "client_credentials",
    "client_id": "5d3f0c2b9a7e4c11",
    "client_secret": "the-rest-of-the-key",
}
_KEYS: Final = {
    "type": "object",
    "required": ["keys"],
    "properties": {"keys": {"type": "array", "items": {"type": "object"}}},
}

WHOAMI: Final = Interface(
    key="Identity",
    title="Identity",
    words="What the credentials of a request are good for.",
    shape=PROBLEM_DETAILS,
    error=ProblemDetails,
    operations=(
        Operation(
            id="whoAmI",
            path=PATH,
            summary="Whose the key or token is, and what it may do",
            is_report=False,
            has_head=True,
            answer=WhoAmI,
            example={
                "organizationId": "acme",
                "scopes": ["read"],
                "subject": "key:5d3f0c2b9a7e4c11",
                "expiresAt": None,
            },
        ),
    ),
)
TOKENS: Final = Interface(
    key="Token",
    title="Tokens",
    words="An API key for a token of 15 minutes (RFC 6749, client credentials).",
    shape=ERRORS,
    error=TokenError,
    operations=(
        Operation(
            id="createToken",
            method="post",
            path=TOKEN_PATH,
            summary="A bearer token for an API key",
            words="The body may be a form too, and the client may be sent as HTTP Basic.",
            body={"application/json": _TOKEN_REQUEST},
            body_example=_CLIENT,
            is_report=False,
            is_open=True,
            answer=TokenAnswer,
            example={
                "access_token": "eyJhbGciOiJFZERTQSJ9.e30.c2lnbmF0dXJl",
                "expires_in": 900,
                "scope": "read",
                "token_type": "Bearer",
            },
            refusals={
                400: "grant_type can only be client_credentials",
                401: "client_id is the id of an API key that is valid",
            },
        ),
        Operation(
            id="getTokenKeys",
            path=KEYS_PATH,
            summary="The keys that verify these tokens, as a JWK Set",
            is_report=False,
            is_open=True,
            answer=_KEYS,
            example={"keys": []},
        ),
    ),
)
