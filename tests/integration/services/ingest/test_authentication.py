"""Publishing needs a key that may publish; probes need none."""

import time
from datetime import timedelta

import pytest

from shared.clock import utc_now
from shared.storage.api_keys import create_api_key, list_api_keys, revoke_api_key
from shared.storage.read_pool import ReadPool
from shared.web_edge.access_tokens import AccessTokens
from shared.web_edge.key_ring import BELIEVED_S, KeyRing
from tests.contract.wire import json_bytes
from tests.integration.services.ingest.process import Ingest
from tests.integration.services.ingest.streams import ORGANIZATION, event, published
from tests.jwt_issuer import JwtIssuer

_BODY = json_bytes(event())


def test_key_is_taken_from_either_header(ingest: Ingest, key: str) -> None:
    """`x-api-key`, or a bearer token whose scheme is written as one likes."""
    assert 202 == ingest.post(_BODY, key).status
    assert 202 == ingest.post(_BODY, None, Authorization=f"Bearer {key}").status
    assert 202 == ingest.post(_BODY, None, authorization=f"bearer  {key} ").status


@pytest.mark.parametrize(
    "headers",
    (
        {},
        {"x-api-key": ""},
        {"x-api-key": "cf_0000000000000000_nonsense"},
        {"x-api-key": "nonsense"},
        {"authorization": "Basic Zm9vOmJhcg=="},
        {"authorization": "Bearer"},
        {"x-api-key": "cf_é_é"},
    ),
)
def test_without_a_valid_key_nothing_is_accepted(
    ingest: Ingest, redis_url: str, headers: dict[str, str]
) -> None:
    """401, whatever the body is."""
    for body in (_BODY, b"nonsense"):
        answer = ingest.post(body, None, **headers)
        assert (401, "Bearer") == (answer.status, answer.headers["www-authenticate"])
        assert "application/problem+json" == answer.headers["content-type"]
    assert not published(redis_url)


def test_right_id_with_wrong_secret_is_unauthorized(ingest: Ingest, key: str) -> None:
    """The id of a key is no secret."""
    assert 202 == ingest.post(_BODY, key).status
    assert 401 == ingest.post(_BODY, key[:-1] + ("A" if key[-1] != "A" else "B")).status
    assert 401 == ingest.post(_BODY, key + "A").status


def test_key_that_may_not_publish_is_forbidden(ingest: Ingest, redis_url: str) -> None:
    """A reader's key publishes nothing."""
    reader_key = create_api_key(ingest.database_url, ORGANIZATION, ["read", "operate"], "reader")
    answer = ingest.post(_BODY, reader_key)
    assert (403, True) == (answer.status, "publish" in answer.json["detail"])
    assert not published(redis_url)


def test_key_publishes_for_its_own_organization_alone(ingest: Ingest, redis_url: str) -> None:
    """An event of another one is a bad event, named as such."""
    other_key = create_api_key(ingest.database_url, "globex", ["publish"], "globex")
    answer = ingest.post(_BODY, other_key)
    (error,) = answer.json["errors"]
    assert (422, "foreign_organization") == (answer.status, error["reason"])
    assert "organizationid" in error["detail"]
    assert not published(redis_url)
    assert 202 == ingest.post(json_bytes(event(organizationid="globex")), other_key).status


async def test_access_token_publishes_as_its_key_does(ingest: Ingest, key: str) -> None:
    """Made by the read API, honoured here; its scope counts."""
    pool = ReadPool(ingest.database_url, 1)
    await pool.open()
    try:
        keys = KeyRing(pool)
        grant = await keys.grant(key.encode())
        assert grant is not None
        tokens = AccessTokens(pool, keys, utc_now)
        made = [(await tokens.issue(grant, scopes)).token for scopes in (["publish"], ["read"])]
    finally:
        await pool.close()
    answers = [ingest.post(_BODY, None, authorization=f"Bearer {token}") for token in made]
    assert [202, 403] == [answer.status for answer in answers]


def test_issuers_token_publishes_for_its_organization(ingest: Ingest, issuer: JwtIssuer) -> None:
    """As a key of that organization would."""
    for claims, status in (
        ({"scope": "publish"}, 202),
        ({"scope": "read"}, 403),
        ({"scope": "publish", "organization_id": "globex"}, 422),
        ({"scope": "publish", "aud": "another"}, 401),
    ):
        token = issuer.token(**claims)
        assert status == ingest.post(_BODY, None, authorization=f"Bearer {token}").status


def test_revoked_key_stops_within_seconds(ingest: Ingest) -> None:
    """A key that was just used is believed for a moment, not longer."""
    revoked_key = create_api_key(ingest.database_url, ORGANIZATION, ["publish"], "leaver")
    assert 202 == ingest.post(_BODY, revoked_key).status
    assert revoke_api_key(ingest.database_url, revoked_key.split("_")[1])
    deadline_s = time.monotonic() + BELIEVED_S + 1
    while ingest.post(_BODY, revoked_key).status == 202:
        assert time.monotonic() < deadline_s
        time.sleep(0.1)
    assert 401 == ingest.post(_BODY, revoked_key).status


def test_expired_key_stops_at_once(ingest: Ingest) -> None:
    """Expiry is checked at each request, believed or not."""
    expires_at = utc_now() + timedelta(seconds=0.7)
    short_key = create_api_key(ingest.database_url, ORGANIZATION, ["publish"], "guest", expires_at)
    assert 202 == ingest.post(_BODY, short_key).status
    time.sleep(0.8)
    assert 401 == ingest.post(_BODY, short_key).status


def test_use_of_a_key_is_noted(ingest: Ingest) -> None:
    """Once a minute is enough to find keys that nobody uses."""
    used_key = create_api_key(ingest.database_url, "noted", ["publish"], "noted")
    ingest.post(_BODY, used_key)
    (found,) = list_api_keys(ingest.database_url, "noted")
    assert found.last_used_at is not None
    assert abs(utc_now() - found.last_used_at) < timedelta(seconds=30)


@pytest.mark.parametrize("target", ("/livez", "/readyz", "/metrics"))
def test_probes_need_no_key(ingest: Ingest, target: str) -> None:
    """Orchestrators have none."""
    assert 200 == ingest.get(target).status


def test_metrics_count_events_by_what_became_of_them(
    ingest: Ingest, key: str, redis_url: str
) -> None:
    """An operator sees bad publishers without reading what they sent."""
    before = _counted(ingest)
    ingest.post(_BODY, key)
    ingest.post(json_bytes(event(type="call.exploded")), key)
    after = _counted(ingest)
    grown = {name: after[name] - before.get(name, 0) for name in after}
    assert 1 == grown['callfold_ingested_events_total{result="accepted"}']
    assert 1 == grown['callfold_ingested_events_total{result="unknown_type"}']
    assert 1 == grown['callfold_requests_total{route="/v1/events",status="202"}']
    assert 1 == sum(published(redis_url).values())


def _counted(ingest: Ingest) -> dict[str, float]:
    text = ingest.get("/metrics").body.decode()
    samples = [line.rpartition(" ") for line in text.splitlines() if line.startswith("callfold_")]
    return {name: float(value) for name, _, value in samples}
