"""`POST /oauth2/token`: client credentials for a token, as RFC 6749 and the vendor have it."""

from base64 import b64encode
from urllib.parse import urlencode

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from shared.clock import utc_now
from shared.storage.api_keys import create_api_key
from tests.contract.wire import json_bytes
from tests.http_answers import Answer, ask
from tests.integration.services.read_api.identity.asking import REPORT, WHOAMI, with_token
from tests.integration.services.read_api.process import ReadApi

_FORM = "application/x-www-form-urlencoded"


def _ask(
    api: ReadApi, fields: dict[str, object] | bytes, kind: str = "application/json", **more: str
) -> Answer:
    if isinstance(fields, bytes):
        body = fields
    else:
        body = urlencode(fields).encode() if kind == _FORM else json_bytes(fields)
    headers = {"content-type": kind, **more}
    return ask(api.port, "POST", "/oauth2/token", headers, body)


def _credentials(key: str) -> dict[str, object]:
    _, key_id, secret = key.split("_", 2)
    return {"grant_type": "client_credentials", "client_id": key_id, "client_secret": secret}


def test_token_stands_for_its_key(api: ReadApi, read_key: str) -> None:
    """Its organization, its scopes, and its count of requests."""
    answer = _ask(api, _credentials(read_key))
    assert (200, "no-store") == (answer.status, answer.headers["cache-control"])
    assert {"access_token", "token_type", "expires_in", "scope"} == set(answer.json)
    assert ("Bearer", 900, "publish read") == tuple(
        answer.json[name] for name in ("token_type", "expires_in", "scope")
    )
    token = answer.json["access_token"]
    found, by_key = with_token(api, token).json, api.get(WHOAMI, read_key).json
    for name in ("organizationId", "scopes", "subject"):
        assert by_key[name] == found[name]
    assert by_key["expiresAt"] is None
    assert found["expiresAt"] > utc_now().isoformat()
    assert 404 == with_token(api, token, REPORT).status


def test_credentials_are_taken_in_every_usual_form(api: ReadApi, read_key: str) -> None:
    """JSON or a form, the secret or the whole key, in the body or as HTTP Basic."""
    whole = {**_credentials(read_key), "client_secret": read_key}
    grant: dict[str, object] = {"grant_type": "client_credentials"}
    _, key_id, secret = read_key.split("_", 2)
    basic = "Basic " + b64encode(f"{key_id}:{secret}".encode()).decode()
    answers = (
        _ask(api, whole),
        _ask(api, {**_credentials(read_key), "unknown": [1]}),
        _ask(api, _credentials(read_key), "application/json; charset=utf-8"),
        _ask(api, _credentials(read_key), _FORM),
        _ask(api, grant, _FORM, authorization=basic),
        _ask(api, {**grant, "client_id": key_id}, _FORM, authorization=basic),
    )
    assert [200] * len(answers) == [answer.status for answer in answers]


def test_scope_narrows_a_token(api: ReadApi, read_key: str) -> None:
    """To what was asked for; what the key does not allow is refused."""
    narrow = _ask(api, {**_credentials(read_key), "scope": "publish"}).json
    assert "publish" == narrow["scope"]
    assert 403 == with_token(api, narrow["access_token"]).status
    wide = _ask(api, {**_credentials(read_key), "scope": "read operate"})
    assert (400, "invalid_scope") == (wide.status, wide.json["error"])


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    (
        ({"grant_type": None}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"client_id": None}, 401, "invalid_client"),
        ({"client_id": "0000000000000000"}, 401, "invalid_client"),
        ({"client_id": "\x00"}, 401, "invalid_client"),
        ({"client_secret": None}, 401, "invalid_client"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_secret": "cf_00_wrong"}, 401, "invalid_client"),
        ({"client_secret": "é" * 100}, 401, "invalid_client"),
    ),
)
def test_wrong_request_is_refused_in_the_standards_shape(
    api: ReadApi, read_key: str, changed: dict[str, object], status: int, error: str
) -> None:
    """`{error, error_description}`, never cached, as JSON and as a form."""
    fields = {k: v for k, v in (_credentials(read_key) | changed).items() if v is not None}
    for kind in ("application/json", _FORM):
        answer = _ask(api, fields, kind)
        assert (status, error) == (answer.status, answer.json["error"])
        assert {"error", "error_description"} == set(answer.json)
        assert "no-store" == answer.headers["cache-control"]
        assert (status == 401) == ("www-authenticate" in answer.headers)


@pytest.mark.parametrize(
    ("body", "kind"),
    (
        (b"", "application/json"),
        (b"[]", "application/json"),
        (b'{"grant_type": 5}', "application/json"),
        (b"[" * 8_000, "application/json"),
        (b"\xff", "application/json"),
        (b"", _FORM),
        (b"\xff", _FORM),
        (b"grant_type=client_credentials&grant_type=client_credentials", _FORM),
        (b"a=1" + b"&a=1" * 50, _FORM),
        (b"{}", "text/plain"),
        (b"{}", ""),
    ),
)
def test_body_that_cannot_be_read_is_an_invalid_request(
    api: ReadApi, body: bytes, kind: str
) -> None:
    """Whatever it is."""
    answer = _ask(api, body, kind)
    assert (400, "invalid_request") == (answer.status, answer.json["error"])


def test_large_body_is_not_read(api: ReadApi) -> None:
    """Credentials are short."""
    answer = _ask(api, b"{" + b" " * 100_000)
    assert (413, "invalid_request") == (answer.status, answer.json["error"])


def test_secret_twice_is_an_invalid_request(api: ReadApi, read_key: str) -> None:
    """RFC 6749, section 2.3: one way to authenticate in one request."""
    _, key_id, secret = read_key.split("_", 2)
    basic = "Basic " + b64encode(f"{key_id}:{secret}".encode()).decode()
    answer = _ask(api, _credentials(read_key), _FORM, authorization=basic)
    assert (400, "invalid_request") == (answer.status, answer.json["error"])
    broken = _ask(api, {"grant_type": "client_credentials"}, _FORM, authorization="Basic é")
    assert (401, "invalid_client") == (broken.status, broken.json["error"])


def test_published_keys_verify_a_token(api: ReadApi, read_key: str) -> None:
    """For a gateway that stands in front of us; nothing in them signs."""
    token = _ask(api, _credentials(read_key)).json["access_token"]
    answer = api.get("/.well-known/jwks.json")
    assert (200, "public, max-age=300") == (answer.status, answer.headers["cache-control"])
    assert all("d" not in jwk for jwk in answer.json["keys"])
    read = jwt.decode(token, KeySet.import_key_set(answer.json), ["ES256"])
    assert ("at+jwt", "urn:callfold", "acme") == (
        read.header["typ"],
        read.claims["aud"],
        read.claims["organization_id"],
    )
    assert read_key.split("_")[1] == read.claims["client_id"]


def test_tampered_token_is_unauthorized(api: ReadApi, identity_url: str, read_key: str) -> None:
    """Claims of one token do not go with the signature of another."""
    globex = create_api_key(identity_url, "globex", ["read"], "tests")
    ours, theirs = (
        _ask(api, _credentials(key)).json["access_token"].split(".") for key in (read_key, globex)
    )
    for parts in (
        (ours[0], theirs[1], ours[2]),
        (ours[0], ours[1], theirs[2]),
        (ours[0], ours[1], ""),
        (ours[0], ours[1], ours[2][:-4] + "AAAA"),
    ):
        assert 401 == with_token(api, ".".join(parts)).status
