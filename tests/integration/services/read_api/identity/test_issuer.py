"""JWTs of a configured issuer open what its claims name, and nothing else does."""

import time
from typing import Any

import pytest
from joserfc.jwk import ECKey

from shared.web_edge.published_keys import ASK_AGAIN_S
from tests.integration.services.read_api.identity.asking import REPORT, WHOAMI, with_token
from tests.integration.services.read_api.process import ReadApi
from tests.jwt_issuer import JwtIssuer, jwt_issuer


def test_rotated_key_is_followed(api: ReadApi, issuer: JwtIssuer) -> None:
    """The first token of a new key has it fetched, within the seconds that protect the issuer."""
    tokens = [issuer.token(sub="EC")]
    for kind in ("RSA", "OKP"):
        issuer.rotate(kind)
        tokens.append(issuer.token(sub=kind))
    deadline_s = time.monotonic() + ASK_AGAIN_S + 1
    while with_token(api, tokens[-1]).status == 401:
        assert time.monotonic() < deadline_s
        time.sleep(0.1)
    assert [200] * 3 == [with_token(api, token).status for token in tokens]


@pytest.mark.parametrize(
    ("claims", "scopes"),
    (
        ({"scope": "openid read profile"}, ["read"]),
        ({"scope": None, "scp": ["read", "publish", "mail"]}, ["publish", "read"]),
        ({"scope": None, "scp": "read operate"}, ["operate", "read"]),
    ),
)
def test_token_is_let_in_for_the_organization_it_names(
    api: ReadApi, issuer: JwtIssuer, claims: dict[str, object], scopes: list[str]
) -> None:
    """With the scopes of ours that it carries, in any of the usual spellings."""
    token = issuer.token(organization_id="globex", sub="sue", exp=4_000_000_000, **claims)
    answer = with_token(api, token)
    assert 200 == answer.status
    assert {
        "organizationId": "globex",
        "scopes": scopes,
        "subject": "sub:sue",
        "expiresAt": "2096-10-02T07:06:40Z",
    } == answer.json
    assert 404 == with_token(api, token, REPORT).status


@pytest.mark.parametrize("claims", ({"scope": "openid"}, {"scope": None}, {"scope": 5}))
def test_token_without_the_scope_is_forbidden(
    api: ReadApi, issuer: JwtIssuer, claims: dict[str, object]
) -> None:
    """In each interface's shape, before anything is looked up."""
    token = issuer.token(**claims)
    assert (403, "application/problem+json") == (
        (answer := with_token(api, token)).status,
        answer.headers["content-type"],
    )
    assert (403, "Forbidden") == (
        (answer := with_token(api, token, REPORT)).status,
        answer.json["error"],
    )


@pytest.mark.parametrize(
    "claims",
    (
        {"iss": "https://other.example"},
        {"iss": "urn:callfold"},
        {"aud": "https://other.example"},
        {"exp": 1},
        {"nbf": 4_000_000_000},
        {"organization_id": None},
        {"organization_id": ""},
        {"organization_id": "x" * 129},
        {"organization_id": ["acme"]},
        {"organization_id": {"id": "acme"}},
        {"padding": "x" * 10_000},
    ),
)
def test_token_with_a_wrong_claim_is_unauthorized(
    api: ReadApi, issuer: JwtIssuer, claims: dict[str, object]
) -> None:
    """401, whatever is asked for, as without any credentials."""
    for target in (WHOAMI, REPORT, "/program-execution/unknown/report/calls?page=0"):
        answer = with_token(api, issuer.token(**claims), target)
        assert (401, "Bearer") == (answer.status, answer.headers["www-authenticate"])


@pytest.mark.parametrize("token", ("x" * 10_000, "a.b.c", "e30.e30.e30", "cf_", "%00", "é.é.é"))
def test_garbage_is_unauthorized(api: ReadApi, token: str) -> None:
    """And costs no look-up of keys."""
    assert 401 == with_token(api, token).status


def test_token_is_no_api_key(api: ReadApi, issuer: JwtIssuer) -> None:
    """`x-api-key` holds keys alone; it goes before a bearer token, which is then not looked at."""
    assert 401 == api.get(WHOAMI, issuer.token()).status
    both = {"authorization": f"Bearer {issuer.token()}"}
    assert 401 == api.get(WHOAMI, "cf_00_x", **both).status


def test_token_of_another_issuers_key_is_unauthorized(api: ReadApi, issuer: JwtIssuer) -> None:
    """Though it calls itself ours, and even names a key of ours."""
    with jwt_issuer() as other:
        private: Any = other.keys[0].as_dict(private=True)
        disguised = ECKey.import_key(private | {"kid": issuer.keys[0].kid})
        for token in (other.token(), other.signed(disguised, iss=issuer.url)):
            assert 401 == with_token(api, token).status
