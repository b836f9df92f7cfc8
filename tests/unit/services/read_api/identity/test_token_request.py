"""What `POST /oauth2/token` reads, without a server."""

from base64 import b64encode

import pytest

from services.read_api.identity.token_request import (
    InvalidClient,
    TokenRefused,
    read_token_request,
)

_JSON = b'{"grant_type":"client_credentials","client_id":"1a","client_secret":"s"}'
_FORM = b"grant_type=client_credentials"


def _basic(text: str) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", b"application/x-www-form-urlencoded"),
        (b"authorization", b"basic " + b64encode(text.encode())),
    ]


def test_key_is_put_together_from_id_and_secret() -> None:
    """A secret that is the whole key is taken as it is; of another key it stays nonsense."""
    headers = [(b"content-type", b"Application/JSON;charset=utf-8")]
    for secret, key in (("s", "cf_1a_s"), ("cf_1a_s", "cf_1a_s"), ("cf_2b_s", "cf_1a_cf_2b_s")):
        body = _JSON.replace(b'"s"', f'"{secret}"'.encode())
        assert key == read_token_request(headers, body).key


def test_basic_credentials_were_form_encoded() -> None:
    """RFC 6749, section 2.3.1: each by itself, before they were joined."""
    assert "cf_1a_s:ü" == read_token_request(_basic("1a:s%3A%C3%BC"), _FORM).key
    for text in ("", "1a", "1a:", ":s"):
        with pytest.raises(InvalidClient):
            read_token_request(_basic(text), _FORM)


@pytest.mark.parametrize(
    ("scope", "scopes"),
    (("", None), ("read", {"read"}), (" read  publish read", {"read", "publish"})),
)
def test_scope_is_a_list_of_names(scope: str, scopes: set[str] | None) -> None:
    """Nothing said is everything that the key allows."""
    headers = [(b"content-type", b"application/json")]
    body = _JSON[:-1] + f',"scope":"{scope}"}}'.encode()
    assert scopes == read_token_request(headers, body).scopes


@pytest.mark.parametrize("body", (_FORM + b"&", _FORM + b"&x", _FORM + b"\xff", b"%"))
def test_broken_form_is_refused(body: bytes) -> None:
    """By name, whatever is broken."""
    with pytest.raises(TokenRefused):
        read_token_request([(b"content-type", b"application/x-www-form-urlencoded")], body)
