"""What a token must be to be believed, attack by attack."""

import hmac
import json
import time
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey, import_key
from joserfc.jws import JWSRegistry

from shared.clock import utc_now
from shared.web_edge.bearer_tokens import TokenVerifier, read_unverified
from shared.web_edge.refusals import Unauthorized

_ISSUER, _AUDIENCE = "https://issuer.example", "callfold"
_RSA = RSAKey.generate_key(2048, auto_kid=True)
_EC = ECKey.generate_key("P-256", auto_kid=True)
_OKP = OKPKey.generate_key("Ed25519", auto_kid=True)


def _claims(**changed: object) -> dict[str, Any]:
    now_s = int(time.time())
    usual = {"iss": _ISSUER, "aud": _AUDIENCE, "sub": "ann", "exp": now_s + 60, "nbf": now_s}
    return {name: value for name, value in (usual | changed).items() if value is not None}


def _token(key: Key = _EC, algorithm: str = "ES256", **changed: object) -> bytes:
    header = {"alg": algorithm, "kid": key.kid}
    return jwt.encode(header, _claims(**changed), key, [algorithm]).encode()


def _raw(header: object, claims: object, signature: bytes = b"") -> bytes:
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return b".".join(urlsafe_b64encode(part).rstrip(b"=") for part in parts)


def _verifier(now: datetime | None = None) -> TokenVerifier:
    return TokenVerifier(
        _ISSUER, _AUDIENCE, ("sub",), lambda: now or datetime.now(UTC), leeway_s=30
    )


def _public(key: Key) -> Key:
    return import_key(key.as_dict(private=False))


