"""An issuer's keys, fetched from a real server: new ones, withdrawn ones, and while it is away."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from shared.web_edge.published_keys import ASK_AGAIN_S, PublishedKeys, is_safe_url
from shared.web_edge.refusals import Unavailable
from tests.installation import free_port, until
from tests.jwt_issuer import JwtIssuer, jwt_issuer


@pytest.fixture
def issuer() -> Iterator[JwtIssuer]:
    """A running issuer."""
    with jwt_issuer() as running:
        yield running


async def test_keys_are_fetched_once_for_many_and_found_by_id(issuer: JwtIssuer) -> None:
    """Where they are, the discovery document says; a set of one needs no id."""
    keys = PublishedKeys(issuer.url, None)
    key_id = issuer.keys[0].kid
    found = await asyncio.gather(*(keys.find(key_id) for _ in range(20)))
    assert {key_id} == {key and key.kid for key in found}
    assert 1 == issuer.asked
    assert found[0] is await keys.find(None)
    issuer.rotate()
    assert 1 == issuer.asked


async def test_unknown_key_has_the_keys_fetched_but_not_each_time(issuer: JwtIssuer) -> None:
    """A rotation is seen at once; whoever makes ids up cannot have the issuer asked for each."""
    now_s = 100.0
    keys = PublishedKeys(issuer.url, f"{issuer.url}/keys", lambda: now_s)
    old = issuer.keys[0].kid
    assert await keys.find(old)
    new = issuer.rotate("RSA").kid
    for _ in range(3):
        assert await keys.find("made up") is None
    assert 1 == issuer.asked
    now_s += ASK_AGAIN_S
    assert await keys.find(new)
    assert 2 == issuer.asked
    assert await keys.find(old)
    assert await keys.find(None) is None


async def test_withdrawn_key_is_gone_with_the_next_fetch(issuer: JwtIssuer) -> None:
    """The issuer decides which keys are good."""
    now_s = 100.0
    keys = PublishedKeys(issuer.url, None, lambda: now_s)
    old = issuer.keys[0].kid
    assert await keys.find(old)
    new = issuer.rotate("OKP", withdraw=True).kid
    now_s += ASK_AGAIN_S
    assert await keys.find(new)
    assert await keys.find(old) is None


async def test_keys_stay_good_while_the_issuer_is_away() -> None:
    """And come when it is there for the first time."""
    now_s, port = 100.0, free_port()
    keys = PublishedKeys(f"http://127.0.0.1:{port}", None, lambda: now_s)
    with pytest.raises(Unavailable):
        await keys.find("any")
    now_s += ASK_AGAIN_S
    with jwt_issuer(port) as issuer:
        old = issuer.keys[0].kid
        assert await keys.find(old)
    now_s += ASK_AGAIN_S
    assert await keys.find("made up") is None
    assert await keys.find(old)


async def test_keys_are_followed_in_the_background(issuer: JwtIssuer) -> None:
    """The first request waits for nothing."""
    keys = PublishedKeys(issuer.url, None)
    async with keys.following():
        await asyncio.to_thread(until, lambda: issuer.asked == 1, "the keys are asked for")
        assert await keys.find(issuer.keys[0].kid)
    assert 1 == issuer.asked


@pytest.mark.parametrize(
    "document",
    (
        None,
        [],
        {"keys": 5},
        {"issuer": "https://other.example", "jwks_uri": "https://other.example/keys"},
        {"issuer": "SELF", "jwks_uri": "http://192.0.2.1/keys"},
        {"issuer": "SELF", "jwks_uri": "file:///etc/passwd"},
        {"issuer": "SELF", "keys": "x" * 2_000_000},
    ),
)
async def test_answer_that_is_no_key_set_gives_no_keys(
    issuer: JwtIssuer, monkeypatch: pytest.MonkeyPatch, document: object
) -> None:
    """Another issuer's, another scheme's, a huge one: nothing of it is believed."""
    if isinstance(document, dict) and document.get("issuer") == "SELF":
        document = document | {"issuer": issuer.url}
    monkeypatch.setattr(issuer, "document", lambda _path: document)
    with pytest.raises(Unavailable):
        await PublishedKeys(issuer.url, None).find("any")


async def test_keys_that_are_not_understood_are_left_out(
    issuer: JwtIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shared secrets, keys for encryption, new kinds, nonsense: the others are good."""
    good: Any = issuer.keys[0].as_dict(private=False)
    odd: tuple[dict[str, str], ...] = (
        {"kty": "oct", "k": "AAAA", "kid": "secret"},
        {**good, "use": "enc", "kid": "enc"},
        {"kty": "AKP", "alg": "ML-DSA-44", "kid": "new"},
        {"kty": "EC", "crv": "P-256", "x": "!", "y": "!", "kid": "bad"},
        {},
    )
    monkeypatch.setattr(issuer, "document", lambda _path: {"keys": [*odd, good]})
    keys = PublishedKeys(issuer.url, f"{issuer.url}/keys")
    assert await keys.find(issuer.keys[0].kid)
    for jwk in odd:
        assert await keys.find(jwk.get("kid", "")) is None


def test_keys_come_over_https_or_from_this_machine() -> None:
    """Whoever can change them on their way can be anybody."""
    for url in (
        "https://i.example",
        "http://127.0.0.1:8080/x",
        "http://[::1]/",
        "http://localhost",
    ):
        assert is_safe_url(url), url
    for url in ("http://i.example", "http://127.0.0.1.example", "file:///k", "https://", "x", ""):
        assert not is_safe_url(url), url
