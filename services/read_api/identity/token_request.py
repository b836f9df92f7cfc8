"""The request of `POST /oauth2/token`: client credentials as JSON, as a form, or as HTTP Basic.

RFC 6749, sections 2.3.1 and 4.4.2; JSON is how the workflow vendor's clients send it.
"""

from base64 import b64decode
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import parse_qsl, unquote_plus

import msgspec

from shared.web_edge.refusals import Refusal

_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"
_BASIC: Final = "basic "
_GRANT_TYPE: Final = "client_credentials"

#: Header fields as they arrive.
Headers = Iterable[tuple[bytes, bytes]]


class TokenRefused(Refusal):
    """No token, for a reason of RFC 6749, section 5.2."""

    status = 400

    def __init__(self, error: str, description: str) -> None:
        """`error` is for programs, the description for people."""
        super().__init__(description)
        self.error = error


class InvalidClient(TokenRefused):
    """The client is unknown, or its secret is wrong."""

    status = 401
    headers: Mapping[str, str] = {"www-authenticate": 'Basic realm="callfold"'}

    def __init__(self) -> None:
        super().__init__(
            "invalid_client",
            "client_id is the id of an API key that is valid, client_secret is the rest of it",
        )


class TokenRequest(msgspec.Struct, frozen=True):
    """What was asked for."""

    #: The API key, put together; it may be nonsense.
    key: str
    #: None where no `scope` was asked for: everything that the key allows.
    scopes: frozenset[str] | None


class _Body(msgspec.Struct):
    grant_type: str = ""
    client_id: str | None = None
    client_secret: str | None = None
    scope: str | None = None


def read_token_request(headers: Headers, body: bytes) -> TokenRequest:
    """Read it.

    Raises:
        TokenRefused: it cannot be read, or asks for another kind of grant.
    """
    sent = {name.decode("latin-1"): value.decode("latin-1").strip() for name, value in headers}
    asked = _read_body(sent.get("content-type", ""), body)
    if not asked.grant_type:
        raise TokenRefused("invalid_request", "grant_type is missing")
    if asked.grant_type != _GRANT_TYPE:
        raise TokenRefused("unsupported_grant_type", f"grant_type can only be {_GRANT_TYPE}")
    client = _basic_client(sent.get("authorization", ""))
    if client is not None and (asked.client_secret is not None):
        raise TokenRefused("invalid_request", "send the secret once, in the header or the body")
    client_id, secret = client or (asked.client_id, asked.client_secret)
    if not client_id or not secret:
        raise InvalidClient
    scopes = None if not asked.scope else frozenset(asked.scope.split())
    return TokenRequest(_key(client_id, secret), scopes)


def _read_body(content_type: str, body: bytes) -> _Body:
    media_type = content_type.partition(";")[0].strip().lower()
    try:
        if media_type == _JSON:
            return msgspec.json.decode(body, type=_Body)
        if media_type == _FORM:
            return _read_form(body.decode())
    except (ValueError, RecursionError):
        raise TokenRefused("invalid_request", f"the body is not {media_type}") from None
    raise TokenRefused("invalid_request", f"send {_JSON} or {_FORM}")


def _read_form(text: str) -> _Body:
    pairs = parse_qsl(text, strict_parsing=bool(text), max_num_fields=20)
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise TokenRefused("invalid_request", "a parameter is there twice")
    return msgspec.convert(fields, _Body)


def _basic_client(authorization: str) -> tuple[str, str] | None:
    """Id and secret of the header, each form-encoded before they were joined; None without one."""
    if authorization[: len(_BASIC)].lower() != _BASIC:
        return None
    try:
        joined = b64decode(authorization[len(_BASIC) :], validate=True).decode()
    except ValueError:  # no base64, or no text
        raise InvalidClient from None
    client_id, _, secret = joined.partition(":")
    return unquote_plus(client_id), unquote_plus(secret)


def _key(client_id: str, secret: str) -> str:
    """The key of an id and its secret, for which the whole key does as well."""
    prefix = f"cf_{client_id}_"
    return secret if secret.startswith(prefix) else prefix + secret