@pytest.mark.parametrize(
    ("key", "algorithm"),
    (
        *((_RSA, name) for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
        (_EC, "ES256"),
        (ECKey.generate_key("P-384", auto_kid=True), "ES384"),
        (ECKey.generate_key("P-521", auto_kid=True), "ES512"),
        (_OKP, "EdDSA"),
        (_OKP, "Ed25519"),
    ),
)
@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
def test_token_of_each_algorithm_is_believed(key: Key, algorithm: str) -> None:
    """Whatever key pair the issuer has; the second time from memory."""
    token, verifier = _token(key, algorithm), _verifier()
    assert (_ISSUER, algorithm, key.kid) == (
        (said := read_unverified(token)).issuer,
        said.algorithm,
        said.key_id,
    )
    public = _public(key)
    assert "ann" == verifier.claims(token, public)["sub"]
    assert verifier.claims(token, public) is verifier.claims(token, public)


@pytest.mark.parametrize(
    "token",
    (
        b"",
        b"nonsense",
        b"a.b",
        b"a.b.c",
        b"..",
        b"a.b.c.d.e",
        b"x" * 10_000,
        b"\xff\xfe.\x00.\xe9",
        _token(padding="x" * 10_000),
        _raw([], {"iss": _ISSUER}),
        _raw({"alg": 1}, {"iss": _ISSUER}),
        _raw({"alg": "RS256", "kid": 5}, {"iss": _ISSUER}),
        _raw({"alg": "RS256"}, {}),
        _raw({"alg": "RS256", "typ": "logout+jwt"}, {"iss": _ISSUER}),
        _raw({"alg": "RS256"}, {"iss": ["a", "b"]}),
        urlsafe_b64encode(b"[" * 5_000) + b".e30.",
    ),
)
def test_what_is_no_token_is_unauthorized(token: bytes) -> None:
    """Refused before a key is looked for, however long, deep or odd it is."""
    with pytest.raises(Unauthorized):
        read_unverified(token)


@pytest.mark.parametrize(
    "changed",
    (
        {"iss": "https://other.example"},
        {"iss": None},
        {"aud": "another-service"},
        {"aud": ["another-service"]},
        {"aud": None},
        {"aud": 5},
        {"sub": None},
        {"sub": ""},
        {"exp": None},
        {"exp": 1},
        {"exp": "tomorrow"},
        {"exp": float("nan")},
        {"exp": int(time.time()) - 31},
        {"nbf": int(time.time()) + 3600},
        {"iat": int(time.time()) + 3600},
    ),
)
def test_wrong_claim_is_unauthorized(changed: dict[str, Any]) -> None:
    """Though the signature is right."""
    with pytest.raises(Unauthorized):
        _verifier().claims(_token(**changed), _public(_EC))


def test_clock_that_is_off_a_little_is_forgiven() -> None:
    """Half a minute, to either side; several audiences are fine where one is ours."""
    now_s = int(time.time())
    for changed in ({"exp": now_s - 20}, {"nbf": now_s + 20}, {"aud": ["x", _AUDIENCE]}):
        assert _verifier().claims(_token(**changed), _public(_EC))


def test_unsigned_token_is_unauthorized() -> None:
    """`alg` none, spelled in any way, is no signature."""
    for name in ("none", "None", "NONE", ""):
        with pytest.raises(Unauthorized):
            _verifier().claims(_raw({"alg": name, "kid": _EC.kid}, _claims()), _public(_EC))


def test_public_key_as_a_shared_secret_is_unauthorized() -> None:
    """HS256 over the bytes of the key that everybody can read (key confusion)."""
    unsigned = _raw({"alg": "HS256", "kid": _RSA.kid}, _claims()).removesuffix(b".")
    signature = hmac.digest(_RSA.as_pem(private=False), unsigned, "sha256")
    forged = unsigned + b"." + urlsafe_b64encode(signature).rstrip(b"=")
    with pytest.raises(Unauthorized):
        _verifier().claims(forged, _public(_RSA))


def test_shared_secret_is_no_key() -> None:
    """Though the signature is right."""
    secret = OctKey.generate_key(256)
    forged = jwt.encode({"alg": "HS256"}, _claims(), secret, ["HS256"]).encode()
    with pytest.raises(Unauthorized):
        _verifier().claims(forged, secret)


def test_key_of_another_type_is_unauthorized() -> None:
    """A token may name any `kid`: its algorithm must be one of that key."""
    for key in (_RSA, _OKP):
        with pytest.raises(Unauthorized):
            _verifier().claims(_token(), _public(key))


def test_key_for_encryption_verifies_nothing() -> None:
    """Its `use` or `alg` says so."""
    jwk: Any = _EC.as_dict(private=False)
    for parameters in ({"use": "enc"}, {"alg": "ES384"}):
        with pytest.raises(Unauthorized):
            _verifier().claims(_token(), import_key(jwk | parameters))


def test_tampered_token_is_unauthorized() -> None:
    """Each part is covered by the signature; another key's signature is none."""
    header, claims, signature = _token().split(b".")
    forged = _raw({}, _claims(sub="bob")).split(b".")[1]
    other = _token(ECKey.generate_key("P-256", auto_kid=True)).split(b".")[2]
    for token in (
        b".".join((header, forged, signature)),
        b".".join((header, claims, other)),
        b".".join((header, claims, b"")),
        b".".join((header, claims, signature[:-2])),
    ):
        with pytest.raises(Unauthorized):
            _verifier().claims(token, _public(_EC))


def test_critical_extension_that_is_unknown_is_unauthorized() -> None:
    """`crit` names what must be understood (RFC 7515, section 4.1.11)."""
    header = {"alg": "ES256", "kid": _EC.kid, "crit": ["b64"], "b64": False}
    unsigned = _raw(header, _claims()).removesuffix(b".")
    signature = JWSRegistry.algorithms["ES256"].sign(unsigned, _EC)
    signed = unsigned + b"." + urlsafe_b64encode(signature).rstrip(b"=")
    with pytest.raises(Unauthorized):
        _verifier().claims(signed, _public(_EC))


def test_remembered_token_ends_with_its_time_and_with_its_key() -> None:
    """What was verified once is checked for both at each request."""
    now = utc_now()
    verifier = TokenVerifier(_ISSUER, _AUDIENCE, (), lambda: now)
    token, public = _token(), _public(_EC)
    assert verifier.claims(token, public)
    with pytest.raises(Unauthorized):
        verifier.claims(token, _public(ECKey.generate_key("P-256", auto_kid=True)))
    assert verifier.claims(token, public)
    now += timedelta(seconds=61)
    with pytest.raises(Unauthorized):
        verifier.claims(token, public)
